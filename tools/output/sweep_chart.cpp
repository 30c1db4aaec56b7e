#include <fmt/format.h>

#include <algorithm>

#include "tools/output/sweep_output.h"
#include "tools/output/text.h"
#include "tools/output/text_plot.h"

namespace penstock::output {
namespace {

/// Which points the curve goes through.
struct Curve {
  std::size_t dimension = 0;
  std::vector<const SweepPoint*> points;
};

/// The first key with several values, the others as in the cheapest point, or the first.
Curve find_curve(const SweepOutput& sweep) {
  Curve curve;
  if (sweep.points.empty() || sweep.is_sample) {
    return curve;
  }
  const SweepPoint& anchor = sweep.points[sweep.cheapest.value_or(0)];
  for (std::size_t d = 0; d < sweep.paths.size() && curve.points.size() < 2; ++d) {
    curve = {d, {}};
    for (const SweepPoint& point : sweep.points) {
      bool on_line = true;
      for (std::size_t other = 0; other < sweep.paths.size(); ++other) {
        on_line = on_line && (other == d || point.values[other] == anchor.values[other]);
      }
      if (on_line) {
        curve.points.push_back(&point);
      }
    }
  }
  // A bar needs a column: of more points, evenly spread ones.
  if (curve.points.size() > most_bars) {
    std::vector<const SweepPoint*> some;
    for (std::size_t i = 0; i < most_bars; ++i) {
      some.push_back(curve.points[i * (curve.points.size() - 1) / (most_bars - 1)]);
    }
    curve.points = std::move(some);
  }
  const auto drawn = std::count_if(curve.points.begin(), curve.points.end(),
                                   [](const SweepPoint* p) { return p->status == "ok"; });
  return drawn < 2 ? Curve{} : curve;
}

std::string title_of(const SweepOutput& sweep, const Curve& curve) {
  const std::vector<std::string> names = short_names(sweep.paths);
  std::string fixed;
  for (std::size_t d = 0; d < names.size(); ++d) {
    if (d != curve.dimension) {
      fixed += fmt::format("{}{} {}", fixed.empty() ? "" : ", ", names[d],
                           curve.points.front()->values[d]);
    }
  }
  return printable(
      fmt::format("against {}{}{}", names[curve.dimension], fixed.empty() ? "" : " at ", fixed));
}

}  // namespace

std::string sweep_chart(const SweepOutput& sweep, bool ascii) {
  const Curve curve = find_curve(sweep);
  if (curve.points.empty()) {
    return "";
  }
  std::vector<std::string> labels;
  for (const SweepPoint* point : curve.points) {
    labels.push_back(printable(point->values[curve.dimension]));
  }
  const std::string sign = currency_sign(sweep.currency);
  std::vector<std::vector<std::string>> plots;
  for (const auto& [title, figure] :
       {std::pair(std::string("output tok/s"), SweepFigure::output_tokens_per_s),
        std::pair(std::string("TPOT p50 ms"), SweepFigure::tpot_p50_ms),
        std::pair("input " + sign + "/M", SweepFigure::input_cost),
        std::pair("output " + sign + "/M", SweepFigure::output_cost)}) {
    BarPlot plot{title, {}, labels};
    for (const SweepPoint* point : curve.points) {
      plot.values.push_back(at(point->figures, figure));
    }
    if (auto lines = draw_bars(plot, ascii); !lines.empty()) {
      plots.push_back(std::move(lines));
    }
  }
  return fmt::format("\n {}\n", title_of(sweep, curve)) + side_by_side(plots);
}

}  // namespace penstock::output
