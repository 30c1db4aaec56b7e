#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/output/run_output.h"

/// Pieces of text that the screen and the Markdown page share.
namespace penstock::output {

/// One row of a latency table in a unit that suits its numbers.
struct LatencyRow {
  std::string name;                 ///< "TTFT ms"
  std::vector<std::string> values;  ///< mean, p50, p90, p95, p99, max
};
std::vector<LatencyRow> latency_rows(const Summary& summary);

/// One metric of a verdict: "ttft p99", "271 of 500 ms", met or not.
struct MetricVerdict {
  std::string name;
  std::string value;
  bool met = true;
};
std::vector<MetricVerdict> metric_verdicts(const SloVerdict& slo, const LatencyStats& ttft,
                                           const LatencyStats& tpot, const LatencyStats& e2e);

/// "7.84 min, 53,237 steps"
std::string simulated_text(const RunOutput& run);
/// "11.1 req/s", "2,350 output tok/s (294 per GPU)", ...
std::vector<std::string> throughput_parts(const RunOutput& run);
std::vector<std::string> utilization_parts(const RunOutput& run);
/// Of speculative decoding; empty without.
std::vector<std::string> speculative_parts(const RunOutput& run);
/// "$9.67 = 3.87 GPU-h × $2.50"
std::string bill_text(const RunOutput& run);
/// Where the price comes from, and how far providers are apart; may be empty.
std::string price_text(const RunOutput& run);

/// "$0.31 (3.1 kWh × $0.08 × 1.25), 0.27 J per output token · owned $5.21 (...)"; what is not known
/// is left out.
std::string bases_text(const RunOutput& run);

/// One row of the cost table: token type, millions of tokens, busy, idle, sum, times input.
struct CostRow {
  std::string token;
  std::vector<std::string> values;  ///< tokens, busy, idle, per million, x input
};
std::vector<CostRow> cost_rows(const RunOutput& run);

/// Shares of what output tokens cost, by cause, largest groups as cost.md names them.
std::vector<std::string> output_causes(const RunOutput& run);
/// What the rules other than the leading one say, in one clause each.
std::vector<std::string> other_rules(const RunOutput& run);
/// What the same traffic would cost on replicas that are full; empty if that is unknown.
std::string unused_batch_text(const RunOutput& run);
/// Empty if no step was run.
std::string bottleneck_text(const RunOutput& run);
std::string confidence_text(const Confidence& confidence);

std::string join(const std::vector<std::string>& parts, std::string_view separator);

}  // namespace penstock::output
