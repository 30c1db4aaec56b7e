#include "sim/cost/energy.h"

#include <algorithm>

#include "sim/core/assert.h"

namespace penstock {

namespace {

constexpr double joules_per_kwh = 3.6e6;

std::string why_unknown(const Scenario& scenario) {
  if (scenario.step_model.kind == StepModelSpec::Kind::constant) {
    return "the constant step model knows no hardware";
  }
  const Accelerator& gpu = scenario.cluster.gpu;
  if (gpu.tdp_w <= 0 || gpu.idle_w <= 0) {
    return "the catalogue does not know the " + std::string(gpu.tdp_w <= 0 ? "TDP" : "idle power") +
           " of " + gpu.name;
  }
  return "";
}

/// What the whole run draws, and the most that all replicas draw together in one interval, in W.
struct Drawn {
  Joules joules;
  double peak_w = 0;
};

Drawn sum_intervals(const Scenario& scenario, const Result& result) {
  Drawn drawn;
  std::size_t intervals = 0;
  for (const ReplicaResult& replica : result.replicas) {
    intervals = std::max(intervals, replica.series.size());
  }
  const std::int64_t interval = result.series_interval.ps;
  for (std::size_t i = 0; i < intervals; ++i) {
    const std::int64_t start = static_cast<std::int64_t>(i) * interval;
    const std::int64_t length = std::clamp<std::int64_t>(result.duration.ps - start, 0, interval);
    if (length == 0) {
      break;
    }
    double together = 0;
    for (const ReplicaResult& replica : result.replicas) {
      const Joules one = interval_energy(
          scenario, i < replica.series.size() ? replica.series[i] : SeriesPoint{}, length);
      drawn.joules.busy += one.busy;
      drawn.joules.idle += one.idle;
      together += one.total();
    }
    drawn.peak_w = std::max(drawn.peak_w, together / (static_cast<double>(length) / ps_per_s));
  }
  return drawn;
}

}  // namespace

Joules interval_energy(const Scenario& scenario, const SeriesPoint& point, std::int64_t length) {
  const Accelerator& gpu = scenario.cluster.gpu;
  PENSTOCK_ASSERT(gpu.tdp_w > 0 && point.busy_ps >= 0 && point.busy_ps <= length);
  const PowerShares& share = power_shares;
  const double idle_w = std::min(gpu.tdp_w, gpu.idle_w + share.loaded * gpu.tdp_w);
  const double gpus = scenario.cluster.tensor_parallel;
  const double busy_s = static_cast<double>(point.busy_ps) / ps_per_s;
  const double idle_s = static_cast<double>(length - point.busy_ps) / ps_per_s;
  // Work as time at the hardware's peak.
  const double flop_s = to_double(point.flop_time) / 1024 / ps_per_s;
  const double byte_s = to_double(point.byte_time) / 1024 / ps_per_s;
  const double drawn = idle_w * busy_s + gpu.tdp_w * (share.busy * busy_s + share.memory * byte_s +
                                                      share.compute * flop_s);
  return {.busy = gpus * std::min(drawn, gpu.tdp_w * busy_s), .idle = gpus * idle_w * idle_s};
}

Energy measure_energy(const Scenario& scenario, const Result& result, const Bill& bill) {
  Energy energy;
  energy.missing = why_unknown(scenario);
  if (!energy.known()) {
    return energy;
  }
  const Drawn drawn = sum_intervals(scenario, result);
  const double host = 1 + scenario.prices.host_share;
  energy.gpu_kwh = drawn.joules.total() / joules_per_kwh;
  energy.idle_kwh = drawn.joules.idle / joules_per_kwh;
  energy.server_kwh = energy.gpu_kwh * host;
  energy.facility_kwh = energy.server_kwh * scenario.prices.pue;
  energy.peak_kw = drawn.peak_w * host * scenario.prices.pue / 1e3;
  std::array<std::int64_t, token_type_count> tokens{};
  for (const LedgerTotals::ClassAccounts& traffic : result.ledger.classes) {
    tokens[0] += traffic.input_tokens;
    tokens[1] += traffic.cached_input_tokens;
    tokens[2] += traffic.output_tokens;
  }
  const double busy_ps = to_double(result.ledger.wall - result.ledger.idle);
  for (std::size_t type = 0; type < token_type_count; ++type) {
    if (tokens[type] > 0 && busy_ps > 0) {
      energy.joules_per_token[type] = drawn.joules.busy * to_double(bill.busy_by_type[type]) /
                                      busy_ps / static_cast<double>(tokens[type]);
    }
  }
  if (tokens[2] > 0) {
    energy.joules_per_output_token = drawn.joules.total() / static_cast<double>(tokens[2]);
  }
  return energy;
}

}  // namespace penstock
