#include "tools/output/folder.h"

#include <nlohmann/json.hpp>

#include "tools/output/csv.h"
#include "tools/output/json_text.h"
#include "tools/output/manifest.h"
#include "tools/output/summary_json.h"
#include "tools/output/table.h"

namespace penstock::output {
namespace {

using Json = nlohmann::ordered_json;

/// Null for a run that went to its end.
Json stopped(StopReason reason) {
  switch (reason) {
    case StopReason::finished:
      return nullptr;
    case StopReason::until:
      return "until";
    case StopReason::interrupted:
      return "interrupted";
    case StopReason::clock:
      return "clock";
  }
  return nullptr;
}

Json manifest(const RunOutput& run, const RunFacts& facts) {
  Json root = manifest_head(summary_schema_version, facts.command);
  root["seed"] = run.scenario.seed;
  root["stopped"] = stopped(run.result.stop);
  root["inputs"] = input_digests(facts.inputs);
  root["title"] = run_title(run);
  root["files"] = {"summary.json", "requests.csv", "timeseries.csv",
                   "ledger.csv",   "position.csv", "workload.yaml"};
  root["host"] = host_facts();
  root["wall_clock"] = {{"written", now_text()},
                        {"load_s", facts.load_seconds},
                        {"simulate_s", facts.simulate_seconds},
                        {"total_s", facts.total_seconds}};
  return root;
}

template <typename Write>
void write_file(const FolderWriter& folder, const char* name, Write write) {
  OutputFile file(folder.file(name));
  write(file);
  file.close();
}

}  // namespace

void write_run_folder(const RunOutput& run, const RunFacts& facts, FolderWriter& folder) {
  write_file(folder, "summary.json",
             [&run](OutputFile& file) { file.write(summary_json_text(run)); });
  const auto csv = [&run](void (*rows)(const RunOutput&, const Sink&)) {
    return [&run, rows](OutputFile& file) {
      rows(run, [&file](std::string_view bytes) { file.write(bytes); });
    };
  };
  write_file(folder, "requests.csv", csv(write_requests_csv));
  write_file(folder, "timeseries.csv", csv(write_timeseries_csv));
  write_file(folder, "ledger.csv", csv(write_ledger_csv));
  write_file(folder, "position.csv", csv(write_position_csv));
  write_file(folder, "workload.yaml", [&facts](OutputFile& file) { file.write(facts.workload); });
  write_file(folder, "manifest.json",
             [&](OutputFile& file) { file.write(to_text(manifest(run, facts))); });
}

}  // namespace penstock::output
