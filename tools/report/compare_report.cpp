#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tools/explore/compare.h"
#include "tools/output/text.h"
#include "tools/report/kinds.h"
#include "tools/report/options.h"
#include "tools/report/report.h"
#include "tools/report/run_report.h"

namespace penstock::report {
namespace {

namespace fs = std::filesystem;

struct Sides {
  const RunFiles& a;
  const RunFiles& b;
};

std::string amount(const explore::Estimate& value) { return output::figure(value.mean); }

void add_differences(const explore::Comparison& comparison, Page& page) {
  page.section("numbers", "Numbers", "What is different, and by how much?");
  if (comparison.changed.empty()) {
    page.text("Both are the same scenario.");
  } else {
    Table changed{.id = "changed-table",
                  .caption = "What of the scenario differs",
                  .head = {"key", "A", "B"},
                  .numbers_from = 9};
    for (const auto& [path, a, b] : comparison.changed) {
      changed.rows.push_back({{path}, {a}, {b}});
    }
    page.table(changed);
  }
  Table table{.id = "metrics-table",
              .caption = "All numbers side by side",
              .head = {"metric", "A", "B", "B - A", "B / A"},
              .sortable = true,
              .tooled = true};
  for (const explore::ComparedMetric& metric : comparison.metrics) {
    const bool has_ratio = metric.a.mean != 0;
    const double ratio = has_ratio ? metric.b.mean / metric.a.mean : 0;
    const char* mark = metric.verdict == explore::Verdict::better  ? "met"
                       : metric.verdict == explore::Verdict::worse ? "missed"
                                                                   : "";
    table.rows.push_back(
        {{metric.unit.empty() ? metric.name : metric.name + " " + metric.unit},
         {amount(metric.a), metric.a.mean},
         {amount(metric.b), metric.b.mean},
         {output::figure(metric.difference.mean), metric.difference.mean, "", mark},
         {has_ratio ? fmt::format("{:.3g}", ratio) : "-",
          has_ratio ? std::optional(ratio) : std::nullopt}});
  }
  page.table(table);
}

/// One level of both runs over time.
struct Level {
  const char* id;
  const char* question;
  const char* answer;
  const char* label;
  const char* unit;
  double Interval::*value;
};
constexpr std::array<Level, 3> levels{{
    {"waiting", "When does the queue grow?", "Requests that wait, all replicas together.",
     "waiting requests", "count", &Interval::waiting},
    {"busy", "How busy are the GPUs?", "The share of the time in which a step runs.", "busy",
     "share", &Interval::busy},
    {"kv", "How full is the KV cache?", "The share of blocks in use, mean of the replicas.",
     "KV blocks in use", "share", &Interval::kv},
}};

void add_level(const Level& level, const Sides& sides, const TimeScale& scale, Page& page) {
  Data data{.columns = {{"time_" + scale.unit, "time", scale.unit},
                        {"a", "A", level.unit},
                        {"b", "B", level.unit}}};
  const auto add = [&](const std::vector<Interval>& intervals, bool is_b) {
    Data one{.columns = {data.columns[0], data.columns[1]}};
    for (const Interval& interval : intervals) {
      if (interval.length_s > 0) {
        one.rows.push_back(Json::array(
            {rounded(interval.time_s / scale.seconds), rounded(interval.*level.value)}));
      }
    }
    thin(one, most_rows);
    for (const Json& row : one.rows) {
      data.rows.push_back(is_b ? Json::array({row[0], nullptr, row[1]})
                               : Json::array({row[0], row[1], nullptr}));
    }
  };
  add(sides.a.intervals, false);
  add(sides.b.intervals, true);
  Json axis = bottom_axis("simulated time (" + scale.unit + ")", "count");
  axis["max"] = "dataMax";
  Json series = Json::array();
  for (const auto& [name, column, color] :
       {std::tuple("A", std::size_t{1}, "c1"), std::tuple("B", std::size_t{2}, "c2")}) {
    series.push_back(line_series(name, 0, column, color, level.unit));
    series.back()["connectNulls"] = true;
  }
  Json option{{"tooltip", axis_tooltip()},
              {"legend", Json::object()},
              {"dataZoom", zoom()},
              {"xAxis", std::move(axis)},
              {"yAxis", value_axis(level.label, level.unit)},
              {"series", std::move(series)}};
  page.chart({.id = level.id,
              .question = level.question,
              .answer = level.answer,
              .option = std::move(option),
              .data = std::move(data),
              .height = "low",
              .sketch = Sketch{"time_" + scale.unit, {{"a", "c1"}, {"b", "c2"}}}});
}

struct Waiting {
  const char* name;
  const char* label;
  std::vector<double> ClassLatencies::*values;
};
constexpr std::array<Waiting, 3> waits{{{"ttft", "TTFT", &ClassLatencies::ttft},
                                        {"tpot", "TPOT", &ClassLatencies::tpot},
                                        {"e2e", "Latency", &ClassLatencies::e2e}}};

/// The latencies of all classes of a run, sorted.
std::vector<double> all_classes(const RunFiles& run, std::vector<double> ClassLatencies::*values) {
  std::vector<double> all;
  for (const auto& [name, latencies] : run.latencies) {
    all.insert(all.end(), (latencies.*values).begin(), (latencies.*values).end());
  }
  std::sort(all.begin(), all.end());
  return all;
}

void add_waits(const Sides& sides, Page& page) {
  Chart chart{.id = "latency",
              .question = "How many requests wait no longer than ...?",
              .answer = "All classes together; lines further left are faster.",
              .data = {.columns = {{"share", "share of requests", "share"}}}};
  std::vector<std::vector<double>> columns;
  for (const Waiting& wait : waits) {
    Json series = Json::array();
    for (const auto& [name, run, color] :
         {std::tuple("A", &sides.a, "c1"), std::tuple("B", &sides.b, "c2")}) {
      columns.push_back(all_classes(*run, wait.values));
      chart.data.columns.push_back({fmt::format("{}_ms {}", wait.name, name),
                                    fmt::format("{} {}", wait.label, name), "milliseconds"});
      series.push_back(line_series(name, columns.size(), 0, color, "share"));
    }
    chart.variants.push_back({wait.name,
                              wait.label,
                              "",
                              {{"series", std::move(series)},
                               {"xAxis", bottom_axis(fmt::format("{} (logarithmic)", wait.label),
                                                     "milliseconds", true)}}});
  }
  for (int percent = 0; percent <= 100; ++percent) {
    const double share = percent / 100.0;
    Json row = Json::array({share});
    for (const std::vector<double>& values : columns) {
      const double value = values.empty() ? 0 : quantile_of(values, share);
      row.push_back(value > 0 ? Json(rounded(value)) : Json(nullptr));
    }
    chart.data.rows.push_back(std::move(row));
  }
  Json up = value_axis("share of requests", "share");
  up["max"] = 1;
  chart.option = {{"tooltip", {{"trigger", "axis"}, {"axisPointer", {{"axis", "y"}}}}},
                  {"legend", Json::object()},
                  {"yAxis", std::move(up)}};
  chart.option.update(chart.variants.front().option);
  chart.sketch = Sketch{"ttft_ms A", {{"share", "c1"}}, true};
  page.chart(chart);
}

/// The bills, stacked by cause.
void add_bills(const Sides& sides, Page& page) {
  const SummaryView a(sides.a.summary);
  const SummaryView b(sides.b.summary);
  if (a.currency() != b.currency()) {
    return;
  }
  std::vector<std::pair<std::string, std::array<double, 2>>> causes;
  std::size_t side = 0;
  for (const SummaryView* view : {&a, &b}) {
    for (const Json& account : view->root().at("cost").at("accounts")) {
      const std::string cause = account.value("cause", std::string());
      auto found = std::find_if(causes.begin(), causes.end(),
                                [&](const auto& one) { return one.first == cause; });
      if (found == causes.end()) {
        causes.push_back({cause, {0, 0}});
        found = causes.end() - 1;
      }
      found->second[side] += account.value("amount", 0.0);
    }
    ++side;
  }
  Data data{.columns = {{"run", "run", ""}}};
  data.rows = Json::array({Json::array({"A"}), Json::array({"B"})});
  Json series = Json::array();
  for (const auto& [cause, amounts] : causes) {
    if (amounts[0] == 0 && amounts[1] == 0) {
      continue;
    }
    data.rows[0].push_back(rounded(amounts[0]));
    data.rows[1].push_back(rounded(amounts[1]));
    const bool is_busy = cause.find_first_of(' ') == std::string::npos;
    constexpr std::array known{
        "weights",        "compute",       "attention_compute", "kv_read_prompt",
        "kv_read_output", "communication", "overhead",          "idle"};
    const bool has_color = is_busy && std::find(known.begin(), known.end(), cause) != known.end();
    series.push_back({{"type", "bar"},
                      {"stack", "bill"},
                      {"name", cause},
                      {"encode", {{"x", data.columns.size()}, {"y", 0}}},
                      {"itemStyle", {{"color", has_color ? "$" + cause : "$whole"}}},
                      {"barMaxWidth", 34},
                      {"unit", "money"}});
    data.columns.push_back({cause, cause, "money"});
  }
  Json option{{"tooltip", axis_tooltip()},
              {"legend", Json::object()},
              {"xAxis", bottom_axis(a.sign(), "money")},
              {"yAxis", {{"type", "category"}, {"inverse", true}}},
              {"series", std::move(series)}};
  page.chart({.id = "bills",
              .question = "What do the bills go to?",
              .answer = fmt::format("A costs {}, B {}.", a.text("/cost/total", Style::money),
                                    b.text("/cost/total", Style::money)),
              .option = std::move(option),
              .data = std::move(data),
              .height = "low"});
}

Page::Tile tile_of(const explore::Comparison& comparison, const std::string& path,
                   const std::string& label) {
  for (const explore::ComparedMetric& metric : comparison.metrics) {
    if (metric.path == path) {
      return {
          label, {amount(metric.b), metric.b.mean}, fmt::format("in B; {} in A", amount(metric.a))};
    }
  }
  return {label, {"-"}, ""};
}

}  // namespace

std::string make_comparison(const fs::path& first, const fs::path& second) {
  explore::Comparison comparison;
  try {
    comparison = explore::compare({first.string()}, {second.string()});
  } catch (const explore::NotComparable& error) {
    throw NotAResult(error.what());
  }
  const RunFiles a = read_run(first);
  const RunFiles b = read_run(second);
  Page page("comparison", fmt::format("A: {} · B: {}", comparison.a.title, comparison.b.title),
            fmt::format("{} · {}", a.manifest.value("title", std::string()),
                        b.manifest.value("title", std::string())));
  page.warnings(comparison.warnings);
  page.tiles({tile_of(comparison, "slo.attainment", "Good"),
              tile_of(comparison, "ttft_ms.p99", "TTFT p99, ms"),
              tile_of(comparison, "tpot_ms.p99", "TPOT p99, ms"),
              tile_of(comparison, "throughput.output_tokens_per_s", "Output tok/s"),
              tile_of(comparison, "cost.per_million.output", "Output, per million"),
              tile_of(comparison, "cost.total", "The bill")});
  add_differences(comparison, page);
  const Sides sides{a, b};
  page.section("time", "Over time", "What happens over time?");
  const TimeScale scale = time_scale(
      std::max(a.summary.at("duration_s").get<double>(), b.summary.at("duration_s").get<double>()));
  for (const Level& level : levels) {
    add_level(level, sides, scale, page);
  }
  page.section("wait", "Latency", "How long do people wait?");
  add_waits(sides, page);
  page.section("cost", "Cost", "What does it cost?");
  add_bills(sides, page);
  add_repeat(b.manifest, b.workload, nullptr, page);
  return page.render({{"a", a.summary}, {"b", b.summary}}, SummaryView(a.summary).sign(),
                     footer_html(b.manifest));
}

}  // namespace penstock::report
