#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tools/output/text.h"
#include "tools/report/kinds.h"
#include "tools/report/options.h"
#include "tools/report/run_report.h"

namespace penstock::report {
namespace {

/// plan.json, and what its report asks of it. Pools of a split stand in `pools`; the plan is a pool
/// itself where there is only one.
struct PlanView {
  explicit PlanView(const Json& json) : root(json), view(json) {
    const Json& plan = root.at("plan");
    if (plan.contains("pools") && plan["pools"].is_array() && !plan["pools"].empty()) {
      for (std::size_t i = 0; i < plan["pools"].size(); ++i) {
        pools.push_back(fmt::format("/plan/pools/{}", i));
      }
    } else {
      pools.emplace_back("/plan");
    }
    currency = view.word("/plan/currency");
    sign = output::currency_sign(currency);
  }
  const Json& at(const std::string& pointer) const { return root.at(Json::json_pointer(pointer)); }
  Cell money(const std::string& pointer) const {
    const std::optional<double> value = view.number(pointer);
    return {value ? output::money(*value, currency) : "-", value, pointer};
  }
  Cell price(const std::string& pointer) const {
    const std::optional<double> value = view.number(pointer);
    return {value ? sign + output::price_figure(*value) : "-", value, pointer};
  }

  const Json& root;
  SummaryView view;
  std::vector<std::string> pools;
  std::string currency, sign;
};

/// "9 × l40s", "2 × 4 h100-sxm"
std::string shape_text(const Json& pool) {
  const auto gpus = pool.value("tensor_parallel", 1) * pool.value("pipeline_parallel", 1) *
                    pool.value("data_parallel", 1);
  return fmt::format("{} ×{} {}", pool.value("replicas", 0),
                     gpus > 1 ? fmt::format(" {}", gpus) : "", pool.value("gpu", std::string("?")));
}

std::string classes_text(const Json& pool) {
  std::string text;
  for (const Json& name : pool.value("classes", Json::array())) {
    text += (text.empty() ? "" : ", ") + name.get<std::string>();
  }
  return text;
}

std::string plan_text(const PlanView& plan) {
  std::string text;
  for (const std::string& pool : plan.pools) {
    const std::string classes = classes_text(plan.at(pool));
    text += (text.empty() ? "" : " + ") + shape_text(plan.at(pool));
    text += plan.pools.size() > 1 ? " for " + classes : "";
  }
  return text;
}

void add_answer(const PlanView& plan, Page& page) {
  page.verdict(
      "met", plan_text(plan),
      fmt::format("The cheapest cluster that keeps every limit: {} an hour, {} a month.",
                  plan.money("/plan/usd_per_hour").text, plan.money("/plan/usd_per_month").text));
  std::vector<Page::Tile> tiles{
      {"A month", plan.money("/plan/usd_per_month"),
       plan.money("/plan/usd_per_hour").text + " an hour"},
      {"GPUs", plan.view.cell("/plan/gpus", Style::count), ""},
      {"Output costs", plan.price("/plan/per_million/output"), "per million, at the planned rate"},
      {"Input costs", plan.price("/plan/per_million/input"), "per million, at the planned rate"}};
  for (const std::string& pool : plan.pools) {
    tiles.push_back(
        {plan.pools.size() > 1 ? "Headroom, " + classes_text(plan.at(pool)) : "Headroom",
         plan.view.cell(pool + "/headroom", Style::percent), "more traffic before a limit breaks"});
  }
  page.tiles(tiles);
}

void add_ranking(const PlanView& plan, Page& page) {
  page.section("ranked", "Plans", "Which plans are there, and what do they cost?");
  Data data{.columns = {{"plan", "plan", ""},
                        {"per_month", "a month", "money"},
                        {"gpus", "GPUs", "count"}}};
  Table table{.id = "plans",
              .caption = "Plans that keep every limit, cheapest first",
              .head = {"plan", "GPUs", "an hour", "a month", "against the plan", "measured GPU"},
              .sortable = true};
  data.rows.push_back(
      Json::array({"the plan", plan.at("/plan/usd_per_month"), plan.at("/plan/gpus")}));
  table.rows.push_back({{plan_text(plan)},
                        plan.view.cell("/plan/gpus", Style::count),
                        plan.money("/plan/usd_per_hour"),
                        plan.money("/plan/usd_per_month"),
                        {"the plan", 1.0},
                        {""}});
  for (std::size_t i = 0; i < plan.at("/alternatives").size(); ++i) {
    const std::string at = fmt::format("/alternatives/{}", i);
    const Json& one = plan.at(at);
    const double relative = one.value("relative_cost", 1.0);
    data.rows.push_back(Json::array({shape_text(one), one.at("usd_per_month"), one.at("gpus")}));
    table.rows.push_back(
        {{shape_text(one)},
         plan.view.cell(at + "/gpus", Style::count),
         plan.money(at + "/usd_per_hour"),
         plan.money(at + "/usd_per_month"),
         {fmt::format("{:+.0f} %", (relative - 1) * 100), relative, at + "/relative_cost"},
         {one.value("measured", true) ? "yes" : "no"}});
  }
  Json option{{"tooltip", axis_tooltip()},
              {"xAxis", bottom_axis(plan.sign + " a month", "money")},
              {"yAxis",
               {{"type", "category"},
                {"inverse", true},
                {"axisLabel", {{"width", 190}, {"overflow", "break"}, {"hideOverlap", false}}}}},
              {"small", {{"yAxis", {{"axisLabel", {{"width", 110}, {"overflow", "break"}}}}}}},
              {"series", Json::array({Json{{"type", "bar"},
                                           {"name", "a month"},
                                           {"encode", {{"x", 1}, {"y", 0}}},
                                           {"itemStyle", {{"color", "$c1"}}},
                                           {"barMaxWidth", 26},
                                           {"unit", "money"}}})}};
  page.chart(
      {.id = "plans-cost",
       .question = "What would the next best cost?",
       .answer = plan.at("/alternatives").empty()
                     ? std::string("No other plan of the space keeps the limits.")
                     : fmt::format(
                           "The next one costs {} % more.",
                           output::figure(
                               (plan.at("/alternatives/0/relative_cost").get<double>() - 1) * 100)),
       .option = std::move(option),
       .data = std::move(data)});
  page.table(table);
}

/// Rows of all pools' limits.
void add_limits(const PlanView& plan, Page& page) {
  page.section("limits", "Limits", "How close are the limits, and what breaks first?");
  Table table{.id = "limits-table",
              .caption = "Limits at the planned rate, ms at the quantile asked for",
              .head = {"class", "metric", "value", "limit", "of the limit", "good", "requests"},
              .numbers_from = 2};
  Data data{.columns = {{"limit", "limit", ""}, {"share", "of the limit", "share"}}};
  for (const std::string& pool : plan.pools) {
    for (std::size_t i = 0; i < plan.at(pool + "/limits").size(); ++i) {
      const std::string at = fmt::format("{}/limits/{}", pool, i);
      const Json& one = plan.at(at);
      const double share = one.at("value").get<double>() / one.at("limit").get<double>();
      const std::string name = one.value("class", std::string());
      const std::string metric = fmt::format("{} {}", one.value("metric", std::string()),
                                             output::quantile_name(one.value("quantile", 0.99)));
      data.rows.push_back(Json::array({name + " " + metric, rounded(share)}));
      table.rows.push_back({{name},
                            {metric},
                            plan.view.cell(at + "/value", Style::figure),
                            plan.view.cell(at + "/limit", Style::figure),
                            {output::percent(share), share, "", share <= 1 ? "met" : "missed"},
                            plan.view.cell(at + "/attainment", Style::percent),
                            plan.view.cell(at + "/requests", Style::count)});
    }
  }
  Json axis = bottom_axis("of the limit", "share");
  axis["min"] = 0;
  Json bars{{"type", "bar"},
            {"name", "of the limit"},
            {"encode", {{"x", 1}, {"y", 0}}},
            {"itemStyle", {{"color", "$completed"}}},
            {"barMaxWidth", 22},
            {"unit", "share"}};
  bars["markLine"] = limit_line("xAxis", 1, "limit");
  Json option{
      {"tooltip", axis_tooltip()},
      {"xAxis", std::move(axis)},
      {"yAxis", {{"type", "category"}, {"inverse", true}, {"axisLabel", {{"hideOverlap", false}}}}},
      {"series", Json::array({bars})}};
  page.chart({.id = "limits-chart",
              .question = "How much of each limit is used?",
              .answer = "Latency at the planned rate, as a share of its limit.",
              .option = std::move(option),
              .data = std::move(data),
              .height = "low"});
  page.table(table);
}

std::string limit_text(const Json& line) {
  return fmt::format("{} {} {} of {} ms, {} good", line.value("class", std::string()),
                     line.value("metric", std::string()), output::figure(line.value("value", 0.0)),
                     output::figure(line.value("limit", 0.0)),
                     output::percent(line.value("attainment", 0.0)));
}

void add_why(const PlanView& plan, Page& page) {
  page.section("why", "Why not fewer", "Why not fewer replicas, and how much more can it take?");
  const Json& why = plan.at("/why_not_fewer");
  std::vector<std::string> lines;
  for (const Json& line : why.is_array() ? why : Json::array({why})) {
    lines.push_back(line.is_object() ? fmt::format("With {} replicas: {}.",
                                                   line.value("replicas", 0), limit_text(line))
                                     : std::string("There is only one replica."));
  }
  page.list(lines);
  std::vector<std::string> ends;
  for (const std::string& pool : plan.pools) {
    const Json& end = plan.at(pool + "/headroom_ends_with");
    const std::string name = plan.pools.size() > 1 ? classes_text(plan.at(pool)) + ": " : "";
    ends.push_back(end.is_object() ? fmt::format("{}bears {} more traffic; beyond it {}.", name,
                                                 plan.view.text(pool + "/headroom", Style::percent),
                                                 limit_text(end))
                                   : name + "nothing breaks up to the highest rate tried.");
    const Json& seeds = plan.at(pool + "/other_seeds");
    if (seeds.is_object()) {
      ends.push_back(fmt::format("{}holds with {} of {} other seeds.", name, seeds.value("held", 0),
                                 seeds.value("tried", 0)));
    }
  }
  page.heading("Headroom");
  page.list(ends);
}

/// Cost per token of each pool, over shares of its planned rate.
void add_load_chart(const PlanView& plan, std::size_t p, Page& page) {
  const std::string& pool = plan.pools[p];
  Data data{.columns = {{"share", "share of the planned rate", "share"},
                        {"input_per_million", "input", "permillion"},
                        {"output_per_million", "output", "permillion"},
                        {"blended_per_million", "all tokens", "permillion"},
                        {"attainment", "good", "share"},
                        {"busy", "busy", "share"}}};
  for (std::size_t i = 0; i < plan.at(pool + "/by_load").size(); ++i) {
    const std::string at = fmt::format("{}/by_load/{}", pool, i);
    Json row = Json::array();
    for (const char* field : {"/share", "/per_million/input", "/per_million/output",
                              "/per_million/blended", "/attainment", "/utilization/busy"}) {
      const auto value = plan.view.number(at + field);
      row.push_back(value ? Json(rounded(*value)) : Json(nullptr));
    }
    data.rows.push_back(std::move(row));
  }
  Json series = Json::array({line_series("input", 0, 1, "input", "permillion"),
                             line_series("output", 0, 2, "output", "permillion"),
                             line_series("all tokens", 0, 3, "c8", "permillion")});
  series[0]["markLine"] = limit_line("xAxis", 1, "planned");
  for (Json& line : series) {
    line["showSymbol"] = true;
  }
  const std::string whose =
      plan.pools.size() > 1 ? " of " + classes_text(plan.at(pool)) : std::string();
  page.chart({.id = p == 0 ? "load-chart" : fmt::format("load-chart-{}", p + 1),
              .question = fmt::format("What does a token{} cost at more or less traffic?", whose),
              .answer = "The same GPUs are paid at every hour: the fewer tokens they serve, the "
                        "dearer each is. Beyond the planned rate limits break (`good` in the "
                        "numbers below).",
              .option = {{"tooltip", axis_tooltip()},
                         {"legend", Json::object()},
                         {"xAxis", bottom_axis("share of the planned rate", "share")},
                         {"yAxis", log_axis(plan.sign + " per million tokens", "money")},
                         {"series", std::move(series)}},
              .data = std::move(data)});
}

void add_load(const PlanView& plan, Page& page) {
  bool has_section = false;
  for (std::size_t p = 0; p < plan.pools.size(); ++p) {
    if (!plan.at(plan.pools[p] + "/by_load").is_array()) {
      continue;
    }
    if (!std::exchange(has_section, true)) {
      page.section("load", "Cost and load", "What does load do to the cost of a token?");
    }
    add_load_chart(plan, p, page);
  }
}

void add_confidence(const PlanView& plan, Page& page) {
  page.section("trust", "Trust", "How far is this to be trusted?");
  for (const std::string& pool : plan.pools) {
    const Json& confidence = plan.at(pool + "/confidence");
    if (confidence.is_object()) {
      page.heading(shape_text(plan.at(pool)) + ": " + confidence.value("label", std::string()));
      page.list(plan.view.words(pool + "/confidence/extrapolated"));
    }
  }
  if (const auto notes = plan.view.words("/notes"); !notes.empty()) {
    page.heading("Notes");
    page.list(notes);
  }
}

}  // namespace

std::string plan_report(const std::filesystem::path& folder) {
  const Json root = read_json(folder / "plan.json");
  if (root.value("schema_version", 0) != 1 || !root.contains("plan") || !root["plan"].is_object()) {
    throw NotAResult("`plan.json` holds no plan");
  }
  const Json manifest = read_json(folder / "manifest.json");
  const PlanView plan(root);
  Page page("plan", "How many GPUs?",
            fmt::format("{} simulations; {} combinations ruled out by arithmetic",
                        root["search"].value("simulations", 0), root["search"].value("pruned", 0)));
  add_answer(plan, page);
  add_ranking(plan, page);
  add_limits(plan, page);
  add_why(plan, page);
  add_load(plan, page);
  add_confidence(plan, page);
  std::error_code error;
  const auto workload = folder / "workload.yaml";
  add_repeat(manifest, std::filesystem::exists(workload, error) ? read_text(workload) : "", nullptr,
             page);
  return page.render({{"summary", root}}, plan.sign, footer_html(manifest));
}

}  // namespace penstock::report
