// `penstock plan` as a user's script calls it.

#include <doctest/doctest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/command.h"
#include "tests/support/json_nulls.h"
#include "tests/support/shared.h"

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
  for (Json& stage : json["search"]["stages"]) {
    stage.erase("seconds");
  }
  return json;
}

TEST_CASE("a plan holds when it is run, and one replica fewer does not") {
  const Folder folder;
  const CommandResult planned = run_penstock({"plan", folder.file(), "--set", "plan.split=false",
                                              "-o", folder.out("o"), "--format", "json"});
  REQUIRE(planned.exit_code == 0);
  const Json plan = Json::parse(planned.out);
  CHECK(unexplained_nulls(plan).empty());
  std::uint64_t simulations = 0;
  double seconds = 0;
  for (const Json& stage : plan["search"]["stages"]) {
    simulations += stage["simulations"].get<std::uint64_t>();
    seconds += stage["seconds"].get<double>();
  }
  CHECK(simulations == plan["search"]["simulations"]);
  CHECK(seconds <= plan["search"]["seconds"].get<double>());
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

TEST_CASE("a plan chooses stages where a model does not fit on one GPU") {
  const Folder folder;
  const std::vector<std::string> words{
      "plan",
      folder.file(),
      "-q",
      "--gpus",
      "l40s",
      "--set",
      "model=llama-3.1-70b",
      "--set",
      "plan.tensor_parallel=[1, 2]",
      "--set",
      "plan.pipeline_parallel=[1, 2, 4]",
      "--set",
      "workload.classes=[{name: chat, rate: 1/s, lengths: {input: 400, output: 100}, "
      "slo: {ttft: 3s, tpot: 150ms, attainment: 90%}}]"};
  const auto plan = [&words](std::vector<std::string> more) {
    more.insert(more.begin(), words.begin(), words.end());
    return run_penstock(more);
  };
  const CommandResult planned = plan({"--format", "json", "-o", folder.out("o"), "--report"});
  REQUIRE(planned.exit_code == 0);
  const Json json = Json::parse(planned.out);
  CHECK(unexplained_nulls(json).empty());
  const Json& pool = json["plan"]["pools"][0];
  const int stages = pool["pipeline_parallel"];
  const int gpus = pool["tensor_parallel"].get<int>() * stages * pool["replicas"].get<int>();
  CHECK(stages > 1);
  CHECK(json["plan"]["gpus"] == gpus);
  CHECK(json["plan"]["usd_per_hour"] == doctest::Approx(0.79 * gpus));
  const Json run = Json::parse(
      run_penstock({"run", folder.out("o") + "/plan.yaml", "--format", "json", "-q"}).out);
  CHECK(run["scenario"]["cluster"]["pipeline_parallel"] == stages);
  CHECK(run["cost"]["per_million"]["output"] == json["plan"]["per_million"]["output"]);
  CHECK(has(plan({}).out, " PP" + std::to_string(stages)));
  const std::string vllm = plan({"--emit", "vllm"}).out;
  CHECK(has(vllm, "--pipeline-parallel-size " + std::to_string(stages)));
  CHECK_FALSE(has(vllm, "async-scheduling"));
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
  CHECK(plan["plan"]["gpu"].is_null());
  CHECK(unexplained_nulls(plan).empty());
  CHECK(plan["cheapest_single_pool"]["usd_per_hour"] > plan["plan"]["usd_per_hour"]);
  for (std::size_t i = 0; i < pools.size(); ++i) {
    const std::string file = folder.out("o") + "/pool-" + std::to_string(i + 1) + ".yaml";
    const Json run = Json::parse(run_penstock({"run", file, "--format", "json", "-q"}).out);
    CHECK(run["cost"]["per_million"]["output"] == pools[i]["per_million"]["output"]);
    CHECK(run["utilization"]["busy"] == pools[i]["utilization"]["busy"]);
    CHECK(pools[i]["at_mean"]["utilization"]["batch_mean"] < pools[i]["utilization"]["batch_mean"]);
  }
}

TEST_CASE("a plan decides how much traffic it needs, and its file says so") {
  const Folder folder;
  const CommandResult planned = run_penstock(
      {"plan", folder.file(), "--gpus", "h100-sxm", "--set",
       "workload={classes: [{name: code, tokens_per_day: 3000000000, lengths: azure-code-2023, "
       "slo: {ttft: 500ms}}]}",
       "--set", "plan.peak={code: 1.5}", "--set", "plan.growth=20%", "-o", folder.out("o"),
       "--format", "json"});
  REQUIRE(planned.exit_code == 0);
  const Json plan = Json::parse(planned.out);
  CHECK(has(plan["notes"].dump(), "workload.duration is not given: 5 min of traffic"));
  const Json run = Json::parse(
      run_penstock({"run", folder.out("o") + "/plan.yaml", "--format", "json", "-q"}).out);
  CHECK(run["scenario"]["workload"]["duration_s"] == 300);
  CHECK(run["cost"]["per_million"]["blended"] == plan["plan"]["per_million"]["blended"]);
  const double mean = plan["plan"]["at_mean"]["utilization"]["batch_mean"];
  CHECK(mean < plan["plan"]["utilization"]["batch_mean"].get<double>());
  // A day of the run is the day asked for, grown by 20 %, at a peak of 1.5.
  const double tokens =
      run["tokens"]["input"].get<double>() + run["tokens"]["output"].get<double>();
  CHECK(tokens * 86400 / 300 == doctest::Approx(3e9 * 1.2 * 1.5).epsilon(0.05));
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

TEST_CASE("rate=max refuses what asks for another cluster or a file") {
  const Folder folder;
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"--gpus", "l40s"}, "--gpus means nothing with --target rate=max"},
      {{"--max-gpus", "8"}, "--max-gpus means nothing with --target rate=max"},
      {{"--emit", "vllm"}, "--emit means nothing with --target rate=max"},
      {{"-o", "out"}, "--output means nothing with --target rate=max"},
      {{"--set", "plan.peak=2"}, "--set plan.peak=2 means nothing with --target rate=max"},
  };
  for (const auto& [more, message] : cases) {
    std::vector<std::string> words{"plan", folder.file(), "--target", "rate=max"};
    words.insert(words.end(), more.begin(), more.end());
    const CommandResult refused = run_penstock(words);
    CHECK(refused.exit_code == 2);
    CHECK(has(refused.err, message));
  }
}

TEST_CASE("what no replica of a plan can have is shown where the user wrote it") {
  const Folder folder;
  const auto plan = [&folder](const std::vector<std::string>& more) {
    std::vector<std::string> words{"plan", folder.file()};
    words.insert(words.end(), more.begin(), more.end());
    CommandResult result = run_penstock(words);
    CHECK(result.exit_code == 3);
    CHECK(result.out.empty());
    return result.err;
  };
  const Folder odd(std::string(mix).replace(std::string(mix).find("[1, 2]"), 6, "[3, 5]"));
  const CommandResult in_file = run_penstock({"plan", odd.file()});
  CHECK(in_file.exit_code == 3);
  CHECK(has(in_file.err, "`tensor_parallel: 3` does not divide the 32 attention heads"));
  CHECK(has(in_file.err, odd.file() + ":12:26"));
  CHECK(has(in_file.err, odd.file() + ":12:29"));
  CHECK(has(in_file.err, "with l40s TP5, one of the choices of the plan"));
  const std::string set = plan({"--set", "seed=2", "--set", "plan.tensor_parallel=[3]"});
  CHECK(has(set, "--> --set[2]:1:23"));
  CHECK_FALSE(has(set, "--set[3]"));
  CHECK(has(plan({"--set", "seed=2", "--gpus", "h10"}), "--> --gpus:1:12"));
  CHECK(has(plan({"--max-gpus", "x"}), "--> --max-gpus:1:15"));
  const std::string rate = plan({"--set", "workload.rate_scale=1e6", "--set", "plan.peak=100"});
  CHECK(has(rate, "peak, growth and headroom of the plan make it 100000000"));
  CHECK_FALSE(has(rate, "--set["));
}

TEST_CASE("prices beyond any bill are a mistake of the file, however many replicas are tried") {
  const Folder folder;
  const CommandResult absurd =
      run_penstock({"plan", folder.file(), "--gpus", "l40s", "--set", "prices.gpu.l40s=$1e6/h",
                    "--set", "plan.max_replicas=65535"});
  CHECK(absurd.exit_code == 3);
  CHECK(has(absurd.err, "`prices.gpu` is too large for 65535 GPUs"));
  // Where the others will do they are taken.
  const CommandResult other =
      run_penstock({"plan", folder.file(), "--set", "prices.gpu.l40s=$1e6/h", "--format", "json"});
  REQUIRE(other.exit_code == 0);
  const Json plan = Json::parse(other.out);
  CHECK(plan["plan"]["gpu"] == "h100-sxm");
  CHECK(has(plan["refused"][0]["reason"].get<std::string>(), "too large"));
}

TEST_CASE("JSON says why there is no plan, and why a value of rate=max is missing") {
  const Folder folder;
  const Json none =
      Json::parse(run_penstock({"plan", folder.file(), "--set", "workload.classes[1].slo.ttft=20ms",
                                "--format", "json"})
                      .out);
  CHECK(none["plan"].is_null());
  CHECK(has(none["reason"].get<std::string>(), "no cluster meets ttft"));
  CHECK(unexplained_nulls(none).empty());
  std::ofstream trace(folder.out("trace.csv"));
  trace << "TIMESTAMP,ContextTokens,GeneratedTokens\n";
  for (int second = 10; second < 60; ++second) {
    trace << "2023-11-16 18:15:" << second << ".0000000,400,40\n";
  }
  trace.close();
  const std::string workload = "workload={trace: {file: " + folder.out("trace.csv") + "}}";
  const CommandResult borne =
      run_penstock({"plan", folder.file(), "--target", "rate=max", "--set", "cluster.gpu=h100-sxm",
                    "--set", workload, "--set", "slo.ttft=500ms", "--format", "json", "-q"});
  REQUIRE(borne.exit_code == 0);
  const Json rate = Json::parse(borne.out);
  CHECK(rate["rate"]["by_class"]["default"].is_null());
  CHECK(unexplained_nulls(rate).empty());
}

/// Runs a script with a `vllm` that writes a line of its arguments to the file `log`.
CommandResult run_script(const std::string& script, const fs::path& folder) {
  const fs::path vllm = folder / "vllm";
  std::ofstream(vllm) << "#!/bin/sh\necho \"$@\" >> '" << (folder / "log").string() << "'\n";
  fs::permissions(vllm, fs::perms::owner_all);
  std::ofstream(folder / "script.sh") << script;
  return run_command("/bin/sh", {(folder / "script.sh").string()},
                     {.environment = {{"PATH", folder.string() + ":/usr/bin:/bin"}}});
}

/// The lines of the log, sorted: servers start side by side.
std::vector<std::string> started(const fs::path& folder) {
  std::ifstream in(folder / "log");
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

TEST_CASE("a split plan's scripts start each pool, its manifest has a deployment of each") {
  const Folder folder;
  const std::vector<std::string> words{"plan", folder.file(), "-q"};
  const auto plan = [&words](std::vector<std::string> more) {
    more.insert(more.begin(), words.begin(), words.end());
    return run_penstock(more);
  };
  const Json pools =
      Json::parse(plan({"--format", "json", "-o", folder.out("o")}).out)["plan"]["pools"];
  REQUIRE(pools.size() == 2);
  const TemporaryFolder all;
  CHECK(run_script(plan({"--emit", "vllm"}).out, all.path()).exit_code == 0);
  REQUIRE(started(all.path()).size() == 2);
  for (std::size_t i = 0; i < pools.size(); ++i) {
    const std::string seqs = "--max-num-seqs " + pools[i]["max_num_seqs"].dump() + " ";
    const std::string port = "--port " + std::to_string(8000 + i);
    CHECK((has(started(all.path())[0], seqs) != has(started(all.path())[1], seqs)));
    CHECK((has(started(all.path())[0], port) != has(started(all.path())[1], port)));
    const TemporaryFolder one;
    const std::string file = folder.out("o") + "/vllm-" + std::to_string(i + 1) + ".sh";
    CHECK(run_script(read_file(file), one.path()).exit_code == 0);
    REQUIRE(started(one.path()).size() == 1);
    CHECK(has(started(one.path())[0], "serve meta-llama/Llama-3.1-8B-Instruct --tensor-parallel"));
    CHECK(has(started(one.path())[0], seqs));
  }
  const std::vector<YAML::Node> documents = YAML::LoadAll(plan({"--emit", "kubernetes"}).out);
  REQUIRE(documents.size() == 2);
  for (std::size_t i = 0; i < pools.size(); ++i) {
    const YAML::Node& deployment = documents[i];
    const YAML::Node pod = deployment["spec"]["template"];
    CHECK(deployment["kind"].as<std::string>() == "Deployment");
    CHECK(deployment["spec"]["replicas"].as<int>() == pools[i]["replicas"]);
    CHECK(pod["spec"]["nodeSelector"]["gpu"].as<std::string>() == pools[i]["gpu"]);
    CHECK(pod["metadata"]["labels"]["app"].as<std::string>() ==
          deployment["metadata"]["name"].as<std::string>());
    for (const YAML::Node& arg : pod["spec"]["containers"][0]["args"]) {
      CHECK(arg.IsScalar());
    }
  }
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
  CHECK_FALSE(has(vllm, "--api-server-count"));
  const CommandResult hybrid = run_penstock(
      {"plan", folder.file(), "--gpus", "h100-sxm", "--set", "plan.split=false", "--set",
       "model=nemotron-nano-9b-v2", "--set", "weights=bf16", "--set", "engine.front_ends=3",
       "--set", "engine.mamba_ssm_cache_dtype=float32", "--emit", "vllm", "-q"});
  CHECK(has(hybrid.out, "--api-server-count 3"));
  CHECK(has(hybrid.out, "--mamba-ssm-cache-dtype float32"));
  const std::string manifest = emit("kubernetes");
  CHECK(has(manifest, "kind: Deployment"));
  CHECK(has(manifest, "nvidia.com/gpu: 1"));
}

}  // namespace
}  // namespace penstock::test
