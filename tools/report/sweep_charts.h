#pragma once

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tools/report/page.h"
#include "tools/report/summary_view.h"

/// The charts of a sweep's report.
namespace penstock::report {

struct SweepMetric {
  const char* label;
  const char* pointer;  ///< in a point of sweep.json
  const char* unit;     ///< of charts
  Style style;
  bool is_price = false;
};
inline constexpr std::array sweep_metrics{
    SweepMetric{"good", "/slo/attainment", "share", Style::percent},
    SweepMetric{"req/s", "/throughput/requests_per_s", "count", Style::figure},
    SweepMetric{"output tok/s", "/throughput/output_tokens_per_s", "count", Style::figure},
    SweepMetric{"TTFT p99 ms", "/ttft_ms/p99", "milliseconds", Style::figure},
    SweepMetric{"TPOT p50 ms", "/tpot_ms/p50", "milliseconds", Style::figure},
    SweepMetric{"TPOT p99 ms", "/tpot_ms/p99", "milliseconds", Style::figure},
    SweepMetric{"latency p50 ms", "/e2e_ms/p50", "milliseconds", Style::figure},
    SweepMetric{"input", "/cost/per_million/input", "permillion", Style::price, true},
    SweepMetric{"output", "/cost/per_million/output", "permillion", Style::price, true},
    SweepMetric{"all tokens", "/cost/per_million/blended", "permillion", Style::price, true},
};

/// sweep.json, with what charts ask of it.
struct Sweep {
  Json root;
  std::vector<std::string> paths;  ///< the varied keys
  std::vector<std::string> names;  ///< as short as tells them apart
  std::string sign = "$";
  std::string currency = "USD";

  const Json& points() const { return root.at("points"); }
  /// Rows of tables and charts: a page holds no more.
  std::size_t shown() const { return std::min<std::size_t>(points().size(), 1500); }
  std::optional<double> number(std::size_t point, const char* pointer) const;
  std::optional<bool> meets_slo(std::size_t point) const;
  /// The point of these values.
  std::optional<std::size_t> index_of(const Json& values) const;
  /// Different values of a key, in the order in which they come up.
  std::vector<Json> values_of(std::size_t dimension) const;
};

/// A varied value as text.
std::string value_text(const Json& value);
bool all_numbers(const std::vector<Json>& values);
/// Numbers above 0 that span more than a decade want a logarithmic axis.
bool wants_log(const std::vector<Json>& values);

/// Throws NotAResult, output::IoError.
Sweep read_sweep(const std::filesystem::path& path);

/// Throughput, TPOT, cost of each kind of token against the first key, a line for each combination
/// of the others; a map where two keys vary.
void add_landscape(const Sweep& sweep, Page& page);
/// Cost against latency, the Pareto front marked.
void add_front(const Sweep& sweep, Page& page);
/// Parallel coordinates, where several keys vary.
void add_parallel(const Sweep& sweep, Page& page);

}  // namespace penstock::report
