#include <fmt/format.h>

#include <algorithm>

#include "tools/output/text.h"
#include "tools/report/options.h"
#include "tools/report/run_report.h"
#include "tools/report/sweep_charts.h"

namespace penstock::report {
namespace {

Json dots(const char* name, const char* color, Json points) {
  return Json{{"type", "scatter"},         {"name", name},
              {"symbolSize", 9},           {"itemStyle", {{"color", color}, {"opacity", 0.75}}},
              {"data", std::move(points)}, {"emphasis", {{"scale", 1.6}}}};
}

Json varied_values(const Sweep& sweep, const Json& one) {
  Json row = Json::array();
  for (const std::string& path : sweep.paths) {
    row.push_back(one.at("values").at(path));
  }
  return row;
}

Json front_option(const Sweep& sweep, Json good, Json bad, Json front) {
  Json line{{"type", "line"},
            {"name", "front"},
            {"data", std::move(front)},
            {"symbolSize", 5},
            {"itemStyle", {{"color", "$output"}}},
            {"lineStyle", {{"width", 2}}}};
  Json series = Json::array({dots("meets the SLOs", "$completed", std::move(good))});
  if (!bad.empty()) {
    series.push_back(dots("misses them", "$whole", std::move(bad)));
  }
  series.push_back(std::move(line));
  return {{"tooltip", {{"trigger", "item"}, {"rows", true}}},
          {"legend", Json::object()},
          {"xAxis", bottom_axis("latency p50 (logarithmic)", "milliseconds", true)},
          {"yAxis", log_axis(sweep.sign + " per million tokens", "money")},
          {"series", std::move(series)}};
}

/// Few values stand evenly spaced, as names.
Json parallel_axis(const Sweep& sweep, std::size_t d) {
  const std::vector<Json> values = sweep.values_of(d);
  Json axis{{"dim", d}, {"name", sweep.names[d]}};
  if (all_numbers(values) && values.size() > 16) {
    axis["type"] = wants_log(values) ? "log" : "value";
    axis["unit"] = "count";
  } else {
    axis["type"] = "category";
    for (const Json& value : values) {
      axis["data"].push_back(value_text(value));
    }
  }
  return axis;
}

}  // namespace

void add_front(const Sweep& sweep, Page& page) {
  Data data;
  for (std::size_t d = 0; d < sweep.paths.size(); ++d) {
    data.columns.push_back({sweep.paths[d], sweep.names[d], ""});
  }
  data.columns.push_back({"e2e_p50_ms", "latency p50", "milliseconds"});
  data.columns.push_back({"cost_per_million", "all tokens", "permillion"});
  Json good = Json::array();
  Json bad = Json::array();
  Json front = Json::array();
  for (std::size_t i = 0; i < sweep.shown(); ++i) {
    const Json& one = sweep.points()[i];
    Json row = varied_values(sweep, one);
    const auto latency = sweep.number(i, "/e2e_ms/p50");
    const auto cost = sweep.number(i, "/cost/per_million/blended");
    row.push_back(latency ? Json(rounded(*latency)) : Json(nullptr));
    row.push_back(cost ? Json(rounded(*cost)) : Json(nullptr));
    data.rows.push_back(std::move(row));
    if (!latency || !cost || *latency <= 0 || *cost <= 0) {
      continue;
    }
    const Json point{{"value", Json::array({rounded(*latency), rounded(*cost)})}, {"row", i}};
    (sweep.meets_slo(i).value_or(true) ? good : bad).push_back(point);
    if (one.value("pareto", false)) {
      front.push_back(point);
    }
  }
  if (good.size() + bad.size() < 2) {
    return;
  }
  std::sort(front.begin(), front.end(), [](const Json& a, const Json& b) {
    return a.at("value")[0].get<double>() < b.at("value")[0].get<double>();
  });
  const std::size_t on_front = front.size();
  Json option = front_option(sweep, std::move(good), std::move(bad), std::move(front));
  page.section("front", "Trade-off", "What does speed cost?");
  page.chart(
      {.id = "pareto",
       .question = "Which points are worth having?",
       .answer = fmt::format("{} of {} points are on the front: no other is both cheaper and "
                             "faster. A click marks a point's row in the table.",
                             on_front, sweep.points().size()),
       .option = std::move(option),
       .data = std::move(data),
       .use_dataset = false,
       .height = "tall",
       .sketch = Sketch{"e2e_p50_ms", {{"cost_per_million", "c1"}}, true, true, true},
       .rows_of = "points"});
}

void add_parallel(const Sweep& sweep, Page& page) {
  constexpr std::array<std::size_t, 5> shown_metrics{2, 3, 5, 7, 8};
  std::size_t varied = 0;
  for (std::size_t d = 0; d < sweep.paths.size(); ++d) {
    varied += sweep.values_of(d).size() > 1 ? 1 : 0;
  }
  if (varied < 2) {
    return;
  }
  Chart chart{.id = "parallel",
              .question = "How do several keys act together?",
              .answer =
                  "One line a point. Drag along an axis to keep the lines that cross there: "
                  "the table below shows those alone.",
              .use_dataset = false,
              .height = "tall",
              .rows_of = "points"};
  Json axes = Json::array();
  for (std::size_t d = 0; d < sweep.paths.size(); ++d) {
    chart.data.columns.push_back({sweep.paths[d], sweep.names[d], ""});
    axes.push_back(parallel_axis(sweep, d));
  }
  for (const std::size_t m : shown_metrics) {
    const SweepMetric& metric = sweep_metrics[m];
    chart.data.columns.push_back({metric.label, metric.label, metric.unit});
    axes.push_back({{"dim", axes.size()},
                    {"name", metric.label},
                    {"unit", metric.is_price ? "money" : metric.unit}});
  }
  for (std::size_t i = 0; i < sweep.shown(); ++i) {
    Json row = Json::array();
    for (const std::string& path : sweep.paths) {
      const Json& value = sweep.points()[i].at("values").at(path);
      // Names of categories are texts.
      const bool is_number = axes[row.size()]["type"] != "category";
      row.push_back(is_number ? value : Json(value_text(value)));
    }
    bool complete = true;
    for (const std::size_t m : shown_metrics) {
      const auto number = sweep.number(i, sweep_metrics[m].pointer);
      complete = complete && number.has_value();
      row.push_back(number ? Json(rounded(*number)) : Json(nullptr));
    }
    if (complete) {
      chart.row_numbers.push_back(i);
      chart.data.rows.push_back(std::move(row));
    }
  }
  chart.option = {
      {"parallelAxis", std::move(axes)},
      {"parallel", {{"left", 46}, {"right", 60}, {"top", 36}, {"bottom", 16}}},
      {"series",
       Json::array({Json{{"type", "parallel"},
                         {"data", chart.data.rows},
                         {"lineStyle", {{"color", "$c1"}, {"width", 1.2}, {"opacity", 0.45}}},
                         {"inactiveOpacity", 0.04}}})}};
  page.chart(chart);
}

}  // namespace penstock::report
