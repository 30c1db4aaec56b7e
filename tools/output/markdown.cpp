#include "tools/output/markdown.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/output/cost_tree.h"
#include "tools/output/lines.h"
#include "tools/output/pricing.h"
#include "tools/output/table.h"
#include "tools/output/text.h"

namespace penstock::output {
namespace {

/// Text that Markdown takes as it is.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (std::string_view("\\|`*_<>[]#").find(c) != std::string_view::npos) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::string row(const std::vector<std::string>& cells) {
  return "| " + join(cells, " | ") + " |\n";
}

/// The first column to the left, numbers to the right.
std::string header(const std::vector<std::string>& cells) {
  std::string text = row(cells) + "|:--|";
  for (std::size_t i = 1; i < cells.size(); ++i) {
    text += "--:|";
  }
  return "\n" + text + "\n";
}

std::string with_name(std::string name, const std::vector<std::string>& values) {
  std::vector<std::string> cells{std::move(name)};
  cells.insert(cells.end(), values.begin(), values.end());
  return row(cells);
}

std::string verdict_line(const std::string& name, const SloVerdict& slo) {
  if (slo.counted == 0) {
    return fmt::format("{}no request counts for the SLO\n", name);
  }
  return fmt::format("{} {}{} of requests good (want {}), goodput {} req/s\n", slo.met ? "✓" : "✗",
                     name, percent(slo.attainment), percent(slo.limits.attainment),
                     figure(slo.goodput_requests_per_s));
}

std::string verdicts(const Summary& summary) {
  if (!summary.slo) {
    return "";
  }
  std::string text = "\n";
  if (summary.classes.size() == 1) {
    return text + verdict_line("", *summary.slo);
  }
  for (const ClassSummary& traffic : summary.classes) {
    if (traffic.slo) {
      text += "- " + verdict_line(escaped(traffic.name) + ": ", *traffic.slo);
    }
  }
  return text;
}

void add_line(std::string_view label, const std::string& text, std::string& out) {
  if (!text.empty()) {
    out += fmt::format("- **{}**: {}\n", label, text);
  }
}

/// Depth shows as indentation, in spaces that Markdown keeps.
std::string cost_tree(const RunOutput& run) {
  if (!run.cost_tree) {
    return "";
  }
  std::vector<std::string> head = cost_tree_head(run);
  head.insert(head.begin(), "bill by cause");
  std::string out = header(head);
  for (const CostTreeRow& one : cost_tree_rows(run)) {
    std::string indent;
    for (int i = 0; i < one.depth; ++i) {
      indent += "&emsp;";
    }
    out += with_name(indent + one.name, one.values);
  }
  return out + "\n" + escaped(cost_tree_basis(run)) + "\n\n";
}

}  // namespace

std::string run_markdown(const RunOutput& run) {
  std::string out = fmt::format("### {}\n", escaped(run_title(run)));
  const std::string stopped = stop_text(run.scenario, run.result, run.expected_requests);
  out += stopped.empty() ? "" : fmt::format("\n**{}**\n", stopped);
  out += verdicts(run.summary);
  const std::vector<LatencyRow> latencies = latency_rows(run.summary);
  if (!latencies.empty()) {
    out += header({"latency", "mean", "p50", "p90", "p95", "p99", "max"});
    for (const LatencyRow& latency : latencies) {
      out += with_name(latency.name, latency.values);
    }
  }
  out += '\n';
  add_line("simulated", simulated_text(run), out);
  add_line("throughput", join(throughput_parts(run), " · "), out);
  add_line("utilization", join(utilization_parts(run), " · "), out);
  if (const auto parts = speculative_parts(run); !parts.empty()) {
    add_line("speculative", join(parts, " · "), out);
  }
  add_line("cost", bill_text(run), out);
  const std::vector<CostRow> costs = cost_rows(run);
  if (!costs.empty()) {
    const std::string sign = currency_sign(run.scenario.prices.currency);
    out += header({"token", "tokens", sign + "/M busy", "+ idle", "= " + sign + "/M", "× input"});
    for (const CostRow& cost : costs) {
      out += with_name(cost.token, cost.values);
    }
    out += '\n';
  }
  add_line("why output", join(output_causes(run), " · "), out);
  add_line("other rules", join(other_rules(run), " · "), out);
  add_line("unused batch", escaped(unused_batch_text(run)), out);
  add_line("electricity", escaped(bases_text(run)), out);
  add_line("price", escaped(price_text(run)), out);
  out += cost_tree(run);
  for (const PricingLine& pricing : pricing_lines(run)) {
    const std::size_t start = std::min(pricing.label.find_first_not_of(' '), pricing.label.size());
    add_line(pricing.label.empty() ? "at list price" : pricing.label.substr(start),
             escaped(pricing.text), out);
  }
  add_line("bottleneck", bottleneck_text(run), out);
  add_line("confidence", escaped(confidence_text(run.confidence)), out);
  add_line("extrapolated", escaped(join(run.confidence.extrapolated, " · ")), out);
  for (const std::string& note : run.notes) {
    add_line("note", escaped(note), out);
  }
  return out;
}

}  // namespace penstock::output
