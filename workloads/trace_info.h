#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "workloads/error_log.h"
#include "workloads/trace_scan.h"

namespace penstock {

/// Tokens of a trace's inputs or outputs; quantiles linear between neighbours (type 7).
struct LengthFigures {
  std::int64_t total = 0;
  double mean = 0, p5 = 0, p25 = 0, p50 = 0, p75 = 0, p90 = 0, p95 = 0, p99 = 0;
  std::int64_t max = 0;
  /// Requests by length: 1, 2 to 3, 4 to 7, ... tokens.
  std::vector<std::uint64_t> by_power_of_two;
};

/// When requests come. What a trace is too short for is missing.
struct ArrivalFigures {
  double span_s = 0;                          ///< first to last arrival
  std::optional<double> rate;                 ///< gaps over span, per second
  std::optional<double> peak_1s;              ///< most in a second from 0, 1, 2, ... s on
  std::optional<double> peak_60s;             ///< per second
  std::optional<double> gap_cv;               ///< of gaps between arrivals; 1 for a Poisson process
  std::optional<double> gap_cv_300s;          ///< median of the same in windows of 300 s
  std::array<std::optional<double>, 3> fano;  ///< in windows of 1, 10 and 60 s
  std::vector<std::uint64_t> over_time;       ///< requests in equal parts of the span
};

/// What a cache of prompts' blocks would have held.
struct PrefixCacheFigures {
  std::int64_t blocks = 0;  ///< capacity; PrefixMemory::unlimited
  double block_hit_ratio = 0;
  double token_hit_ratio = 0;
};

/// The statistics of a trace.
struct TraceInfo {
  TraceScan scan;
  std::vector<std::string> notes;          ///< rows left out, moved, met twice
  std::optional<ArrivalFigures> arrivals;  ///< nothing if the trace has no times
  LengthFigures input;
  LengthFigures output;
  double ratio_total = 0;  ///< input tokens : output tokens, of the whole trace
  double ratio_p50 = 0;    ///< the same of one request
  double share_below_1 = 0;
  double share_3_to_10 = 0;
  double share_above_10 = 0;
  std::optional<double> rank_correlation;    ///< Spearman's, of input and output
  std::optional<double> linear_correlation;  ///< Pearson's
  std::uint64_t sessions = 0;                ///< different names; 0 = the trace has none
  std::uint64_t over_context = 0;  ///< rows with more tokens than `max_model_len`, if it is given
  std::vector<PrefixCacheFigures> prefix_cache;  ///< empty if the trace names no blocks
};

struct TraceInfoOptions {
  std::vector<std::int64_t> cache_blocks;  ///< capacities to try; PrefixMemory::unlimited
  std::int64_t max_model_len = 0;          ///< 0 = not given
};

/// Statistics of a trace, in two passes over it; of a packed or unsorted one too. Memory grows with
/// different lengths, sessions and blocks, not with rows. Nothing, and errors in the log, as for
/// scan_trace(). Throws TraceChanged.
std::optional<TraceInfo> describe_trace(const TraceInput& input, const TraceOptions& options,
                                        const TraceInfoOptions& what, ErrorLog& errors);

}  // namespace penstock
