#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/output/run_output.h"

/// Small plots of text for terminals.
namespace penstock::output {

/// Columns that a plot takes at most, and bars that it has room for.
inline constexpr std::size_t plot_columns = 49;
inline constexpr std::size_t most_bars = 37;

/// Upright bars, on a scale from 0 or, where the highest is 50 times the lowest, a logarithmic one.
struct BarPlot {
  std::string title;
  std::vector<std::optional<double>> values;  ///< at most most_bars; none: a cross
  std::vector<std::string> labels;            ///< below the bars; those that have room are shown
};

/// The lines of a plot: eighths of blocks, or, with `ascii`, characters that every terminal has.
/// None if no value is above 0.
std::vector<std::string> draw_bars(const BarPlot& plot, bool ascii);

/// Plots in rows of two.
std::string side_by_side(const std::vector<std::vector<std::string>>& plots);

/// How TTFT, TPOT and latency of the completed requests are distributed: `run --plot`.
std::string latency_plots(const RunOutput& run, bool ascii);

}  // namespace penstock::output
