#include "tools/output/folder.h"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "penstock_version.h"
#include "tools/output/csv.h"
#include "tools/output/json_text.h"
#include "tools/output/summary_json.h"

namespace penstock::output {
namespace {

using Json = nlohmann::ordered_json;

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text, size};
}

Json host_facts() {
  ::utsname system{};
  ::uname(&system);
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGE_SIZE);
  ::rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return {{"system", system.sysname},
          {"release", system.release},
          {"machine", system.machine},
          {"cpus", std::thread::hardware_concurrency()},
          {"memory_bytes", pages > 0 && page > 0 ? Json(pages * page) : Json(nullptr)},
          {"peak_memory_bytes", usage.ru_maxrss * 1024}};
}

Json inputs_json(const RunFacts& facts) {
  Json list = Json::array();
  for (const std::string& path : facts.inputs) {
    Json entry;
    entry["path"] = path;
    std::error_code error;
    // A pipe cannot be read twice.
    entry["sha256"] =
        std::filesystem::is_regular_file(path, error) ? Json(sha256_of_file(path)) : Json(nullptr);
    list.push_back(std::move(entry));
  }
  return list;
}

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
  Json root;
  root["schema_version"] = summary_schema_version;
  root["version"] = version;
  root["commit"] = commit;
  root["build"] = {{"type", build_type}, {"compiler", compiler}};
  root["command"] = facts.command;
  root["seed"] = run.scenario.seed;
  root["stopped"] = stopped(run.result.stop);
  root["inputs"] = inputs_json(facts);
  root["files"] = {"summary.json", "requests.csv", "timeseries.csv", "ledger.csv"};
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
  write_file(folder, "manifest.json",
             [&](OutputFile& file) { file.write(to_text(manifest(run, facts))); });
  folder.commit();
}

}  // namespace penstock::output
