// `penstock plan` as a user's script calls it.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/command.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* mix = R"(model: llama-3.1-8b
weights: fp8
kv_cache: fp8
cluster: {router: least_outstanding}
engine: {preset: vllm-0.19}
workload:
  duration: 60s
  classes:
    - {name: chat, rate: 60/s, lengths: azure-conv-2023, slo: {ttft: 500ms, tpot: 40ms}}
    - {name: rag, rate: 4/s, lengths: {input: 6000, output: 300}, slo: {ttft: 2s, tpot: 60ms}}
prices: {gpu: {l40s: $0.79/h, h100-sxm: $2.95/h}}
plan: {tensor_parallel: [1, 2], max_replicas: 24}
)";

class Folder {
 public:
  explicit Folder(const std::string& text = mix) { std::ofstream(file()) << text; }
  std::string file() const { return (folder_.path() / "mix.yaml").string(); }
  std::string out(const std::string& name) const { return (folder_.path() / name).string(); }

 private:
  TemporaryFolder folder_;
};

Json without_seconds(const std::string& text) {
  Json json = Json::parse(text);
  json["search"].erase("seconds");
  return json;
}

TEST_CASE("a plan holds when it is run, and one replica fewer does not") {
  const Folder folder;
  const CommandResult planned = run_penstock({"plan", folder.file(), "--set", "plan.split=false",
                                              "-o", folder.out("o"), "--format", "json"});
  REQUIRE(planned.exit_code == 0);
  const Json plan = Json::parse(planned.out);
  CHECK(plan["plan"]["usd_per_month"] ==
        doctest::Approx(730 * plan["plan"]["usd_per_hour"].get<double>()));
  const std::string file = folder.out("o") + "/plan.yaml";
  const Json run = Json::parse(run_penstock({"run", file, "--format", "json", "-q"}).out);
  CHECK(run["slo"]["attainment"] >= 0.99);
  CHECK(run["cost"]["per_million"]["output"] == plan["plan"]["per_million"]["output"]);
  CHECK(run["utilization"]["busy"] == plan["plan"]["utilization"]["busy"]);
  for (const Json& limit : plan["plan"]["limits"]) {
    const std::string name = limit["class"];
    const std::string metric = limit["metric"].get<std::string>() + "_ms";
    CHECK(run["classes"][name][metric]["p99"] == limit["value"]);
    CHECK(limit["met"] == true);
  }
  const int replicas = plan["plan"]["replicas"];
  REQUIRE(replicas > 1);
  CHECK(plan["why_not_fewer"]["replicas"] == replicas - 1);
  CHECK(plan["why_not_fewer"]["value"] > plan["why_not_fewer"]["limit"]);
  const std::string fewer = "cluster.replicas=" + std::to_string(replicas - 1);
  CHECK(run_penstock({"run", file, "--set", fewer, "--strict", "-q"}).exit_code == 1);
}

TEST_CASE("a split plan's pools replay to its numbers") {
  const Folder folder;
  // Short answers that must not wait behind long prompts: apart is cheaper.
  const CommandResult planned =
      run_penstock({"plan", folder.file(), "--set", "workload.classes[0].slo.tpot=15ms", "--set",
                    "workload.classes[1].rate=8/s", "--set", "plan.gpus=[h100-sxm]", "--set",
                    "plan.peak=1.5", "-o", folder.out("o"), "--format", "json"});
  REQUIRE(planned.exit_code == 0);
  const Json plan = Json::parse(planned.out);
  const Json& pools = plan["plan"]["pools"];
  REQUIRE(pools.size() == 2);
  CHECK(plan["cheapest_single_pool"]["usd_per_hour"] > plan["plan"]["usd_per_hour"]);
  for (std::size_t i = 0; i < pools.size(); ++i) {
    const std::string file = folder.out("o") + "/pool-" + std::to_string(i + 1) + ".yaml";
    const Json run = Json::parse(run_penstock({"run", file, "--format", "json", "-q"}).out);
    CHECK(run["cost"]["per_million"]["output"] == pools[i]["per_million"]["output"]);
    CHECK(run["utilization"]["busy"] == pools[i]["utilization"]["busy"]);
    CHECK(pools[i]["at_mean"]["utilization"]["batch_mean"] < pools[i]["utilization"]["batch_mean"]);
  }
}

TEST_CASE("a plan does not depend on the number of threads") {
  const Folder folder;
  const auto plan = [&folder](const char* jobs) {
    return run_penstock({"plan", folder.file(), "--jobs", jobs, "--format", "json", "-q"});
  };
  const CommandResult one = plan("1");
  REQUIRE(one.exit_code == 0);
  CHECK(without_seconds(one.out) == without_seconds(plan("3").out));
}

TEST_CASE("a limit that no cluster meets exits 4 with the arithmetic") {
  const Folder folder;
  const CommandResult refused =
      run_penstock({"plan", folder.file(), "--set", "workload.classes[1].slo.ttft=20ms"});
  CHECK(refused.exit_code == 4);
  CHECK(refused.out.empty());
  CHECK(has(refused.err, "no cluster meets ttft 20.0 ms of class `rag`"));
  CHECK(has(refused.err, "6,000 input and 300 output tokens alone on"));
  // Too little of what may be bought.
  const CommandResult short_of =
      run_penstock({"plan", folder.file(), "--max-gpus", "1", "--gpus", "l40s"});
  CHECK(short_of.exit_code == 4);
  CHECK(has(short_of.err, "no plan within max_replicas and max_gpus meets the limits"));
  // Nothing that holds the model.
  const CommandResult misfit = run_penstock(
      {"plan", folder.file(), "--set", "model=llama-3.1-405b", "--gpus", "l40s", "--quiet"});
  CHECK(misfit.exit_code == 4);
  CHECK(has(misfit.err, "l40s TP2"));
}

TEST_CASE("the most traffic that a cluster bears") {
  const Folder folder;
  const std::vector<std::string> cluster{"--set", "cluster.gpu=h100-sxm", "--set",
                                         "cluster.replicas=2"};
  std::vector<std::string> words{"plan", folder.file(), "--target", "rate=max", "--format", "json"};
  words.insert(words.end(), cluster.begin(), cluster.end());
  const CommandResult result = run_penstock(words);
  REQUIRE(result.exit_code == 0);
  const Json json = Json::parse(result.out);
  const double factor = json["rate"]["factor"];
  const auto is_met = [&](double scale) {
    std::vector<std::string> run{"run",      folder.file(),
                                 "--strict", "-q",
                                 "--set",    "workload.rate_scale=" + std::to_string(scale)};
    run.insert(run.end(), cluster.begin(), cluster.end());
    return run_penstock(run).exit_code == 0;
  };
  CHECK(is_met(factor * 0.95));
  CHECK_FALSE(is_met(factor * 1.05));
  CHECK(json["breaks"]["value"] > 0);
}

TEST_CASE("a plan is handed to vLLM and Kubernetes") {
  const Folder folder;
  const auto emit = [&folder](const char* what) {
    return run_penstock({"plan", folder.file(), "--gpus", "h100-sxm", "--set", "plan.split=false",
                         "--emit", what, "-q"})
        .out;
  };
  const std::string vllm = emit("vllm");
  CHECK(has(vllm, "vllm serve meta-llama/Llama-3.1-8B-Instruct"));
  CHECK(has(vllm, "--max-num-seqs 1024"));
  const std::string manifest = emit("kubernetes");
  CHECK(has(manifest, "kind: Deployment"));
  CHECK(has(manifest, "nvidia.com/gpu: 1"));
}

}  // namespace
}  // namespace penstock::test
