#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::output {

/// The numbers of a point that people see; all others stay in its JSON text.
enum class SweepFigure : std::size_t {
  requests_per_s,
  output_tokens_per_s,
  ttft_p50_ms,
  ttft_p99_ms,
  tpot_p50_ms,
  tpot_p99_ms,
  e2e_p50_ms,
  attainment,
  kv_peak,
  input_cost,  ///< per million tokens, as the others
  cached_cost,
  output_cost,
  blended_cost,
  count_,
};
inline constexpr std::size_t sweep_figure_count = static_cast<std::size_t>(SweepFigure::count_);
using SweepFigures = std::array<std::optional<double>, sweep_figure_count>;

inline std::optional<double> at(const SweepFigures& figures, SweepFigure figure) {
  return figures[static_cast<std::size_t>(figure)];
}

/// One point of a sweep as every printer takes it.
struct SweepPoint {
  std::vector<std::string> values;  ///< of the varied paths, as written
  std::string status;               ///< ok, infeasible, invalid
  std::string reason;               ///< empty if ok
  std::string metrics;              ///< a JSON object: keys of summary.json; empty unless ok
  std::string ci95;                 ///< half widths at the same keys; empty for a single run
  SweepFigures figures{};
  SweepFigures half_widths{};
  std::optional<bool> meets_slo;  ///< nothing without an SLO
  bool on_front = false;          ///< no other point is both cheaper and faster
};

/// A sweep, or as much of it as is done.
struct SweepOutput {
  std::string workload;            ///< the name of the file, without folders
  std::vector<std::string> paths;  ///< the varied keys
  std::vector<std::string> given;  ///< their values as the command line has them
  std::vector<std::string> sets;   ///< `--set` for all points
  bool is_sample = false;          ///< a Latin hypercube instead of a grid
  std::size_t runs = 1;
  std::uint64_t seed = 1;  ///< of the first run of the first point
  std::string currency = "USD";
  std::vector<SweepPoint> points;       ///< those that are done, in the order of the grid
  std::size_t total = 0;                ///< points that were asked for
  std::optional<std::size_t> cheapest;  ///< of the points: lowest cost per token of those that meet
                                        ///< the SLO (of all without one)
  std::vector<std::pair<std::string, std::string>> reasons;  ///< why a metric is null, by its key
  std::vector<std::string> warnings;                         ///< about the sweep as a whole
};

/// The figures in a JSON object with the keys of summary.json.
SweepFigures sweep_figures(const std::string& json);
/// Whether all limits in it are met; nothing if there are none.
std::optional<bool> sweep_meets_slo(const std::string& json);

/// `engine.max_num_seqs` -> "max_num_seqs"; as much of the path as tells the varied keys apart.
std::vector<std::string> short_names(const std::vector<std::string>& paths);

/// "max_num_seqs 64, replicas 2"
std::string values_text(const SweepOutput& sweep, const SweepPoint& point);

/// The screen: a table, the curve of the first key with several values, the cheapest point.
std::string sweep_table(const SweepOutput& sweep, bool color, bool ascii = false);

/// The curve of the screen: throughput, TPOT, cost of input and output against one varied key, the
/// others as in the cheapest point. Empty if there is none to draw.
std::string sweep_chart(const SweepOutput& sweep, bool ascii = false);

/// The table in Markdown.
std::string sweep_markdown(const SweepOutput& sweep);

/// sweep.json, --format json. What is not available is null; `reasons` says why.
void write_sweep_json(const SweepOutput& sweep, const std::function<void(std::string_view)>& sink);

/// points.csv, --format csv: a row a point in the order of the grid: the varied paths, `status`,
/// the summary's keys with dots, `ci95.` and keys for several runs, `pareto`, `reason`.
void write_points_csv(const SweepOutput& sweep, const std::function<void(std::string_view)>& sink);

/// Only the points' values, for --dry-run: as "table", "json", "csv" or "markdown".
std::string sweep_values(const SweepOutput& sweep, std::string_view format);

}  // namespace penstock::output
