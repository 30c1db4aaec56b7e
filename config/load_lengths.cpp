#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "config/load_parts.h"
#include "config/text.h"
#include "sim/core/math.h"

namespace penstock::config {

namespace {

/// Standard normal quantile of 0.95.
constexpr double z95 = 1.6448536269514722;

LengthSpec fixed(double tokens) {
  LengthSpec lengths;
  lengths.a = tokens;
  return lengths;
}

LengthSpec read_uniform(const Section& section, Unit unit, Reporter& reporter) {
  LengthSpec lengths;
  lengths.kind = LengthSpec::Kind::uniform;
  const std::vector<double> ends = section.numbers("uniform");
  const Node* node = section.find("uniform");
  if (node->is_sequence() && node->items.size() != 2) {
    reporter.error(node->span, "`uniform` takes two numbers", "[lowest, highest]");
  } else if (ends.size() == 2) {
    lengths.a = ends[0];
    lengths.b = ends[1];
    if (ends[0] > ends[1]) {
      reporter.error(node->span, "`uniform` goes from the lowest to the highest",
                     fmt::format("did you mean [{}, {}]?", quantity_text(ends[1], unit),
                                 quantity_text(ends[0], unit)));
    }
  }
  return lengths;
}

/// mean = exp(mu + sigma²/2) and p95 = exp(mu + z·sigma), solved for the smaller sigma:
/// ln(p95/mean) = z·sigma - sigma²/2, which is at most z²/2.
LengthSpec read_lognormal(const Section& section, Unit unit, Reporter& reporter) {
  LengthSpec lengths;
  lengths.kind = LengthSpec::Kind::lognormal;
  const auto mean = section.number("mean");
  const auto p95 = section.number("p95");
  if (!mean || !p95) {
    return lengths;
  }
  const double ratio = math::log(*p95 / *mean);
  const double discriminant = z95 * z95 - 2 * ratio;
  if (ratio < 0 || discriminant < 0) {
    Diagnostic& d =
        reporter.error(section.span("p95"), "no lognormal distribution has this mean and this p95");
    d.notes.push_back(
        fmt::format("with a mean of {}, p95 lies between {} and {}", quantity_text(*mean, unit),
                    quantity_text(*mean, unit),
                    quantity_text(std::floor(*mean * math::exp(z95 * z95 / 2) * 100) / 100, unit)));
    return lengths;
  }
  lengths.b = z95 - std::sqrt(discriminant);
  lengths.a = math::log(*mean) - lengths.b * lengths.b / 2;
  return lengths;
}

/// "p99.9" -> 0.999.
std::optional<double> probability_of(std::string_view key) {
  double percent = 0;
  const bool has_digits = key.size() > 1 && key[0] == 'p' && key[1] >= '0' && key[1] <= '9';
  const auto [end, error] = has_digits
                                ? std::from_chars(key.data() + 1, key.data() + key.size(), percent)
                                : std::from_chars_result{key.data(), std::errc::invalid_argument};
  if (error != std::errc() || end != key.data() + key.size() || !(percent <= 100)) {
    return std::nullopt;
  }
  return percent / 100;
}

LengthSpec read_quantiles(const Section& section, Reporter& reporter) {
  struct Point {
    double probability, tokens;
    const Member* member;
  };
  std::vector<Point> points;
  LengthSpec lengths;
  lengths.kind = LengthSpec::Kind::quantiles;
  for (const Member& member : section.members()) {
    const auto probability = probability_of(member.key);
    const auto tokens = section.number(member.key);
    if (!probability) {
      reporter.error(member.key_span, fmt::format("`{}` is not a quantile", excerpt(member.key)),
                     "from p0 to p100, such as p50 or p99.9");
    } else if (tokens) {
      points.push_back({*probability, *tokens, &member});
    }
  }
  if (section.members().empty()) {
    reporter.error(section.span(), "`quantiles` is empty", "such as {p50: 100, p95: 400}");
  }
  std::stable_sort(points.begin(), points.end(),
                   [](const Point& x, const Point& y) { return x.probability < y.probability; });
  for (std::size_t i = 1; i < points.size(); ++i) {
    const Point& before = points[i - 1];
    const Point& here = points[i];
    if (here.probability == before.probability) {
      reporter.error(here.member->key_span,
                     fmt::format("`{}` is `{}` again", here.member->key, before.member->key));
    } else if (here.tokens < before.tokens) {
      reporter.error(here.member->value.span,
                     fmt::format("`{}` is less than `{}`", here.member->key, before.member->key));
    }
  }
  if (points.empty()) {
    return lengths;
  }
  if (points.front().probability > 0) {
    points.insert(points.begin(), {0, points.front().tokens, nullptr});
  }
  if (points.back().probability < 1) {
    points.push_back({1, points.back().tokens, nullptr});
  }
  for (const Point& point : points) {
    lengths.probabilities.push_back(point.probability);
    lengths.values.push_back(point.tokens);
  }
  return lengths;
}

/// Takes ps to seconds.
void to_seconds(LengthSpec& spec) {
  constexpr double ps = ps_per_s;
  if (spec.kind == LengthSpec::Kind::lognormal) {
    spec.a -= math::log(ps);
  } else {
    spec.a /= ps;
    spec.b /= ps;
  }
  for (double& value : spec.values) {
    value /= ps;
  }
}

LengthSpec read_drawn(const Section& parent, std::string_view key, Unit unit, Reporter& reporter) {
  if (const auto whole = parent.whole(key)) {
    return fixed(static_cast<double>(*whole));
  }
  if (const auto value = parent.number(key)) {
    return fixed(*value);
  }
  const Section section = parent.section(key);
  if (!section.is_given()) {
    return fixed(1);  // missing or wrong: reported
  }
  if (section.members().size() != 1) {
    reporter.error(section.span(), fmt::format("`{}` takes one of `uniform`, `lognormal` and "
                                               "`quantiles`",
                                               key));
    return fixed(1);
  }
  if (section.has("uniform")) {
    return read_uniform(section, unit, reporter);
  }
  if (section.section("lognormal").is_given()) {
    return read_lognormal(section.section("lognormal"), unit, reporter);
  }
  return read_quantiles(section.section("quantiles"), reporter);
}

bool is_fixed(const LengthSpec& spec) { return spec.kind == LengthSpec::Kind::fixed; }

/// A profile's lengths, as far as it is found.
void take_profile(const LoadContext& context, const std::string& name, const Span& span,
                  bool with_correlation, ClassSpec& spec) {
  if (const auto profile = context.catalog.profile(name, span, context.reporter)) {
    spec.input = profile->input;
    spec.output = profile->output;
    spec.rank_correlation = with_correlation ? profile->rank_correlation : 0;
  }
}

void report_missing_length(const Section& lengths, std::string_view key, Reporter& reporter) {
  Diagnostic& d = reporter.error(lengths.span(), fmt::format("`{}` is missing", key));
  d.notes.push_back(fmt::format("`workload.classes[].lengths.{}`: {} tokens", key,
                                key == "input" ? "prompt" : "output"));
}

}  // namespace

LengthSpec read_distribution(const Section& section, std::string_view key, Unit unit,
                             Reporter& reporter) {
  LengthSpec spec = read_drawn(section, key, unit, reporter);
  if (unit == Unit::time) {
    to_seconds(spec);
  }
  return spec;
}

void load_lengths(const LoadContext& context, const Section& klass, ClassSpec& spec) {
  if (const auto name = klass.text("lengths")) {
    take_profile(context, *name, klass.span("lengths"), false, spec);
    return;
  }
  const Section lengths = klass.section("lengths");
  if (!lengths.is_given()) {
    return;
  }
  if (const auto name = lengths.text("profile")) {
    take_profile(context, *name, lengths.span("profile"), true, spec);
  }
  for (const auto& [key, length] :
       {std::pair("input", &spec.input), std::pair("output", &spec.output)}) {
    if (lengths.has(key)) {
      *length = read_distribution(lengths, key, Unit::count, context.reporter);
      spec.rank_correlation = 0;  // the profile's was that of its own lengths
    } else if (!lengths.has("profile")) {
      report_missing_length(lengths, key, context.reporter);
    }
  }
  if (const auto correlation = lengths.number("rank_correlation")) {
    spec.rank_correlation = *correlation;
    if (*correlation != 0 && (is_fixed(spec.input) || is_fixed(spec.output))) {
      context.reporter.error(
          lengths.key_span("rank_correlation"),
          "`rank_correlation` needs an input and an output that vary",
          fmt::format("`{}` is one number", is_fixed(spec.input) ? "input" : "output"));
    }
  }
}

}  // namespace penstock::config
