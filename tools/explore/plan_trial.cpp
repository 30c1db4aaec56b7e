#include "tools/explore/plan_trial.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tools/explore/statistics.h"

namespace penstock::explore {
namespace {

/// Requests of a class are cut in so many consecutive batches for the error of a quantile.
constexpr std::size_t batches = 20;
constexpr std::size_t least_in_batch = 20;

struct Metric {
  const char* name;
  SimTime Slo::*limit;
  LatencyStats ClassSummary::*stats;
  /// In ps; negative: the request has none.
  std::int64_t (*value)(const RequestRecord&);
};

constexpr std::array metrics{
    Metric{"ttft", &Slo::ttft, &ClassSummary::ttft,
           [](const RequestRecord& r) { return (r.first_token - r.arrival).ps; }},
    Metric{"tpot", &Slo::tpot, &ClassSummary::tpot,
           [](const RequestRecord& r) {
             const std::int64_t gaps = std::int64_t{r.output_tokens} - 1;
             return gaps > 0 ? (r.finish - r.first_token).ps / gaps : -1;
           }},
    Metric{"e2e", &Slo::e2e, &ClassSummary::e2e,
           [](const RequestRecord& r) { return (r.finish - r.arrival).ps; }},
};

/// Half of the 95 % interval of a quantile, relative to it, from its values in consecutive batches
/// of requests (batch means: neighbours depend on each other, batches hardly do).
double quantile_error(const Scenario& scenario, const Result& result, std::size_t class_index,
                      const Metric& metric, double share) {
  std::vector<std::int64_t> values;
  for (const RequestRecord& r : result.requests) {
    if (r.class_index == class_index && r.status == RequestStatus::completed &&
        r.arrival >= scenario.workload.warmup && metric.value(r) >= 0) {
      values.push_back(metric.value(r));
    }
  }
  const std::size_t size = values.size() / batches;
  if (size < least_in_batch) {
    return 0;
  }
  std::vector<double> quantiles;
  for (std::size_t b = 0; b < batches; ++b) {
    const std::span<std::int64_t> batch(values.data() + b * size, size);
    quantiles.push_back(latency_stats(batch, share).at_attainment);
  }
  const Estimate interval = estimate(quantiles);
  return interval.mean > 0 ? interval.half_width / interval.mean : 0;
}

}  // namespace

std::optional<bool> meets_limits(const Scenario& scenario, const Traffic* traffic,
                                 const std::function<bool()>& stop) {
  const std::size_t classes = scenario.workload.classes.size();
  std::vector<std::uint64_t> left(classes, UINT64_MAX);  // misses that are still allowed
  for (std::size_t c = 0; c < classes && traffic != nullptr && traffic->is_open; ++c) {
    const std::uint64_t requests = traffic->by_class[c].size();
    left[c] = requests > 0 ? allowed_misses(requests, slo_of(scenario, c).attainment) : 0;
  }
  bool has_failed = false;
  SimulationOptions options;
  options.keep_going = [&](const RequestRecord& request) {
    const std::size_t c = request.class_index;
    const Slo& slo = slo_of(scenario, c);
    if (request.arrival < scenario.workload.warmup || !slo.any() ||
        (request.status == RequestStatus::completed && is_good(request, slo))) {
      return true;
    }
    has_failed = has_failed || left[c] == 0;
    left[c] -= left[c] > 0 ? 1 : 0;
    return !has_failed;
  };
  const Evaluation run = evaluate(scenario, options, stop);
  if (has_failed) {
    return false;
  }
  return run.is_complete ? std::optional(slo_met(run.summary)) : std::nullopt;
}

std::vector<LimitLine> limit_lines(const Scenario& scenario, const Evaluation& run) {
  std::vector<LimitLine> lines;
  for (std::size_t c = 0; c < run.summary.classes.size(); ++c) {
    const ClassSummary& one = run.summary.classes[c];
    if (!one.slo) {
      continue;
    }
    for (const Metric& metric : metrics) {
      const Slo& limits = one.slo->limits;
      if (limits.*metric.limit == Slo::none) {
        continue;
      }
      const LatencyStats& stats = one.*metric.stats;
      lines.push_back({.class_name = one.name,
                       .metric = metric.name,
                       .limit_ms = (limits.*metric.limit).milliseconds(),
                       .attainment_wanted = limits.attainment,
                       .value_ms = stats.at_attainment,
                       .error = quantile_error(scenario, run.result, c, metric, limits.attainment),
                       .requests = stats.count,
                       .attainment = one.slo->attainment,
                       .met = one.slo->met});
    }
  }
  return lines;
}

const LimitLine* tightest(const std::vector<LimitLine>& lines) {
  const auto tightness = [](const LimitLine& line) {
    return std::pair(!line.met, line.value_ms / line.limit_ms);
  };
  const auto found = std::max_element(
      lines.begin(), lines.end(),
      [&](const LimitLine& a, const LimitLine& b) { return tightness(a) < tightness(b); });
  return found == lines.end() ? nullptr : &*found;
}

}  // namespace penstock::explore
