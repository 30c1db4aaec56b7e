#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "tools/output/sweep_output.h"
#include "tools/output/text.h"
#include "tools/report/kinds.h"
#include "tools/report/options.h"
#include "tools/report/run_report.h"
#include "tools/report/sweep_charts.h"

namespace penstock::report {
namespace {

std::vector<Cell> row_of(const Sweep& sweep, std::size_t index) {
  const Json& point = sweep.points()[index];
  std::vector<Cell> row;
  for (const std::string& path : sweep.paths) {
    const Json& value = point.at("values").at(path);
    row.push_back(
        {value_text(value), value.is_number() ? std::optional(value.get<double>()) : std::nullopt});
  }
  row.push_back({point.value("status", std::string())});
  for (const SweepMetric& metric : sweep_metrics) {
    const std::optional<double> value = sweep.number(index, metric.pointer);
    std::string text = "-";
    if (value) {
      text = metric.style == Style::percent ? output::percent(*value)
             : metric.style == Style::price ? output::price_figure(*value)
                                            : output::figure(*value);
    }
    row.push_back({std::move(text), value});
  }
  row.push_back({point.value("pareto", false) ? "yes" : ""});
  return row;
}

void add_table(const Sweep& sweep, Page& page) {
  Table table{.id = "points",
              .caption =
                  "All points; a click on a head sorts, a click on a point above marks its "
                  "row"};
  table.head = sweep.names;
  table.head.emplace_back("status");
  for (const SweepMetric& metric : sweep_metrics) {
    table.head.push_back(metric.is_price ? fmt::format("{} {}/M", metric.label, sweep.sign)
                                         : std::string(metric.label));
  }
  table.head.emplace_back("on the front");
  table.numbers_from = 0;
  table.sortable = true;
  table.tooled = true;
  for (std::size_t i = 0; i < sweep.shown(); ++i) {
    table.rows.push_back(row_of(sweep, i));
  }
  page.section("points-all", "Points", "Every point", "", true);
  if (sweep.shown() < sweep.points().size()) {
    page.text(fmt::format("The first {} of {} points; points.csv has all of them.",
                          output::group_digits(static_cast<std::int64_t>(sweep.shown())),
                          output::group_digits(static_cast<std::int64_t>(sweep.points().size()))));
  }
  page.table(table);
}

std::string point_text(const Sweep& sweep, const Json& values) {
  std::string text;
  for (std::size_t d = 0; d < sweep.paths.size(); ++d) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", sweep.names[d],
                        value_text(values.at(sweep.paths[d])));
  }
  return text;
}

void add_answer(const Sweep& sweep, Page& page) {
  const Json& cheapest = sweep.root.value("cheapest", Json(nullptr));
  std::size_t good = 0;
  bool has_limits = false;
  for (std::size_t i = 0; i < sweep.points().size(); ++i) {
    const std::optional<bool> meets = sweep.meets_slo(i);
    has_limits = has_limits || meets.has_value();
    good += meets.value_or(false) ? 1 : 0;
  }
  if (!cheapest.is_object()) {
    page.verdict("missed", "No point meets the SLOs",
                 fmt::format("{} points were tried.", sweep.points().size()));
  } else {
    const auto index = sweep.index_of(cheapest.at("values"));
    const std::string cost =
        index && sweep.number(*index, "/cost/per_million/blended")
            ? output::money(*sweep.number(*index, "/cost/per_million/blended"), sweep.currency) +
                  " per million tokens"
            : "";
    const bool misses = index && sweep.meets_slo(*index) == false;
    page.verdict(has_limits ? misses ? "missed" : "met" : "plain",
                 "Cheapest" + std::string(has_limits && !misses ? " that meets the SLOs" : "") +
                     ": " + point_text(sweep, cheapest.at("values")),
                 cost);
  }
  const auto count = [](std::size_t n) {
    return Cell{output::group_digits(static_cast<std::int64_t>(n)), static_cast<double>(n)};
  };
  std::vector<Page::Tile> tiles{{"Points", count(sweep.points().size()),
                                 sweep.root.value("design", std::string()) + " of " +
                                     std::to_string(sweep.paths.size()) + " keys"},
                                {"Cheaper or faster than all others",
                                 count(sweep.root.at("pareto").size()), "the Pareto front"}};
  if (has_limits) {
    tiles.push_back({"Meet the SLOs", count(good), "points"});
  }
  page.tiles(tiles);
}

}  // namespace

std::string sweep_report(const std::filesystem::path& folder) {
  const Json manifest = read_json(folder / "manifest.json");
  const Sweep sweep = read_sweep(folder / "sweep.json");
  std::string keys;
  for (const std::string& name : sweep.names) {
    keys += (keys.empty() ? "" : ", ") + name;
  }
  Page page("sweep",
            fmt::format("{}, varied: {}", sweep.root.value("workload", std::string()), keys),
            fmt::format("{} points · {} run{} each · seed {}", sweep.points().size(),
                        sweep.root.value("runs", 1), sweep.root.value("runs", 1) == 1 ? "" : "s",
                        sweep.root.value("seed", 1)));
  add_answer(sweep, page);
  add_landscape(sweep, page);
  add_front(sweep, page);
  add_parallel(sweep, page);
  add_table(sweep, page);
  std::error_code error;
  const auto workload = folder / "workload.yaml";
  add_repeat(manifest, std::filesystem::exists(workload, error) ? read_text(workload) : "", nullptr,
             page);
  return page.render({}, sweep.sign, footer_html(manifest));
}

}  // namespace penstock::report
