#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/analysis/load.h"
#include "sim/cost/bases.h"
#include "sim/cost/bill.h"
#include "sim/cost/energy.h"
#include "sim/metrics/quantiles.h"
#include "sim/result.h"
#include "sim/scenario.h"

namespace penstock {

struct RequestCounts {
  std::uint64_t arrived = 0, completed = 0, rejected = 0, aborted = 0, running = 0, queued = 0;
  std::uint64_t preemptions = 0;
};

struct TokenCounts {
  std::int64_t input = 0, cached_input = 0, output = 0, recomputed = 0;
  std::int64_t aborted = 0;  ///< of requests whose clients gave up, in none of the others
};

struct SloVerdict {
  Slo limits;
  std::uint64_t good = 0;             ///< met every limit
  std::uint64_t counted = 0;          ///< completed + rejected + aborted + unfinished over a limit
  double attainment = 1;              ///< good / counted; 1 if nothing counts (shown as absent)
  double goodput_requests_per_s = 0;  ///< good over the duration without the warm-up
  bool met = true;
};

struct ClassSummary {
  std::string name;
  RequestCounts requests;
  TokenCounts tokens;
  LatencyStats ttft, tpot, e2e, queue;
  std::optional<SloVerdict> slo;
};

struct UtilizationSummary {
  double busy = 0, kv_mean = 0, kv_peak = 0;
  std::optional<double> mfu, mbu;  ///< absent if the step model knows no hardware
  double batch_mean = 0;           ///< sequences per step, mean over steps
  double batch_peak = 0;
  std::uint64_t steps = 0;
  std::optional<double> prefix_hit_rate;
  std::optional<double> offload_hit_rate;  ///< of which reloaded from host memory, if it has a part
  std::optional<double> rank_wait;  ///< of step time: ranks in lock-step waited for the slowest
  /// Of the time of batches in flight: they waited for a batch before them to leave a stage.
  std::optional<double> stage_wait;
};

/// What speculative decoding did.
struct SpeculativeSummary {
  double acceptance_rate = 0;      ///< accepted drafts / drafts, as the acceptance gives it
  double tokens_per_step = 0;      ///< of a sequence that decodes, as emitted
  double draft_time_share = 0;     ///< the drafter's, of busy time, for sequences that decode
  double rejected_cost_share = 0;  ///< of output's busy cost: verifying and drafting in vain
};

struct Bottleneck {
  std::string resource;  ///< memory bandwidth | compute | communication | latency | cpu
  std::string phase;     ///< decode | prefill | mixed
  double share = 0;      ///< of busy time
};

/// Everything that the outputs show, computed once: product.md "Definitions".
struct Summary {
  RequestCounts requests;
  TokenCounts tokens;
  double duration_s = 0;
  double requests_per_s = 0, input_tokens_per_s = 0, output_tokens_per_s = 0;
  double total_tokens_per_s = 0, output_tokens_per_s_per_gpu = 0;
  LatencyStats ttft, tpot, itl, e2e, queue;
  std::optional<SloVerdict> slo;  ///< over all requests that have a limit
  UtilizationSummary utilization;
  double mean_in_system = 0;  ///< time average of requests in the system (Little's law)
  double mean_waiting = 0;
  std::optional<Bottleneck> bottleneck;
  std::optional<SpeculativeSummary> speculative;  ///< with engine.speculative
  std::vector<ClassSummary> classes;
  Bill bill;
  Energy energy;
  PriceBases bases;
  LoadReport load;
};

/// Requires: a result of simulate() for this scenario. Memory beyond the summary: 8 bytes a
/// request.
Summary summarize(const Scenario& scenario, const Result& result);

/// Of a run with engine.speculative.
SpeculativeSummary speculative_summary(const Scenario& scenario, const Result& result);

/// A completed request meets every limit.
bool is_good(const RequestRecord& request, const Slo& slo);

/// The limits that requests of a class have: its own, else the workload's.
const Slo& slo_of(const Scenario& scenario, std::size_t class_index);

/// MFU or MBU of some work over `wall` GPU time (one GPU of a replica stands for all of them).
double flop_utilization(const SeriesPoint& work, const PeakTimes& peak, Int128 wall);
double byte_utilization(const SeriesPoint& work, const PeakTimes& peak, Int128 wall);

/// Every SLO given is met: what `--strict` asks.
bool slo_met(const Summary& summary);

}  // namespace penstock
