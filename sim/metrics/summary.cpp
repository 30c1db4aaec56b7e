#include "sim/metrics/summary.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "sim/core/assert.h"
#include "sim/metrics/request_passes.h"

namespace penstock {

namespace {

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0.0; }

SloVerdict make_verdict(const Slo& limits, std::uint64_t good, std::uint64_t counted,
                        double duration_s) {
  SloVerdict verdict;
  verdict.limits = limits;
  verdict.good = good;
  verdict.counted = counted;
  verdict.attainment = counted > 0 ? static_cast<double>(good) / static_cast<double>(counted) : 1.0;
  verdict.goodput_requests_per_s = ratio(static_cast<double>(good), duration_s);
  verdict.met = verdict.attainment >= limits.attainment;
  return verdict;
}

void add(RequestCounts& sum, const RequestCounts& more) {
  sum.arrived += more.arrived;
  sum.completed += more.completed;
  sum.rejected += more.rejected;
  sum.aborted += more.aborted;
  sum.running += more.running;
  sum.queued += more.queued;
  sum.preemptions += more.preemptions;
}

/// Names, counts, tokens and verdicts of the classes, and their sums.
void summarize_classes(const Scenario& scenario, const Result& result,
                       const std::vector<Tally>& tallies, Summary& summary) {
  std::uint64_t good = 0;
  std::uint64_t counted = 0;
  bool all_met = true;
  bool any_limit = false;
  summary.classes.resize(tallies.size());
  for (std::size_t c = 0; c < tallies.size(); ++c) {
    ClassSummary& traffic = summary.classes[c];
    traffic.name = scenario.workload.classes[c].name;
    traffic.requests = tallies[c].requests;
    if (c < result.ledger.classes.size()) {
      const LedgerTotals::ClassAccounts& ledger = result.ledger.classes[c];
      traffic.tokens = {ledger.input_tokens, ledger.cached_input_tokens, ledger.output_tokens,
                        ledger.recomputed_tokens, ledger.aborted_tokens};
    }
    const Slo& slo = slo_of(scenario, c);
    if (slo.any()) {
      traffic.slo = make_verdict(slo, tallies[c].good, tallies[c].counted, summary.duration_s);
      any_limit = true;
      all_met = all_met && traffic.slo->met;
      good += tallies[c].good;
      counted += tallies[c].counted;
    }
    add(summary.requests, traffic.requests);
    summary.tokens.input += traffic.tokens.input;
    summary.tokens.cached_input += traffic.tokens.cached_input;
    summary.tokens.output += traffic.tokens.output;
    summary.tokens.recomputed += traffic.tokens.recomputed;
    summary.tokens.aborted += traffic.tokens.aborted;
  }
  if (any_limit) {
    const Slo& limits = tallies.size() == 1 ? slo_of(scenario, 0) : scenario.slo;
    summary.slo = make_verdict(limits, good, counted, summary.duration_s);
    summary.slo->met = all_met && counted > 0;  // nothing measured shows nothing
  }
  summary.requests.preemptions = static_cast<std::uint64_t>(result.preemptions);
}

/// All replicas together; busy time apart, because only it could overflow.
SeriesPoint total_work(const Result& result) {
  SeriesPoint sum;
  for (const ReplicaResult& replica : result.replicas) {
    const SeriesPoint& one = replica.total;
    sum.running_ps += one.running_ps;
    sum.waiting_ps += one.waiting_ps;
    sum.blocks_ps += one.blocks_ps;
    sum.steps += one.steps;
    sum.sequences += one.sequences;
    sum.tokens += one.tokens;
    sum.rows += one.rows;
    sum.sampling_steps += one.sampling_steps;
    sum.pairs += one.pairs;
    sum.kv_read += one.kv_read;
    sum.window_pairs += one.window_pairs;
    sum.window_read += one.window_read;
    sum.expert_bytes += one.expert_bytes;
    sum.all_tokens += one.all_tokens;
  }
  return sum;
}

/// A share that physics keeps at or below 1; above it by more than rounding is a bug of ours.
double checked_share(double share) {
  PENSTOCK_ASSERT(share <= 1 + 1e-6);
  return std::min(share, 1.0);
}

UtilizationSummary utilization(const Scenario& scenario, const Result& result,
                               const SeriesPoint& work) {
  UtilizationSummary u;
  const Int128 wall = result.ledger.wall;
  const double wall_ps = to_double(wall);
  const auto blocks = static_cast<double>(scenario.engine.num_gpu_blocks);
  Int128 busy = 0;
  for (const ReplicaResult& replica : result.replicas) {
    busy += replica.total.busy_ps;
    u.kv_peak = std::max(u.kv_peak, ratio(static_cast<double>(replica.blocks_peak), blocks));
    u.batch_peak = std::max(u.batch_peak, static_cast<double>(replica.batch_peak));
  }
  u.busy = checked_share(ratio(to_double(busy), wall_ps));
  u.kv_mean = checked_share(ratio(to_double(work.blocks_ps), wall_ps * blocks));
  u.steps = static_cast<std::uint64_t>(work.steps);
  u.batch_mean = ratio(static_cast<double>(work.sequences), static_cast<double>(work.steps));
  if (scenario.cluster.engines_per_replica() > 1 && busy > 0) {
    const Int128 wait = busy - (wall - result.ledger.idle);
    if (scenario.cluster.pipeline_parallel > 1) {
      u.stage_wait = to_double(result.stage_wait_ps) / to_double(busy);
    }
    if (scenario.cluster.data_parallel > 1) {
      u.rank_wait = to_double(wait - result.stage_wait_ps) / to_double(busy);
    }
  }
  if (scenario.step_model.kind == StepModelSpec::Kind::roofline) {
    u.mfu = checked_share(flop_utilization(work, result.peak, wall));
    u.mbu = checked_share(byte_utilization(work, result.peak, wall));
  }
  return u;
}

std::optional<Bottleneck> bottleneck(const Result& result) {
  static constexpr std::array<const char*, 3> phases{"decode", "prefill", "mixed"};
  static constexpr std::array<const char*, resource_count> resources{
      "compute", "memory bandwidth", "communication", "latency", "cpu"};
  Int128 busy = 0;
  Int128 largest = 0;
  Bottleneck found;
  for (std::size_t phase = 0; phase < phases.size(); ++phase) {
    for (std::size_t resource = 0; resource < resource_count; ++resource) {
      const Int128 time = result.bound[phase][resource];
      busy += time;
      if (time > largest) {
        largest = time;
        found.phase = phases[phase];
        found.resource = resources[resource];
      }
    }
  }
  if (largest == 0) {
    return std::nullopt;
  }
  found.share = to_double(largest) / to_double(busy);
  return found;
}

void fill_throughput(const Scenario& scenario, Summary& summary) {
  const double seconds = summary.duration_s;
  const TokenCounts& tokens = summary.tokens;
  const double gpus = static_cast<double>(scenario.cluster.replicas) *
                      static_cast<double>(scenario.cluster.gpus_per_replica());
  const auto output = static_cast<double>(tokens.output);
  summary.requests_per_s = ratio(static_cast<double>(summary.requests.completed), seconds);
  summary.input_tokens_per_s = ratio(static_cast<double>(tokens.input), seconds);
  summary.output_tokens_per_s = ratio(output, seconds);
  summary.total_tokens_per_s =
      ratio(static_cast<double>(tokens.input + tokens.cached_input) + output, seconds);
  summary.output_tokens_per_s_per_gpu = ratio(output, seconds * gpus);
}

}  // namespace

const Slo& slo_of(const Scenario& scenario, std::size_t class_index) {
  const std::optional<Slo>& own = scenario.workload.classes.at(class_index).slo;
  return own ? *own : scenario.slo;
}

double flop_utilization(const SeriesPoint& work, const PeakTimes& peak, Int128 wall) {
  const double useful = static_cast<double>(work.tokens) * peak.token_flop +
                        static_cast<double>(work.rows) * peak.row_flop +
                        to_double(work.pairs) * peak.pair_flop +
                        to_double(work.window_pairs) * peak.window_pair_flop;
  return ratio(useful, to_double(wall));
}

double byte_utilization(const SeriesPoint& work, const PeakTimes& peak, Int128 wall) {
  const double moved =
      static_cast<double>(work.steps) * peak.step_bytes +
      static_cast<double>(work.sampling_steps) * peak.head_bytes +
      static_cast<double>(work.all_tokens) * peak.token_bytes +
      static_cast<double>(work.rows) * peak.row_bytes + to_double(work.kv_read) * peak.kv_bytes +
      to_double(work.window_read) * peak.window_kv_bytes +
      static_cast<double>(work.sequences) * peak.sequence_bytes + to_double(work.expert_bytes);
  return ratio(moved, to_double(wall));
}

bool slo_met(const Summary& summary) { return !summary.slo || summary.slo->met; }

Summary summarize(const Scenario& scenario, const Result& result) {
  Summary summary;
  summary.duration_s = static_cast<double>(result.duration.ps) / 1e12;
  RequestPasses passes(scenario, result);
  summarize_classes(scenario, result, passes.tallies(), summary);
  passes.fill(summary);
  summary.itl = latency_stats(result.gaps, 0);
  fill_throughput(scenario, summary);
  const SeriesPoint work = total_work(result);
  summary.utilization = utilization(scenario, result, work);
  if (scenario.engine.enable_prefix_caching) {
    const auto prompt = static_cast<double>(summary.tokens.input + summary.tokens.cached_input);
    summary.utilization.prefix_hit_rate =
        ratio(static_cast<double>(summary.tokens.cached_input), prompt);
    if (scenario.engine.host_blocks > 0) {
      summary.utilization.offload_hit_rate =
          ratio(static_cast<double>(result.host_hit_tokens), prompt);
    }
  }
  const auto duration = static_cast<double>(result.duration.ps);
  summary.mean_waiting = ratio(to_double(work.waiting_ps), duration);
  summary.mean_in_system = summary.mean_waiting + ratio(to_double(work.running_ps), duration);
  summary.bottleneck = bottleneck(result);
  if (scenario.engine.speculative.on()) {
    summary.speculative = speculative_summary(scenario, result);
  }
  summary.bill = make_bill(scenario, result);
  summary.energy = measure_energy(scenario, result, summary.bill);
  summary.bases = price_bases(scenario.prices, summary.bill, summary.energy);
  summary.load = assess_load(scenario, passes.traffic(), summary.requests_per_s);
  return summary;
}

}  // namespace penstock
