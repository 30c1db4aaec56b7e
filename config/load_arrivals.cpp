#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "config/load_parts.h"
#include "config/read_arrivals.h"
#include "config/text.h"
#include "sim/core/math.h"

namespace penstock::config {

namespace {

using Process = ArrivalSpec::Process;

constexpr SimTime one_day{86'400 * ps_per_s};
constexpr std::size_t steps_of_a_day = 96;

Process process_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Process>, 7> processes{{
      {"poisson", Process::poisson},
      {"constant", Process::constant},
      {"gamma", Process::gamma},
      {"weibull", Process::weibull},
      {"on_off", Process::on_off},
      {"offline", Process::offline},
      {"closed_loop", Process::closed_loop},
  }};
  return std::find_if(processes.begin(), processes.end(),
                      [name](const auto& row) { return row.first == name; })
      ->second;
}

/// exp(sharpness (cos θ - 1)) at θ = 0, 1/96 turn, ...: highest at 0, smooth, never 0 (von Mises).
std::vector<double> bell(double sharpness) {
  // cos and sin of a 96th of a turn; the others by rotation, so that no libm is asked.
  constexpr double cos_step = 0.99785892323860350673;
  constexpr double sin_step = 0.06540312923014306681;
  std::vector<double> values;
  double c = 1;
  double s = 0;
  for (std::size_t i = 0; i < steps_of_a_day; ++i) {
    values.push_back(math::exp(sharpness * (c - 1)));
    const double turned = c * cos_step - s * sin_step;
    s = s * cos_step + c * sin_step;
    c = turned;
  }
  return values;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) {
    sum += value;
  }
  return sum / static_cast<double>(values.size());
}

/// 96 steps of a bell with mean 1 whose highest is `peak`.
RateModulation diurnal(double peak, SimTime at, SimTime period) {
  double low = 0;
  double high = 100;  // a peak of 24
  for (int i = 0; i < 60; ++i) {
    const double sharpness = 0.5 * (low + high);
    (1 / mean_of(bell(sharpness)) < peak ? low : high) = sharpness;
  }
  const std::vector<double> values = bell(0.5 * (low + high));
  const double mean = mean_of(values);
  constexpr auto steps = static_cast<std::int64_t>(steps_of_a_day);
  const SimTime step{period.ps / steps};
  const auto first = static_cast<std::size_t>(at.ps / step.ps);
  RateModulation modulation;
  modulation.period = period;
  for (std::size_t i = 0; i < steps_of_a_day; ++i) {
    modulation.from.push_back(step * static_cast<std::int64_t>(i));
    modulation.factors.push_back(
        values[(i + steps_of_a_day - first % steps_of_a_day) % steps_of_a_day] / mean);
  }
  return modulation;
}

class ArrivalLoader {
 public:
  ArrivalLoader(const Section& arrivals, Reporter& reporter, ArrivalSpec& spec)
      : section_(arrivals), reporter_(reporter), spec_(spec) {}

  void load() {
    const std::string_view process = section_.choice("process").value_or("poisson");
    spec_.process = process_of(process);
    spec_.concurrency = section_.whole("concurrency").value_or(0);
    spec_.think = section_.time("think").value_or(SimTime{});
    spec_.cv = section_.number("cv").value_or(1);
    spec_.on = section_.time("on").value_or(SimTime{});
    spec_.off = section_.time("off").value_or(SimTime{});
    spec_.off_rate = section_.number("off_rate").value_or(0);
    spec_.rescale = section_.boolean("rescale").value_or(false);
    const bool is_closed = spec_.process == Process::closed_loop;
    const bool is_open = !is_closed && spec_.process != Process::offline;
    const bool is_on_off = spec_.process == Process::on_off;
    const bool is_renewal = spec_.process == Process::gamma || spec_.process == Process::weibull;
    check(is_closed, "`process: closed_loop`", {"concurrency", "think"}, {"concurrency"});
    check(is_on_off, "`process: on_off`", {"on", "off", "off_rate"}, {"on", "off"});
    const bool has_cv = section_.section("clients").has("cv");
    check(is_renewal || is_on_off, "`process: gamma`, `weibull` and `on_off`", {"cv"}, {});
    if (is_renewal && !section_.has("cv") && !has_cv) {
      reporter_.error(section_.span(), fmt::format("`process: {}` needs `cv`", process),
                      "such as cv: 2; vLLM's burstiness is 1 / cv²");
    }
    check(is_open, "processes with a rate", {"modulation", "rescale", "clients"}, {});
    load_modulation(section_.section("modulation"));
    load_clients(section_.section("clients"), is_renewal || is_on_off);
  }

 private:
  /// Keys that are for some processes only.
  void check(bool applies, std::string_view where, std::initializer_list<std::string_view> keys,
             std::initializer_list<std::string_view> needed) {
    for (const std::string_view key : keys) {
      if (section_.has(key) && !applies) {
        reporter_.error(
            section_.key_span(key), fmt::format("`{}` is for {} only", key, where),
            section_.has("process") || needed.size() == 0 ? "" : fmt::format("add {}", where));
      }
    }
    for (const std::string_view key : needed) {
      if (applies && !section_.has(key)) {
        reporter_.error(section_.span(), fmt::format("{} needs `{}`", where, key));
      }
    }
  }

  void load_modulation(const Section& section) {
    if (!section.is_given()) {
      return;
    }
    const Section day = section.section("diurnal");
    if (day.is_given() == section.has("piecewise")) {
      reporter_.error(section.span(), "`modulation` takes one of `diurnal` and `piecewise`");
    } else if (day.is_given()) {
      load_day(section, day);
    } else {
      load_pieces(section);
    }
    if (spec_.rescale) {
      reporter_.error(section_.key_span("rescale"), "`rescale` does not go with `modulation`");
    }
  }

  void load_day(const Section& section, const Section& day) {
    const SimTime period = section.time("period").value_or(one_day);
    const SimTime at = day.time("at").value_or(SimTime{period.ps / 2});
    if (at >= period) {
      reporter_.error(day.span("at"), "the peak must lie within the period",
                      fmt::format("before {}", period_text(period)));
      return;
    }
    spec_.modulation = diurnal(day.number("peak").value_or(1), at, period);
  }

  void load_pieces(const Section& section) {
    RateModulation modulation;
    double most = 0;
    const std::vector<Section> pieces = section.sections("piecewise");
    for (const Section& piece : pieces) {
      const SimTime from = piece.time("from").value_or(SimTime{});
      const bool is_first = modulation.from.empty();
      if (is_first ? from != SimTime{} : from <= modulation.from.back()) {
        reporter_.error(piece.span("from"), is_first ? "the first step must begin at 0s"
                                                     : "steps must begin one after the other");
        return;
      }
      modulation.from.push_back(from);
      modulation.factors.push_back(piece.number("factor").value_or(1));
      most = std::max(most, modulation.factors.back());
    }
    modulation.period = section.time("period").value_or(SimTime::never());
    if (most == 0) {
      reporter_.error(section.span("piecewise"),
                      pieces.empty() ? "`piecewise` is empty" : "no step has a factor above 0");
    } else if (modulation.from.back() >= modulation.period) {
      reporter_.error(section.span("period"),
                      "`period` must be longer than the last step's `from`");
    } else {
      spec_.modulation = std::move(modulation);
    }
  }

  void load_clients(const Section& section, bool has_cv) {
    if (!section.is_given()) {
      return;
    }
    ClientSpec& clients = spec_.clients;
    clients.count = section.whole("count").value_or(1);
    if (section.has("zipf") && section.has("lognormal")) {
      reporter_.error(section.key_span("lognormal"), "`zipf` and `lognormal` exclude each other");
    } else if (const auto exponent = section.number("zipf")) {
      clients.skew = ClientSpec::Skew::zipf;
      clients.spread = *exponent;
    } else if (const auto sigma = section.number("lognormal")) {
      clients.skew = ClientSpec::Skew::lognormal;
      clients.spread = *sigma;
    }
    if (!section.has("cv")) {
      return;
    }
    if (!has_cv) {
      reporter_.error(section.key_span("cv"),
                      "clients have a `cv` with `process: gamma`, `weibull` or `on_off`");
    } else if (section_.has("cv")) {
      reporter_.error(section.key_span("cv"), "`cv` is given twice: of the process and of clients");
    }
    clients.cv = read_distribution(section, "cv", Unit::count, reporter_);
  }

  static std::string period_text(SimTime period) {
    return quantity_text(static_cast<double>(period.ps), Unit::time);
  }

  const Section& section_;
  Reporter& reporter_;
  ArrivalSpec& spec_;
};

}  // namespace

ArrivalSpec read_arrivals(const Section& section, Reporter& reporter) {
  ArrivalSpec spec;
  ArrivalLoader(section, reporter, spec).load();
  return spec;
}

void load_arrivals(const LoadContext& context, const Section& klass, ClassSpec& spec) {
  const auto name = klass.text("arrivals");
  if (!name) {
    spec.arrivals = read_arrivals(klass.section("arrivals"), context.reporter);
    return;
  }
  const auto profile = context.catalog.profile(*name, klass.span("arrivals"), context.reporter);
  if (profile && profile->arrivals) {
    spec.arrivals = *profile->arrivals;
  } else if (profile) {
    context.reporter.error(klass.span("arrivals"),
                           fmt::format("the profile `{}` has lengths, but no arrivals", *name));
  }
}

}  // namespace penstock::config
