#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tools/output/text.h"
#include "tools/report/options.h"
#include "tools/report/run_report.h"

namespace penstock::report {
namespace {

struct Rule {
  const char* name;
  const char* label;
  const char* meaning;
};
constexpr std::array<Rule, 6> rules{{
    {"phase", "phase", "who makes a step longer pays for it; KV reads: the token that reads"},
    {"cause", "cause", "as phase, but KV reads are paid by the token that is read"},
    {"occupancy", "occupancy", "in proportion to the KV blocks held, and how long"},
    {"flops", "flops", "in proportion to useful FLOP"},
    {"output_only", "output only", "everything to output tokens"},
    {"blended", "blended", "every token pays the same"},
}};

std::string people_name(const std::string& cause) {
  if (cause == "kv_read_prompt") {
    return "reads of prompt KV";
  }
  if (cause == "kv_read_output") {
    return "reads of output KV";
  }
  if (cause == "attention_compute") {
    return "attention compute";
  }
  if (cause == "cached_input") {
    return "cached input";
  }
  return cause;
}

/// Amounts that flow from one node to another, in nano-units, in the order in which they came up.
class Flows {
 public:
  void add(const std::string& from, const std::string& to, std::int64_t nano) {
    if (nano <= 0) {
      return;
    }
    const auto found = std::find_if(flows_.begin(), flows_.end(), [&](const Flow& flow) {
      return flow.from == from && flow.to == to;
    });
    if (found == flows_.end()) {
      flows_.push_back({from, to, nano});
    } else {
      found->nano += nano;
    }
  }
  struct Flow {
    std::string from, to;
    std::int64_t nano = 0;
  };
  const std::vector<Flow>& all() const { return flows_; }
  /// What flows into a node, or out of one that nothing flows into.
  std::int64_t through(const std::string& node) const {
    std::int64_t in = 0;
    std::int64_t out = 0;
    for (const Flow& flow : flows_) {
      in += flow.to == node ? flow.nano : 0;
      out += flow.from == node ? flow.nano : 0;
    }
    return std::max(in, out);
  }

 private:
  std::vector<Flow> flows_;
};

std::string token_node(const std::string& token) { return people_name(token) + " tokens"; }

/// Bill to phase to cause as rule `phase` has it (what the GPUs did does not depend on who pays),
/// cause to token type as `rule` has it.
Flows flows_of(const std::vector<LedgerLine>& ledger, const std::string& rule) {
  Flows flows;
  for (const LedgerLine& line : ledger) {
    if (line.rule != "phase") {
      continue;
    }
    if (line.token.empty()) {
      flows.add("bill", line.cause, line.nano);
      continue;
    }
    const std::string phase = line.token == "output" ? "decode" : "prefill";
    flows.add("bill", phase, line.nano);
    flows.add(phase, people_name(line.cause), line.nano);
  }
  const bool has_phases = !flows.all().empty();
  for (const LedgerLine& line : ledger) {
    if (line.rule != rule) {
      continue;
    }
    if (!line.token.empty()) {
      flows.add(people_name(line.cause), token_node(line.token), line.nano);
    }
    if (!has_phases) {
      flows.add("bill", people_name(line.cause), line.nano);
    }
  }
  return flows;
}

std::string node_color(const std::string& node) {
  for (const char* name : {"weights", "compute", "communication", "overhead", "idle", "bill"}) {
    if (node == name) {
      return std::string("$") + name;
    }
  }
  for (const char* name : {"attention_compute", "kv_read_prompt", "kv_read_output"}) {
    if (node == people_name(name)) {
      return std::string("$") + name;
    }
  }
  if (node == "prefill" || node.starts_with("input")) {
    return "$input";
  }
  if (node == "decode" || node.starts_with("output")) {
    return "$output";
  }
  return node.starts_with("cached") ? "$cached_input" : "$whole";
}

Json sankey(const SummaryView& view, const Flows& flows) {
  Json nodes = Json::array();
  Json links = Json::array();
  std::vector<std::string> known;
  const double bill = view.number("/cost/total").value_or(0);
  for (const Flows::Flow& flow : flows.all()) {
    for (const std::string& node : {flow.from, flow.to}) {
      if (std::find(known.begin(), known.end(), node) != known.end()) {
        continue;
      }
      known.push_back(node);
      const double amount = static_cast<double>(flows.through(node)) / 1e9;
      const std::string share =
          bill > 0 && node != "bill" ? " · " + output::percent(amount / bill) : "";
      const bool is_small = amount < 0.06 * bill;  // no room for two lines
      nodes.push_back(
          {{"name", node},
           {"itemStyle", {{"color", node_color(node)}}},
           {"label",
            {{"formatter", fmt::format("{}{}{}{}", node, is_small ? "  " : "\n",
                                       output::money(amount, view.currency()), share)}}}});
    }
    links.push_back({{"source", flow.from},
                     {"target", flow.to},
                     {"value", static_cast<double>(flow.nano) / 1e9}});
  }
  return {{"series", Json::array({Json{{"type", "sankey"},
                                       {"data", std::move(nodes)},
                                       {"links", std::move(links)},
                                       {"left", 2},
                                       {"right", 116},
                                       {"top", 6},
                                       {"bottom", 14},
                                       {"nodeAlign", "left"},
                                       {"nodeGap", 17},
                                       {"nodeWidth", 14},
                                       {"draggable", false},
                                       {"layoutIterations", 64},
                                       {"emphasis", {{"focus", "adjacency"}}},
                                       {"lineStyle", {{"color", "gradient"}, {"opacity", 0.35}}},
                                       {"label", {{"fontSize", 11.5}, {"lineHeight", 14}}},
                                       {"unit", "money"}}})}};
}

/// What tokens cost under each rule that the chart can show.
void add_rules(const SummaryView& view, const Chart& chart, Page& page) {
  Table table{.id = "rules-table",
              .caption = "The same bill under each rule: per million tokens, idle time included",
              .head = {"rule", "input", "cached input", "output", "who pays"},
              .numbers_to = 4,
              .variant_of = chart.id};
  for (const Variant& variant : chart.variants) {
    const std::string at = fmt::format("/cost/rules/{}/", variant.name);
    const auto rule = std::find_if(rules.begin(), rules.end(),
                                   [&](const Rule& one) { return one.name == variant.name; });
    table.rows.push_back({{rule->label},
                          view.cell(at + "input", Style::price),
                          view.cell(at + "cached_input", Style::price),
                          view.cell(at + "output", Style::price),
                          {rule->meaning}});
    table.variants.push_back(variant.name);
  }
  page.table(table);
}

void add_flows(const SummaryView& view, const std::vector<LedgerLine>& ledger, Page& page) {
  Chart chart{.id = "dollar",
              .question = "Where does a dollar go?",
              .data = {.columns = {{"rule", "rule", ""},
                                   {"from", "from", ""},
                                   {"to", "to", ""},
                                   {"amount", "amount", "money"}}},
              .use_dataset = false,
              .height = "tall"};
  const Json& known = view.root().at("cost").at("rules");
  for (const Rule& rule : rules) {
    const bool in_ledger = std::any_of(ledger.begin(), ledger.end(), [&](const LedgerLine& line) {
      return line.rule == rule.name;
    });
    if (!known.contains(rule.name) || !in_ledger) {
      continue;
    }
    const Flows flows = flows_of(ledger, rule.name);
    for (const Flows::Flow& flow : flows.all()) {
      chart.data.rows.push_back(
          Json::array({rule.name, flow.from, flow.to, static_cast<double>(flow.nano) / 1e9}));
    }
    const std::string at = fmt::format("/cost/rules/{}/", rule.name);
    chart.variants.push_back(
        {rule.name, rule.label,
         fmt::format("Rule {}: {}. An input token then costs {}/M, an output token {}/M.",
                     rule.label, rule.meaning, view.text(at + "input", Style::price),
                     view.text(at + "output", Style::price)),
         sankey(view, flows)});
  }
  if (chart.variants.empty()) {
    return;
  }
  // The leading rule first.
  const std::string leading = view.word("/cost/rule");
  std::stable_partition(chart.variants.begin(), chart.variants.end(),
                        [&](const Variant& variant) { return variant.name == leading; });
  chart.answer = chart.variants.front().answer;
  chart.option = chart.variants.front().option;
  chart.option["tooltip"] = {{"trigger", "item"}};
  chart.option["small"] = {
      {"series",
       {{"right", 82}, {"nodeWidth", 8}, {"label", {{"fontSize", 9}, {"lineHeight", 11}}}}}};
  page.chart(chart);
  add_rules(view, chart, page);
}

void add_tokens(const SummaryView& view, Page& page) {
  Table table{.id = "cost-table",
              .caption = fmt::format("Cost per million tokens, rule {}", view.word("/cost/rule")),
              .head = {"tokens", "served", "busy", "+ idle", "= cost"}};
  for (const char* token : {"input", "cached_input", "output"}) {
    const auto price = [&](const char* column) {
      return view.cell(fmt::format("/cost/{}/{}", column, token), Style::price);
    };
    table.rows.push_back({{people_name(token)},
                          view.cell(fmt::format("/tokens/{}", token), Style::count),
                          price("busy_per_million"),
                          price("idle_per_million"),
                          price("per_million")});
  }
  page.table(table);
  Table bases{.id = "bases-table",
              .caption = "The same run on three price bases, side by side, never mixed",
              .head = {"basis", "amount", "if it is not known, why"},
              .numbers_to = 2};
  for (const char* basis : {"rental", "owned", "electricity"}) {
    bases.rows.push_back({{basis},
                          view.cell(fmt::format("/cost/bases/{}", basis), Style::money),
                          {view.reason(fmt::format("cost.bases.{}", basis))}});
  }
  page.table(bases);
}

void add_classes(const SummaryView& view, Page& page) {
  if (view.root().at("classes").size() < 2) {
    return;
  }
  Table table{.id = "classes-table",
              .caption = "What each class costs",
              .head = {"class", "requests", "bill", "input /M", "output /M"},
              .sortable = true};
  for (const auto& [name, unused] : view.root().at("classes").items()) {
    const std::string at = "/classes/" + pointer_part(name);
    table.rows.push_back({{name},
                          view.cell(at + "/requests/arrived", Style::count),
                          view.cell(at + "/cost/total", Style::money),
                          view.cell(at + "/cost/per_million/input", Style::price),
                          view.cell(at + "/cost/per_million/output", Style::price)});
  }
  page.table(table);
}

}  // namespace

void add_cost(const SummaryView& view, const std::vector<LedgerLine>& ledger, Page& page) {
  page.section(
      "cost", "Cost", "What does it cost?",
      fmt::format("{} for {} GPU-hours; the price of a GPU: {}.",
                  view.text("/cost/total", Style::money),
                  view.text("/cost/gpu_hours", Style::figure), view.word("/cost/price/source")));
  add_flows(view, ledger, page);
  add_tokens(view, page);
  add_classes(view, page);
}

}  // namespace penstock::report
