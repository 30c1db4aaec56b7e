#include "tools/output/manifest.h"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "penstock_version.h"
#include "tools/output/files.h"

namespace penstock::output {

namespace {

using Json = nlohmann::ordered_json;

/// The files that a folder holds itself, in order; else the path.
std::vector<std::string> files_of(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    return {path};
  }
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    if (entry.is_regular_file(error)) {
      files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

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
    for (const std::string& file : files_of(path)) {
      std::error_code error;
      // A pipe cannot be read twice.
      const bool again = std::filesystem::is_regular_file(file, error);
      list.push_back(
          {{"path", file}, {"sha256", again ? Json(sha256_of_file(file)) : Json(nullptr)}});
    }
  }
  return list;
}

}  // namespace penstock::output
