#include "tools/output/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/output/cost_tree.h"
#include "tools/output/lines.h"
#include "tools/output/pricing.h"
#include "tools/output/text.h"

namespace penstock::output {
namespace {

constexpr std::size_t label_width = 19;  // of the left column, its leading space included
constexpr const char* dot = " · ";

/// Appends the lines of the screen.
class RunScreen {
 public:
  RunScreen(const RunOutput& run, bool color) : run_(run), color_(color) {}

  std::string draw() {
    out_ = run_title(run_) + "\n";
    const std::string stopped = stop_text(run_.scenario, run_.result, run_.expected_requests);
    out_ += stopped.empty() ? "" : " ! " + stopped + "\n";
    verdicts();
    latencies();
    line("simulated", simulated_text(run_));
    line("throughput", join(throughput_parts(run_), dot));
    line("utilization", join(utilization_parts(run_), dot));
    if (const auto parts = speculative_parts(run_); !parts.empty()) {
      line("speculative", join(parts, dot));
    }
    classes();
    cost();
    line("  why output", join(output_causes(run_), dot));
    line("  other rules", join(other_rules(run_), dot));
    line("  unused batch", unused_batch_text(run_));
    line("  electricity", bases_text(run_));
    line("  price", price_text(run_));
    cost_tree();
    for (const PricingLine& pricing : pricing_lines(run_)) {
      line(pricing.label, pricing.text);
    }
    line("bottleneck", bottleneck_text(run_));
    line("confidence", confidence_text(run_.confidence));
    line("  extrapolated", join(run_.confidence.extrapolated, dot));
    for (const std::string& note : run_.notes) {
      line("note", printable(note));
    }
    return std::move(out_);
  }

 private:
  std::string mark(bool met) const {
    const char* sign = met ? "✓" : "✗";
    return color_ ? fmt::format("\x1b[{}m{}\x1b[0m", met ? 32 : 31, sign) : sign;
  }

  void line(std::string_view label, const std::string& text) {
    if (!text.empty()) {
      out_ += pad_right(fmt::format(" {}", label), label_width) + text + "\n";
    }
  }

  void verdict(const std::string& name, const SloVerdict& slo,
               const std::vector<MetricVerdict>& metrics) {
    if (slo.counted == 0) {
      out_ += fmt::format(" - {}no request counts for the SLO\n", name);
      return;
    }
    out_ += fmt::format(" {} {}{} of requests good (want {})", mark(slo.met), name,
                        percent(slo.attainment), percent(slo.limits.attainment));
    for (const MetricVerdict& metric : metrics) {
      out_ += fmt::format("      {} {} {}", metric.name, metric.value, mark(metric.met));
    }
    out_ += fmt::format("      goodput {} req/s\n", figure(slo.goodput_requests_per_s));
  }

  void verdicts() {
    const Summary& s = run_.summary;
    if (s.classes.size() == 1 && s.slo) {
      verdict("", *s.slo, metric_verdicts(*s.slo, s.ttft, s.tpot, s.e2e));
      return;
    }
    for (const ClassSummary& traffic : s.classes) {
      if (traffic.slo) {
        verdict(printable(traffic.name) + ": ", *traffic.slo,
                metric_verdicts(*traffic.slo, traffic.ttft, traffic.tpot, traffic.e2e));
      }
    }
  }

  void latencies() {
    const std::vector<LatencyRow> rows = latency_rows(run_.summary);
    if (rows.empty()) {
      return;
    }
    out_ += std::string(label_width - 3, ' ');
    for (const char* head : {"mean", "p50", "p90", "p95", "p99", "max"}) {
      out_ += pad_left(head, 9);
    }
    out_ += '\n';
    for (const LatencyRow& row : rows) {
      out_ += pad_right(" " + row.name, label_width - 3);
      for (const std::string& value : row.values) {
        out_ += pad_left(value, 9);
      }
      out_ += '\n';
    }
  }

  static std::string cell(const std::optional<double>& value) {
    return value ? figure(*value) : "-";
  }

  void classes() {
    const Summary& s = run_.summary;
    if (s.classes.size() < 2) {
      return;
    }
    const auto row = [this](std::string_view name, std::initializer_list<std::string> cells) {
      out_ += pad_right(fmt::format("   {}", name), label_width);
      for (const std::string& value : cells) {
        out_ += pad_left(value, 13);
      }
      out_ += '\n';
    };
    out_ += pad_right(" classes", label_width);
    const std::string sign = currency_sign(run_.scenario.prices.currency);
    for (const std::string& head :
         {std::string("requests"), std::string("good"), std::string("TTFT p99 ms"),
          std::string("TPOT p99 ms"), "input " + sign + "/M", "output " + sign + "/M",
          "cost " + sign}) {
      out_ += pad_left(head, 13);
    }
    out_ += '\n';
    for (std::size_t c = 0; c < s.classes.size(); ++c) {
      const ClassSummary& traffic = s.classes[c];
      const ClassBill& bill = s.bill.classes.at(c);
      row(printable(traffic.name),
          {group_digits(static_cast<std::int64_t>(traffic.requests.arrived)),
           traffic.slo ? percent(traffic.slo->attainment) : "-",
           traffic.ttft.count > 0 ? figure(traffic.ttft.p99) : "-",
           traffic.tpot.count > 0 ? figure(traffic.tpot.p99) : "-",
           cell(bill.per_million.by_type.front()), cell(bill.per_million.by_type.back()),
           figure(bill.total)});
    }
  }

  /// The bill, and beside it what a million tokens cost.
  void cost() {
    const std::vector<CostRow> rows = cost_rows(run_);
    const std::string bill = bill_text(run_);
    const std::size_t left = label_width + std::max<std::size_t>(columns(bill) + 4, 30);
    std::string head = pad_right(pad_right(" cost", label_width) + bill, left);
    const std::string sign = currency_sign(run_.scenario.prices.currency);
    const std::size_t width = 9 + columns(sign);  // "$/M busy" and two spaces
    if (!rows.empty()) {
      head += pad_right("", 12);
      for (const std::string& title :
           {std::string("tokens"), sign + "/M busy", std::string("+ idle"), "= " + sign + "/M",
            std::string("× input")}) {
        head += pad_left(title, width);
      }
    }
    while (head.ends_with(' ')) {
      head.pop_back();
    }
    out_ += head + "\n";
    for (const CostRow& row : rows) {
      out_ += std::string(left, ' ') + pad_right(row.token, 12);
      for (const std::string& value : row.values) {
        out_ += pad_left(value, width);
      }
      out_ += '\n';
    }
  }

  void cost_tree() {
    if (!run_.cost_tree) {
      return;
    }
    const auto row = [this](const std::string& name, const std::vector<std::string>& values) {
      out_ += pad_right(name, 30);
      for (const std::string& value : values) {
        out_ += pad_left(value, 12);
      }
      out_ += '\n';
    };
    line("bill by cause", cost_tree_basis(run_));
    row("", cost_tree_head(run_));
    for (const CostTreeRow& one : cost_tree_rows(run_)) {
      row(std::string(static_cast<std::size_t>(3 + 2 * one.depth), ' ') + one.name, one.values);
    }
  }

  const RunOutput& run_;
  bool color_;
  std::string out_;
};

std::string traffic_text(const RunOutput& run) {
  if (!run.traffic.empty()) {
    return printable(run.traffic);
  }
  const WorkloadSpec& workload = run.scenario.workload;
  std::vector<std::string> parts;
  if (workload.trace) {
    const std::string& file = workload.trace->file;
    parts.push_back(printable(file.substr(file.find_last_of('/') + 1)));
    if (workload.trace->rate_scale != 1) {
      parts.back() += fmt::format(" × {:.4g}", workload.trace->rate_scale);
    }
  }
  for (std::size_t c = 0; c < workload.classes.size(); ++c) {
    if (workload.trace && c == workload.trace_class) {
      continue;
    }
    if (parts.size() == 4) {
      parts.emplace_back("…");
      break;
    }
    parts.push_back(printable(workload.classes[c].name));
  }
  return fmt::format("{}, {} requests", join(parts, " + "),
                     group_digits(static_cast<std::int64_t>(run.summary.requests.arrived)));
}

}  // namespace

std::string run_title(const RunOutput& run) {
  const Scenario& scenario = run.scenario;
  const ClusterSpec& cluster = scenario.cluster;
  std::string dtypes = to_string(scenario.weights);
  if (scenario.kv_cache != scenario.weights) {
    dtypes += fmt::format(", KV {}", to_string(scenario.kv_cache));
  }
  const std::string gpu = cluster.gpu.title.empty() ? cluster.gpu.name : cluster.gpu.title;
  const std::string engine =
      scenario.engine.preset.empty() ? scenario.engine.scheduler : scenario.engine.preset;
  return fmt::format("{} {} · {} × {} {} ({}) · {} · {} · seed {}", printable(scenario.model_name),
                     dtypes, cluster.replicas, cluster.gpus_per_replica(), printable(gpu),
                     parallel_text(cluster), printable(engine), traffic_text(run), scenario.seed);
}

std::string run_table(const RunOutput& run, bool color) { return RunScreen(run, color).draw(); }

}  // namespace penstock::output
