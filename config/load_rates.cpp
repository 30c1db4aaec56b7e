#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/load_parts.h"
#include "config/mean_length.h"
#include "config/text.h"
#include "sim/core/math.h"

namespace penstock::config {

namespace {

constexpr double seconds_a_day = 86400;
constexpr double once_a_day = 1 / seconds_a_day;
constexpr double most_per_second = 1e9;
constexpr std::array<std::string_view, 3> rate_keys{"rate", "share", "tokens_per_day"};

class RateLoader {
 public:
  RateLoader(const LoadContext& context, const Section& klass, ClassSpec& spec)
      : workload_(context.root.section("workload")),
        class_(klass),
        reporter_(context.reporter),
        spec_(spec),
        scale_(workload_.number("rate_scale").value_or(1) *
               class_.number("rate_scale").value_or(1)) {}

  void load(std::size_t count) {
    std::vector<std::string_view> given;
    std::copy_if(rate_keys.begin(), rate_keys.end(), std::back_inserter(given),
                 [this](std::string_view key) { return class_.has(key); });
    const auto total = workload_.number("rate");
    if (given.size() > 1) {
      reporter_.error(class_.key_span(given[0]),
                      fmt::format("`{}` and `{}` exclude each other", given[0], given[1]));
    } else if (given.empty() && workload_.has("rate") && count == 1) {
      spec_.share = 1;
      set_rate(total.value_or(0), class_.span());
    } else if (given.empty()) {
      report_missing();
    } else if (given[0] == "share") {
      load_share(total);
    } else if (total) {
      reporter_.error(class_.key_span(given[0]),
                      "`workload.rate` is given: classes have a `share` of it");
    } else if (given[0] == "rate") {
      set_rate(class_.number("rate").value_or(0), class_.span("rate"));
    } else {
      load_tokens();
    }
  }

  /// For a class without a rate: `process` says why.
  void refuse(std::string_view process, bool refuse_share) {
    for (const std::string_view key : rate_keys) {
      if (class_.has(key) && (key != "share" || refuse_share)) {
        reporter_.error(class_.key_span(key),
                        fmt::format("`{}` has no meaning with `process: {}`", key, process));
      }
    }
    if (class_.number("rate_scale").value_or(1) != 1) {
      reporter_.error(class_.span("rate_scale"),
                      fmt::format("`rate_scale` has no meaning with `process: {}`", process));
    } else if (workload_.number("rate_scale").value_or(1) != 1) {
      reporter_.error(workload_.span("rate_scale"),
                      fmt::format("class `{}` has no rate to scale: its process is {}",
                                  excerpt(spec_.name), process));
    }
  }

 private:
  void report_missing() {
    // `concurrency` without its process has been reported.
    if (class_.is_given() && !class_.section("arrivals").has("concurrency")) {
      const bool has_total = workload_.has("rate");
      reporter_.error(
          class_.span(), has_total ? "`share` is missing" : "`rate` is missing",
          has_total ? "such as share: 60%" : "such as rate: 8/s, or tokens_per_day: 40M");
    }
  }

  void load_share(std::optional<double> total) {
    if (!workload_.has("rate")) {
      Diagnostic& d = reporter_.error(class_.key_span("share"), "`share` of what rate?");
      d.notes.emplace_back("give the total as `workload.rate`, or this class a `rate`");
      return;
    }
    spec_.share = class_.number("share").value_or(0);
    const double rate = spec_.share * total.value_or(0);
    if (rate > 0 && rate < once_a_day) {
      reporter_.error(class_.span("share"), "this share is less than one request a day");
      spec_.rate = rate;
      return;
    }
    set_rate(rate, class_.span("share"));
  }

  void load_tokens() {
    const auto tokens = class_.number("tokens_per_day");
    if (!tokens) {
      return;  // reported
    }
    const double input = std::max(1.0, mean_length(spec_.input));
    const double output = std::max(1.0, mean_length(spec_.output));
    const double rate = *tokens / seconds_a_day / (input + output);
    const Span span = class_.span("tokens_per_day");
    if (rate < once_a_day || rate > most_per_second) {
      Diagnostic& d = reporter_.error(
          span, rate < once_a_day ? "this is less than one request a day"
                                  : "this is more than 1,000,000,000 requests a second");
      d.notes.push_back(
          fmt::format("a request has {:.4g} input and {:.4g} output tokens", input, output));
      return;
    }
    reporter_.note(fmt::format("{}: {} tokens/day = {:.3g} requests/s of {:.5g} + {:.4g} tokens{}",
                               excerpt(spec_.name), quantity_text(*tokens, Unit::amount), rate,
                               input, output,
                               scale_ != 1 ? fmt::format(", x {:.4g} by rate_scale", scale_) : ""));
    set_rate(rate, span);
  }

  /// Takes a rate in range, 0 if none is known, and scales it.
  void set_rate(double rate, const Span& span) {
    spec_.rate = rate * scale_;
    if (rate > 0 && (spec_.rate < once_a_day || spec_.rate > most_per_second)) {
      reporter_.error(
          span, fmt::format("with a `rate_scale` of {:.6g} this is {}", scale_,
                            spec_.rate < once_a_day ? "less than one request a day"
                                                    : "more than 1,000,000,000 requests a second"));
    }
  }

  Section workload_;
  const Section& class_;
  Reporter& reporter_;
  ClassSpec& spec_;
  double scale_;
};

}  // namespace

double mean_length(const LengthSpec& spec) {
  switch (spec.kind) {
    case LengthSpec::Kind::fixed:
      return spec.a;
    case LengthSpec::Kind::uniform:
      return (spec.a + spec.b) / 2;
    case LengthSpec::Kind::lognormal:
      return math::exp(spec.a + spec.b * spec.b / 2);
    case LengthSpec::Kind::quantiles:
      break;
  }
  double mean = 0;
  for (std::size_t i = 1; i < spec.values.size(); ++i) {
    mean += (spec.probabilities[i] - spec.probabilities[i - 1]) *
            (spec.values[i] + spec.values[i - 1]) / 2;
  }
  return mean;
}

void load_rate(const LoadContext& context, const Section& klass, std::size_t count,
               ClassSpec& spec) {
  RateLoader(context, klass, spec).load(count);
}

void refuse_rate(const LoadContext& context, const Section& klass, std::string_view process,
                 bool refuse_share, ClassSpec& spec) {
  RateLoader(context, klass, spec).refuse(process, refuse_share);
}

}  // namespace penstock::config
