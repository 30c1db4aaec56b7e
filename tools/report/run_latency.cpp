#include <fmt/format.h>

#include <array>

#include "tools/output/text.h"
#include "tools/report/options.h"
#include "tools/report/run_report.h"

namespace penstock::report {
namespace {

struct Metric {
  const char* key;   ///< in summary.json, without _ms
  const char* name;  ///< for people
  const char* what;
  std::vector<double> ClassLatencies::*values;
};
constexpr std::array<Metric, 3> metrics{{
    {"ttft", "TTFT", "the first token", &ClassLatencies::ttft},
    {"tpot", "TPOT", "each further token", &ClassLatencies::tpot},
    {"e2e", "Latency", "the last token", &ClassLatencies::e2e},
}};

/// Where distributions are looked at: percents, and the tail closer.
std::vector<double> grid() {
  std::vector<double> shares;
  for (int percent = 0; percent < 99; ++percent) {
    shares.push_back(percent / 100.0);
  }
  for (int tenth = 0; tenth < 10; ++tenth) {
    shares.push_back((990 + tenth) / 1000.0);
  }
  shares.insert(shares.end(), {0.9999, 1.0});
  return shares;
}

void add_percentiles(const SummaryView& view, Page& page) {
  Table table{.id = "latency-table",
              .caption = "Latencies of all completed requests, ms",
              .head = {"ms", "mean", "p50", "p90", "p95", "p99", "max", "std"}};
  for (const auto& [key, name] : {std::pair("ttft_ms", "TTFT: to the first token"),
                                  std::pair("tpot_ms", "TPOT: per further token"),
                                  std::pair("itl_ms", "ITL: gaps between tokens"),
                                  std::pair("e2e_ms", "latency: to the last token"),
                                  std::pair("queue_ms", "queue: to the first step")}) {
    std::vector<Cell> row{{name}};
    for (const char* column : {"mean", "p50", "p90", "p95", "p99", "max", "std"}) {
      row.push_back(view.cell(fmt::format("/{}/{}", key, column), Style::milliseconds));
    }
    table.rows.push_back(std::move(row));
  }
  page.table(table);
}

void add_quantiles(const std::vector<const std::vector<double>*>& columns, Data& data) {
  for (const double share : grid()) {
    Json row = Json::array({share});
    for (const std::vector<double>* values : columns) {
      const double value = quantile_of(*values, share);
      row.push_back(value > 0 ? Json(rounded(value)) : Json(nullptr));
    }
    data.rows.push_back(std::move(row));
  }
}

std::string latency_answer(const SummaryView& view, const Metric& metric) {
  const std::string at = fmt::format("/{}_ms/", metric.key);
  return fmt::format(
      "Half of the requests have {} within {} ms, 99 of 100 within {} ms; the slowest takes {} ms.",
      metric.what, view.text(at + "p50", Style::milliseconds),
      view.text(at + "p99", Style::milliseconds), view.text(at + "max", Style::milliseconds));
}

}  // namespace

std::string class_color(std::size_t index) { return fmt::format("c{}", index % 8 + 1); }

void add_latencies(const SummaryView& view, const std::map<std::string, ClassLatencies>& classes,
                   Page& page) {
  page.section("wait", "Latency", "How long do people wait?");
  Data data{.columns = {{"share", "share of requests", "share"}}};
  std::vector<const std::vector<double>*> columns;
  Chart chart{.id = "latency", .question = "How many requests wait no longer than ...?"};
  for (const Metric& metric : metrics) {
    Json series = Json::array();
    std::size_t index = 0;
    for (const auto& [name, unused] : view.root().at("classes").items()) {
      const auto found = classes.find(name);
      const std::size_t color = index++;
      if (found == classes.end() || (found->second.*metric.values).empty()) {
        continue;
      }
      columns.push_back(&(found->second.*metric.values));
      data.columns.push_back({fmt::format("{}_ms {}", metric.key, name),
                              fmt::format("{} {}", metric.name, name), "milliseconds"});
      series.push_back(line_series(name, columns.size(), 0, class_color(color), "share"));
      const auto limit =
          view.number(fmt::format("/classes/{}/slo/limits/{}_ms", pointer_part(name), metric.key));
      if (limit) {
        series.back()["markLine"] =
            limit_line("xAxis", *limit, "limit " + output::figure(*limit) + " ms");
      }
    }
    if (series.empty()) {
      continue;
    }
    chart.variants.push_back({metric.key,
                              metric.name,
                              latency_answer(view, metric),
                              {{"series", std::move(series)},
                               {"xAxis", bottom_axis(fmt::format("{} (logarithmic)", metric.name),
                                                     "milliseconds", true)}}});
  }
  if (chart.variants.empty()) {
    page.text("No request completed after the warm-up.");
    return;
  }
  add_quantiles(columns, data);
  Json up = value_axis("share of requests", "share");
  up["max"] = 1;
  chart.option = {
      {"tooltip", {{"trigger", "axis"}, {"axisPointer", {{"axis", "y"}}}, {"quantiles", true}}},
      {"legend", Json::object()},
      {"yAxis", std::move(up)}};
  chart.option.update(chart.variants.front().option);
  chart.answer = chart.variants.front().answer;
  chart.sketch = Sketch{data.columns[1].name, {{"share", "c1"}}, true};
  chart.data = std::move(data);
  page.chart(chart);
  add_percentiles(view, page);
}

}  // namespace penstock::report
