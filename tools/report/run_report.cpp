#include "tools/report/run_report.h"

#include <fmt/format.h>

#include "tools/output/summary_json.h"
#include "tools/output/text.h"
#include "tools/report/html.h"
#include "tools/report/kinds.h"

namespace penstock::report {

namespace fs = std::filesystem;

RunFiles read_run(const fs::path& folder) {
  RunFiles files;
  files.summary = read_json(folder / "summary.json");
  if (files.summary.value("schema_version", 0) != output::summary_schema_version ||
      !files.summary.contains("cost")) {
    throw NotAResult("`summary.json` is of another version of penstock: run it again");
  }
  files.manifest = read_json(folder / "manifest.json");
  files.intervals =
      read_timeseries(folder / "timeseries.csv", files.summary.at("duration_s").get<double>());
  files.ledger = read_ledger(folder / "ledger.csv");
  const Json& workload = files.summary.at("scenario").at("workload");
  files.latencies = read_latencies(folder / "requests.csv", workload.value("warmup_s", 0.0));
  std::error_code error;
  if (fs::exists(folder / "position.csv", error)) {
    files.positions = read_positions(folder / "position.csv");
  }
  if (fs::exists(folder / "workload.yaml", error)) {
    files.workload = read_text(folder / "workload.yaml");
  }
  return files;
}

std::string run_heading(const SummaryView& view) {
  const auto either = [&view](const char* first, const char* second) {
    const std::string text = view.word(first);
    return text.empty() ? view.word(second) : text;
  };
  return fmt::format("{} on {} × {} {}", either("/scenario/model/title", "/scenario/model/name"),
                     view.text("/scenario/cluster/replicas", Style::count),
                     view.text(view.number("/scenario/cluster/gpus_per_replica")
                                   ? "/scenario/cluster/gpus_per_replica"
                                   : "/scenario/cluster/tensor_parallel",
                               Style::count),
                     either("/scenario/cluster/gpu_title", "/scenario/cluster/gpu"));
}

std::string footer_html(const Json& manifest) {
  return fmt::format(
      "Made by penstock {} ({}). The numbers are those of the folder's JSON and CSV files.{}",
      escape(manifest.value("version", std::string("?"))),
      escape(manifest.value("commit", std::string("?"))),
      manifest.contains("wall_clock")
          ? " Result of " + escape(manifest["wall_clock"].value("written", std::string())) + "."
          : "");
}

std::string run_report(const fs::path& folder) {
  const RunFiles files = read_run(folder);
  const SummaryView view(files.summary);
  Page page("run", run_heading(view), files.manifest.value("title", std::string()));
  add_verdict(view, page);
  add_timeline(view, files.intervals, page);
  add_latencies(view, files.latencies, page);
  add_cost(view, files.ledger, page);
  add_positions(view, files.positions, page);
  add_list_prices(view, page);
  add_trust(view, page);
  add_repeat(files.manifest, files.workload, &files.summary.at("scenario"), page);
  return page.render({{"summary", files.summary}}, view.sign(), footer_html(files.manifest));
}

}  // namespace penstock::report
