#include <fmt/format.h>

#include "tools/output/sweep_output.h"
#include "tools/output/text.h"

namespace penstock::output {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : printable(text)) {
    out += std::string_view("\\|`*_<>[]#").find(c) != std::string_view::npos ? "\\" : "";
    out += c;
  }
  return out;
}

std::string cell(const SweepPoint& point, SweepFigure figure_of) {
  const auto value = at(point.figures, figure_of);
  const auto width = at(point.half_widths, figure_of);
  const bool is_share = figure_of == SweepFigure::attainment || figure_of == SweepFigure::kv_peak;
  const auto text = [is_share](double x) { return is_share ? percent(x) : figure(x); };
  return !value ? "-" : width ? fmt::format("{} ± {}", text(*value), text(*width)) : text(*value);
}

}  // namespace

std::string sweep_markdown(const SweepOutput& sweep) {
  const std::string sign = currency_sign(sweep.currency);
  const std::vector<std::pair<std::string, SweepFigure>> figures{
      {"req/s", SweepFigure::requests_per_s},
      {"output tok/s", SweepFigure::output_tokens_per_s},
      {"TTFT p50 ms", SweepFigure::ttft_p50_ms},
      {"TTFT p99 ms", SweepFigure::ttft_p99_ms},
      {"TPOT p50 ms", SweepFigure::tpot_p50_ms},
      {"TPOT p99 ms", SweepFigure::tpot_p99_ms},
      {"SLO good", SweepFigure::attainment},
      {"input " + sign + "/M", SweepFigure::input_cost},
      {"output " + sign + "/M", SweepFigure::output_cost},
      {"KV peak", SweepFigure::kv_peak},
  };
  std::string head = "|";
  std::string rule = "|";
  for (const std::string& name : short_names(sweep.paths)) {
    head += fmt::format(" {} |", escaped(name));
    rule += "--:|";
  }
  for (const auto& [name, figure] : figures) {
    head += fmt::format(" {} |", name);
    rule += "--:|";
  }
  std::string out =
      fmt::format("### Sweep of {}\n\n{} |\n{}:--|\n", escaped(sweep.workload), head, rule);
  for (const SweepPoint& point : sweep.points) {
    out += "|";
    for (const std::string& value : point.values) {
      out += fmt::format(" {} |", escaped(value));
    }
    for (const auto& [name, figure] : figures) {
      out += fmt::format(" {} |", cell(point, figure));
    }
    out += fmt::format(" {}{} |\n", point.on_front ? "◆" : "", escaped(point.reason));
  }
  if (sweep.points.size() < sweep.total) {
    out += fmt::format("\n**not complete: {} of {} points**\n", sweep.points.size(), sweep.total);
  }
  if (sweep.cheapest) {
    out += fmt::format("\n- **cheapest**: {}\n",
                       escaped(values_text(sweep, sweep.points[*sweep.cheapest])));
  }
  return out;
}

}  // namespace penstock::output
