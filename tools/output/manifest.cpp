#include "tools/output/manifest.h"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "penstock_version.h"
#include "tools/output/files.h"

namespace penstock::output {

namespace {

using Json = nlohmann::ordered_json;

}  // namespace

Json manifest_head(int schema_version, const std::vector<std::string>& command) {
  Json root;
  root["schema_version"] = schema_version;
  root["version"] = version;
  root["commit"] = commit;
  root["build"] = {{"type", build_type}, {"compiler", compiler}};
  root["command"] = command;
  return root;
}

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

Json input_digests(const std::vector<std::string>& paths) {
  Json list = Json::array();
  for (const std::string& path : paths) {
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

}  // namespace penstock::output
