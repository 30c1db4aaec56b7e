#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/command.h"
#include "tests/support/shared.h"

/// `penstock compare`, `run --tariff` and `run --margin` as a user runs them.
namespace penstock {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using test::CommandResult;
using test::has;
using test::run_penstock;
using test::TemporaryFolder;

constexpr const char* workload = R"(model: llama-3.1-8b
cluster: {gpu: h100-sxm}
engine: {preset: vllm-0.19}
workload:
  requests: 200
  classes:
    - {name: chat, rate: 20/s, lengths: {input: {uniform: [50, 3000]}, output: {uniform: [5, 80]}}}
prices: {gpu: $2.50/h}
)";

/// A folder with a workload file, and results in it.
class Results {
 public:
  Results() { std::ofstream(file()) << workload; }
  std::string file() const { return path("w.yaml"); }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string run(const std::string& name, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"run", file(), "-o", path(name)});
    const CommandResult result = run_penstock(more);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    return path(name);
  }

 private:
  TemporaryFolder folder_;
};

TEST_CASE("compare shows what differs between two results, and which is better") {
  const Results results;
  const std::string a = results.run("a");
  const std::string b = results.run("b", {"--set", "cluster.replicas=2"});
  const CommandResult table = run_penstock({"compare", a, b});
  CHECK(table.exit_code == 0);
  for (const char* part : {"A  llama-3.1-8b on 1 × 1 h100-sxm", "cluster.replicas", "TTFT p99 ms",
                           "cost $", "output $/M", "better", "worse", "B - A"}) {
    CAPTURE(part);
    CHECK(has(table.out, part));
  }
  const Json json = Json::parse(run_penstock({"compare", a, b, "--format", "json"}).out);
  REQUIRE(json["scenario"].size() == 2);
  CHECK(json["scenario"][1]["key"] == "cluster.replicas");
  const Json& hours = json["metrics"]["cost.gpu_hours"];
  CHECK(hours["ratio"].get<double>() > 1.5);
  CHECK(hours["verdict"] == "worse");
  CHECK_FALSE(hours["a"].contains("ci95"));
  CHECK(has(run_penstock({"compare", a, b, "--format", "markdown"}).out, "| cost $ |"));
  const CommandResult same = run_penstock({"compare", a, a});
  CHECK(has(same.out, "agree in every key"));
  CHECK_FALSE(has(same.out, "worse"));
}

TEST_CASE("compare takes several seeds a side: means with 95 % intervals, paired") {
  const Results results;
  std::string a;
  std::string b;
  for (const char* seed : {"1", "2", "3"}) {
    a += (a.empty() ? "" : ",") + results.run(std::string("a") + seed, {"--seed", seed});
    b += (b.empty() ? "" : ",") +
         results.run(std::string("b") + seed, {"--seed", seed, "--set", "cluster.replicas=2"});
  }
  const Json json = Json::parse(run_penstock({"compare", a, b, "--format", "json"}).out);
  CHECK(json["paired"] == true);
  const Json& ttft = json["metrics"]["ttft_ms.p50"];
  CHECK(ttft["a"]["ci95"].get<double>() > 0);
  CHECK(ttft["difference"]["mean"].get<double>() ==
        doctest::Approx(ttft["b"]["mean"].get<double>() - ttft["a"]["mean"].get<double>()));
  CHECK(has(run_penstock({"compare", a, b}).out, "differences are paired"));
  const std::string first = results.path("a1");
  const CommandResult mixed = run_penstock({"compare", first + "," + results.path("b2"), first});
  CHECK(mixed.exit_code == 3);
  CHECK(has(mixed.err, "not one scenario"));
  const CommandResult twice = run_penstock({"compare", first + "," + first, first});
  CHECK(twice.exit_code == 3);
  CHECK(has(twice.err, "same seed"));
}

TEST_CASE("compare refuses folders that hold no result of run") {
  const Results results;
  const std::string a = results.run("a");
  const CommandResult gone = run_penstock({"compare", a, results.path("gone")});
  CHECK(gone.exit_code == 74);
  CHECK(has(gone.err, "no such folder"));
  fs::create_directory(results.path("empty"));
  const CommandResult empty = run_penstock({"compare", a, results.path("empty")});
  CHECK(empty.exit_code == 3);
  CHECK(has(empty.err, "holds no summary.json"));
  std::ofstream(results.path("empty") + "/sweep.json") << "{}";
  CHECK(has(run_penstock({"compare", a, results.path("empty")}).err,
            "run each with `penstock run FILE --set"));
  std::ofstream(results.path("empty") + "/summary.json") << "{";
  CHECK(run_penstock({"compare", a, results.path("empty")}).exit_code == 3);
  CHECK(run_penstock({"compare", a, results.file()}).exit_code == 3);
  CHECK(run_penstock({"compare", a}).exit_code == 2);
  CHECK(run_penstock({"compare", a, a + ","}).exit_code == 2);
}

TEST_CASE("a tariff stands in every output, and only where it is asked for") {
  const Results results;
  const std::vector<std::string> base{"run", results.file(), "--tariff"};
  const auto with = [&base](std::vector<std::string> more) {
    more.insert(more.begin(), base.begin(), base.end());
    return run_penstock(more).out;
  };
  const Json json = Json::parse(with({"--format", "json", "--tariff-threshold", "1500"}));
  const Json& prices = json["tariff"]["per_million"];
  const double revenue = (prices["input"].get<double>() * json["tokens"]["input"].get<double>() +
                          prices["output"].get<double>() * json["tokens"]["output"].get<double>()) /
                         1e6;
  CHECK(revenue == doctest::Approx(json["cost"]["total"].get<double>()).epsilon(1e-9));
  CHECK(json["tariff"]["two_step"]["threshold_tokens"] == 1500);
  CHECK(json["reasons"].contains("tariff.per_million.cached_input"));
  CHECK_FALSE(Json::parse(run_penstock({"run", results.file(), "--format", "json"}).out)
                  .contains("tariff"));
  CHECK(has(with({"--format", "csv"}), "tariff.r2,"));
  CHECK(has(with({"--format", "markdown"}), "- **tariff**: "));
  CHECK(has(with({}), " tariff            $"));
  const Json fixed = Json::parse(
      with({"--format", "json", "--set", "workload.classes[0].lengths={input: 800, output: 20}"}));
  CHECK(fixed["tariff"]["per_million"].is_null());
  CHECK(has(fixed["reasons"]["tariff.per_million"].get<std::string>(), "one fixed ratio"));
}

TEST_CASE("margins are shown at the list prices that are asked for") {
  const Results results;
  const CommandResult all = run_penstock(
      {"run", results.file(), "--format", "json", "--margin", "model", "--margin", "gpt-5.4"});
  REQUIRE(all.exit_code == 0);
  const Json json = Json::parse(all.out);
  REQUIRE(json["margins"].size() >= 4);
  const Json& last = json["margins"].back();
  CHECK(last["name"] == "openai-gpt-5.4");
  CHECK(last["revenue"]["output"].get<double>() ==
        doctest::Approx(json["tokens"]["output"].get<double>() * 15 / 1e6));
  CHECK(
      has(run_penstock({"run", results.file(), "--margin", "all"}).out, "belongs to its provider"));
  const CommandResult none =
      run_penstock({"run", results.file(), "--set", "model=yi-34b", "--margin", "model"});
  CHECK(none.exit_code == 3);
  CHECK(has(none.err, "no list price of yi-34b"));
  CHECK(has(run_penstock({"run", results.file(), "--margin", "gpt-5.44"}).err, "did you mean"));
  CHECK(has(run_penstock({"catalog", "list-prices", "gpt-5.4"}).out, "above_tokens: 272000"));
  CHECK(run_penstock({"run", results.file(), "--tariff-threshold", "4k"}).exit_code == 2);
}

}  // namespace
}  // namespace penstock
