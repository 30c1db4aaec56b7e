#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "tools/report/page.h"
#include "tools/report/result_files.h"
#include "tools/report/summary_view.h"

/// The parts of a run's report, in their order on the page.
namespace penstock::report {

struct RunFiles {
  Json summary;
  Json manifest;
  std::vector<Interval> intervals;
  std::vector<LedgerLine> ledger;
  std::vector<PositionLine> positions;
  std::map<std::string, ClassLatencies> latencies;
  std::string workload;  ///< the workload file; empty where the folder has none
};

/// Throws NotAResult, output::IoError.
RunFiles read_run(const std::filesystem::path& folder);

/// "Llama 3.1 70B on 2 × 4 NVIDIA H100 80GB SXM5"
std::string run_heading(const SummaryView& view);

/// Verdict, tiles, warnings, and the table of limits.
void add_verdict(const SummaryView& view, Page& page);
/// Queue, GPU time, KV cache over time.
void add_timeline(const SummaryView& view, const std::vector<Interval>& intervals, Page& page);
/// Distributions of TTFT, TPOT and latency.
void add_latencies(const SummaryView& view, const std::map<std::string, ClassLatencies>& classes,
                   Page& page);
/// Where a dollar goes, by every rule, and what tokens cost.
void add_cost(const SummaryView& view, const std::vector<LedgerLine>& ledger, Page& page);
void add_positions(const SummaryView& view, const std::vector<PositionLine>& positions, Page& page);
void add_list_prices(const SummaryView& view, Page& page);
void add_trust(const SummaryView& view, Page& page);
/// Command, files, versions: how to have it again. `kind`: the command that `manifest` is of.
void add_repeat(const Json& manifest, const std::string& workload, const Json* scenario,
                Page& page);

/// A span of time in the unit that suits it.
struct TimeScale {
  std::string unit;
  double seconds = 1;
};
TimeScale time_scale(double seconds);

/// Numbers of which no more is seen: six digits.
double rounded(double value);

/// Colours of classes, in their order.
std::string class_color(std::size_t index);

/// Keeps about `most` rows, the highest and lowest values of every column of numbers in each of
/// their stretches among them, so that spikes survive. Returns how many rows there were.
std::size_t thin(Data& data, std::size_t most);

inline constexpr std::size_t most_rows = 2000;  ///< behind one chart

}  // namespace penstock::report
