#include <fmt/format.h>

#include <algorithm>

#include "tools/output/text.h"
#include "tools/report/options.h"
#include "tools/report/run_report.h"

namespace penstock::report {
namespace {

std::vector<std::string> class_names(const SummaryView& view) {
  std::vector<std::string> names;
  for (const auto& [name, value] : view.root().at("slo").at("by_class").items()) {
    names.push_back(name);
  }
  return names;
}

bool has_limits(const SummaryView& view, const std::string& name) {
  return view.root().at("slo").at("by_class").at(name).is_object();
}

void add_banner(const SummaryView& view, Page& page) {
  std::vector<std::string> parts;
  bool met = true;
  for (const std::string& name : class_names(view)) {
    if (!has_limits(view, name)) {
      continue;
    }
    const std::string at = "/slo/by_class/" + pointer_part(name);
    met = met && view.root().at(Json::json_pointer(at + "/met")).get<bool>();
    parts.push_back(fmt::format("{}: {} of requests good, {} wanted", name,
                                view.text(at + "/attainment", Style::percent),
                                view.text(at + "/limits/attainment", Style::percent)));
  }
  if (parts.empty()) {
    page.verdict("plain", "No limits were given",
                 "An `slo` in the workload file gets a verdict here.");
    return;
  }
  std::string all = parts.front();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    all += " · " + parts[i];
  }
  page.verdict(met ? "met" : "missed", met ? "Meets its SLOs" : "Misses its SLOs", all);
}

void add_tiles(const SummaryView& view, Page& page) {
  const auto text = [&](const char* pointer, Style style) { return view.text(pointer, style); };
  page.tiles(
      {{"Throughput", view.cell("/throughput/output_tokens_per_s", Style::figure),
        "output tok/s · " + text("/throughput/requests_per_s", Style::figure) + " requests/s"},
       {"TTFT p99", view.cell("/ttft_ms/p99", Style::milliseconds),
        "ms · half within " + text("/ttft_ms/p50", Style::milliseconds)},
       {"TPOT p99", view.cell("/tpot_ms/p99", Style::milliseconds),
        "ms · half within " + text("/tpot_ms/p50", Style::milliseconds)},
       {"Output costs", view.cell("/cost/per_million/output", Style::price),
        "per million tokens, rule " + view.word("/cost/rule")},
       {"Input costs", view.cell("/cost/per_million/input", Style::price), "per million tokens"},
       {"The bill", view.cell("/cost/total", Style::money),
        fmt::format("{} GPU-h × {}{}", text("/cost/gpu_hours", Style::figure), view.sign(),
                    output::figure(view.number("/cost/price/gpu_per_hour").value_or(0)))},
       {"Busy", view.cell("/utilization/busy", Style::percent),
        "load " + text("/utilization/load", Style::percent) + " of saturation"}});
}

Cell limit_cell(const SummaryView& view, const std::string& at, const char* metric) {
  return view.cell(at + "/limits/" + metric, Style::milliseconds);
}

void add_limits(const SummaryView& view, Page& page) {
  Table table{.id = "slo-table",
              .caption = "Limits and what requests got, by class (latencies in ms)",
              .head = {"class", "good", "wanted", "TTFT p50", "p99", "limit", "TPOT p50", "p99",
                       "limit", "latency p99", "limit", "goodput /s"}};
  for (const std::string& name : class_names(view)) {
    const std::string at = "/slo/by_class/" + pointer_part(name);
    const std::string own = "/classes/" + pointer_part(name);
    Cell good = view.cell(at + "/attainment", Style::percent);
    if (has_limits(view, name)) {
      good.mark = view.root().at(Json::json_pointer(at + "/met")).get<bool>() ? "met" : "missed";
    }
    const auto ms = [&](const char* pointer) {
      return view.cell(own + pointer, Style::milliseconds);
    };
    table.rows.push_back({{name},
                          std::move(good),
                          view.cell(at + "/limits/attainment", Style::percent),
                          ms("/ttft_ms/p50"),
                          ms("/ttft_ms/p99"),
                          limit_cell(view, at, "ttft_ms"),
                          ms("/tpot_ms/p50"),
                          ms("/tpot_ms/p99"),
                          limit_cell(view, at, "tpot_ms"),
                          ms("/e2e_ms/p99"),
                          limit_cell(view, at, "e2e_ms"),
                          view.cell(at + "/goodput_requests_per_s", Style::figure)});
  }
  table.sortable = table.rows.size() > 1;
  page.table(table);
}

/// A bar a class; only where there are several to compare.
void add_attainment(const SummaryView& view, Page& page) {
  Data data{.columns = {{"class", "class", ""},
                        {"attainment", "good", "share"},
                        {"wanted", "wanted", "share"}}};
  double least = 1;
  for (const std::string& name : class_names(view)) {
    const std::string at = "/slo/by_class/" + pointer_part(name);
    const std::optional<double> good = view.number(at + "/attainment");
    const std::optional<double> wanted = view.number(at + "/limits/attainment");
    if (good && wanted) {
      data.rows.push_back(Json::array({name, *good, *wanted}));
      least = std::min({least, *good, *wanted});
    }
  }
  if (data.rows.size() < 2) {
    return;
  }
  const double from = least < 0.5 ? 0 : least < 0.9 ? 0.5 : least < 0.98 ? 0.9 : 0.95;
  Json axis = bottom_axis("share of requests", "share");
  axis["min"] = from;
  axis["max"] = 1;
  Json option{{"tooltip", {{"trigger", "axis"}}},
              {"legend", Json::object()},
              {"xAxis", std::move(axis)},
              {"yAxis",
               {{"type", "category"},
                {"inverse", true},
                {"axisLabel", {{"width", 110}, {"overflow", "truncate"}}}}},
              {"series",
               {{{"type", "bar"},
                 {"name", "good"},
                 {"encode", {{"x", 1}, {"y", 0}}},
                 {"itemStyle", {{"color", "$completed"}}},
                 {"barMaxWidth", 22},
                 {"unit", "share"}},
                {{"type", "scatter"},
                 {"name", "wanted"},
                 {"encode", {{"x", 2}, {"y", 0}}},
                 {"symbol", "diamond"},
                 {"symbolSize", 12},
                 {"itemStyle", {{"color", "$bad"}}},
                 {"unit", "share"}}}}};
  page.chart({.id = "attainment",
              .question = "Which classes get what they were promised?",
              .answer = "The share of requests that meet every limit of theirs, and the share "
                        "wanted.",
              .option = std::move(option),
              .data = std::move(data),
              .height = "low"});
}

}  // namespace

void add_verdict(const SummaryView& view, Page& page) {
  add_banner(view, page);
  page.warnings(view.words("/warnings"));
  add_tiles(view, page);
  page.section("slo", "SLOs", "Does it meet its SLOs?",
               "A request is good if it keeps every limit that it has.");
  add_limits(view, page);
  add_attainment(view, page);
}

}  // namespace penstock::report
