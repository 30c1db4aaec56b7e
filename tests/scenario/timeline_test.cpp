#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/support/command.h"
#include "tests/support/shared.h"

/// `run --timeline`: the Trace Event Format that Perfetto and chrome://tracing open.
namespace penstock {
namespace {

namespace fs = std::filesystem;
using TraceJson = nlohmann::json;
using test::has;
using test::run_penstock;

/// What must hold of any trace; returns the events by their phase.
std::map<std::string, std::vector<TraceJson>> checked(const TraceJson& trace) {
  std::map<std::string, std::vector<TraceJson>> by_phase;
  double last = 0;
  std::map<std::string, std::vector<std::string>> open;  // names of async slices, by id
  for (const TraceJson& event : trace.at("traceEvents")) {
    const std::string phase = event.at("ph");
    by_phase[phase].push_back(event);
    if (phase == "M") {
      continue;
    }
    const double at = event.at("ts");
    REQUIRE(at >= last);  // ordered
    last = at;
    const std::string id = event.contains("id") ? event["id"].dump() : "";
    if (phase == "b") {
      open[id].push_back(event.at("name"));
    } else if (phase == "e") {  // balanced, and nested
      REQUIRE(!open[id].empty());
      REQUIRE(open[id].back() == event.at("name"));
      open[id].pop_back();
    }
  }
  for (const auto& [id, names] : open) {
    CHECK(names.empty());
  }
  return by_phase;
}

TraceJson trace_of(const std::vector<std::string>& arguments, const fs::path& file,
                   std::string* said = nullptr) {
  std::vector<std::string> words{"run"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  words.insert(words.end(), {"--timeline", file.string(), "--format", "json"});
  const test::CommandResult result = run_penstock(words);
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  if (said != nullptr) {
    *said = result.err;
  }
  TraceJson trace = TraceJson::parse(test::read_file(file));
  trace["summary"] = TraceJson::parse(result.out);
  return trace;
}

}  // namespace

TEST_CASE("a timeline is ordered, balanced and complete") {
  const test::TemporaryFolder folder;
  std::string said;
  const TraceJson trace = trace_of({"workloads/chat.yaml", "--set", "workload.requests=300"},
                                   folder.path() / "t.json", &said);
  auto events = checked(trace);
  const TraceJson& summary = trace["summary"];
  std::int64_t steps = 0;
  std::map<int, double> busy_until;
  for (const TraceJson& slice : events["X"]) {
    steps += slice["args"]["steps"].get<std::int64_t>();
    const int replica = slice["pid"];
    CHECK(slice["ts"].get<double>() >= busy_until[replica] - 1e-6);  // one step at a time
    busy_until[replica] = slice["ts"].get<double>() + slice["dur"].get<double>();
    const bool has_prompts = slice["args"]["prompts"].get<int>() > 0;
    CHECK(has_prompts == (slice["args"]["prompt_tokens"].get<int>() > 0));
    CHECK((slice["name"] == "decode") == !has_prompts);
  }
  CHECK(steps == summary["utilization"]["steps"]);
  CHECK(busy_until.size() == 2);
  std::set<int> requests;
  for (const TraceJson& begin : events["b"]) {
    if (begin["name"].get<std::string>().starts_with("request ")) {
      requests.insert(begin["id"].get<int>());
      CHECK(begin["args"]["class"] == "chat");
    }
  }
  CHECK(requests.size() == 300);
  CHECK(events["s"].size() == 300);
  CHECK(events["f"].size() == 300);
  CHECK(events["C"].size() == 2 * events["X"].size());
  CHECK(has(said, "300 requests"));
  CHECK_FALSE(has(said, "left out"));
}

TEST_CASE("a timeline changes no result, and starts where it is told") {
  const test::TemporaryFolder folder;
  const std::vector<std::string> run{"workloads/chat.yaml", "--set", "workload.requests=300"};
  const TraceJson trace = trace_of(run, folder.path() / "t.json");
  const test::CommandResult plain = run_penstock(
      {"run", "workloads/chat.yaml", "--set", "workload.requests=300", "--format", "json"});
  CHECK(TraceJson::parse(plain.out) == trace["summary"]);
  std::vector<std::string> late = run;
  late.insert(late.end(), {"--timeline-from", "10s"});
  auto events = checked(trace_of(late, folder.path() / "late.json"));
  CHECK(events["b"].size() > 100);
  for (const TraceJson& begin : events["b"]) {
    CHECK(begin["ts"].get<double>() >= 10e6);
  }
  CHECK(run_penstock({"run", "workloads/chat.yaml", "--timeline-from", "1s"}).exit_code == 2);
}

TEST_CASE("a timeline goes through a link, and never over its own input") {
  const test::TemporaryFolder folder;
  fs::copy_file(test::source_dir() / "workloads/chat.yaml", folder.path() / "chat.yaml");
  const test::CommandOptions inside{folder.path(), {}, {}};
  const auto write_to = [&](const std::string& target) {
    return run_penstock({"run", "chat.yaml", "--set", "workload.requests=50", "--quiet",
                         "--timeline", target},
                        inside)
        .exit_code;
  };
  fs::create_symlink(folder.path() / "t.json", folder.path() / "link");
  std::ofstream(folder.path() / "t.json") << "before";
  CHECK(write_to("link") == 0);
  CHECK(fs::is_symlink(folder.path() / "link"));
  CHECK(fs::file_size(folder.path() / "t.json") > 1000);
  const auto size = fs::file_size(folder.path() / "chat.yaml");
  CHECK(write_to("chat.yaml") == 74);
  CHECK(fs::file_size(folder.path() / "chat.yaml") == size);
}

TEST_CASE("a timeline of 20,000 requests stays below 50 MB and says what it leaves out") {
  const test::TemporaryFolder folder;
  const fs::path file = folder.path() / "t.json";
  const test::CommandResult result =
      run_penstock({"run", "workloads/chat.yaml", "--set", "workload.requests=20000", "--timeline",
                    file.string()});
  REQUIRE(result.exit_code == 0);
  CHECK(fs::file_size(file) < 50'000'000);
  CHECK(fs::file_size(file) > 10'000'000);
  CHECK(has(result.err, "timeline: 0 s to "));
  const std::string text = test::read_file(file);
  CHECK(text.ends_with("\n]}\n"));
  CHECK(has(text.substr(0, 1000), "\"shows\":\"0 s to "));
}

}  // namespace penstock
