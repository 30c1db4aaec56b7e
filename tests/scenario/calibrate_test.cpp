#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/command.h"
#include "tests/support/shared.h"

/// `penstock calibrate` as a user meets it.
namespace penstock::test {
namespace {

using CalibrationJson = nlohmann::json;

/// Single requests and bursts, short prompts and long: a run that tells the parameters apart.
constexpr const char* varied_run =
    "model: llama-3.1-8b\n"
    "cluster: {gpu: h100-sxm}\n"
    "engine: {preset: vllm-0.19-api, max_num_batched_tokens: 8192}\n"
    "workload:\n"
    "  requests: 300\n"
    "  classes:\n"
    "    - name: default\n"
    "      rate: 0.4/s\n"
    "      arrivals: {process: gamma, cv: 3}\n"
    "      lengths: {input: {quantiles: {p0: 50, p50: 2000, p100: 60000}}, output: {lognormal: "
    "{mean: 150, p95: 400}}}\n"
    "prices: {gpu: $1/h}\n"
    "seed: 5\n";

constexpr const char* truth =
    "gpu: h100-sxm\n"
    "engine: vllm-0.19-api\n"
    "timing:\n"
    "  gemm: {flops_efficiency: {bf16: 0.64}, bandwidth_efficiency: 0.8}\n"
    "  attention_decode: {bandwidth_efficiency: 0.870034}\n"
    "  attention_prefill: {flops_efficiency: 0.55}\n"
    "cpu_overhead: {per_step: 1.6ms, per_sequence: 38us}\n";

const std::map<std::string, double> true_values{{"timing.gemm.flops_efficiency.bf16", 0.64},
                                                {"timing.gemm.bandwidth_efficiency", 0.8},
                                                {"timing.attention_prefill.flops_efficiency", 0.55},
                                                {"cpu_overhead.per_step", 1600},
                                                {"cpu_overhead.per_sequence", 38},
                                                {"front_end_latency", 14'000}};

constexpr const char* measured_system =
    "model: llama-3.1-8b\n"
    "cluster: {gpu: rtx-pro-6000}\n"
    "engine: {preset: vllm-0.19, max_num_seqs: 128, max_num_batched_tokens: 2048, "
    "enable_prefix_caching: false}\n"
    "workload: {requests: 1, classes: [{name: default, rate: 1/s, lengths: {input: 9, output: "
    "9}}]}\n"
    "prices: {gpu: $1/h}\n";

}  // namespace

TEST_CASE("calibrate gives back the parameters of a simulated run") {
  const TemporaryFolder folder;
  const CommandOptions inside{folder.path(), {}, {}};
  std::ofstream(folder.path() / "system.yaml") << varied_run;
  std::ofstream(folder.path() / "truth.yaml") << truth;
  REQUIRE(run_penstock({"run", "system.yaml", "--set", "calibration=truth.yaml", "-o", "measured",
                        "--quiet"},
                       inside)
              .exit_code == 0);
  const CommandResult result = run_penstock({"calibrate", "measured/requests.csv", "system.yaml",
                                             "-o", "fitted.yaml", "--format", "json"},
                                            inside);
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  const auto fit = CalibrationJson::parse(result.out);
  CHECK(fit["error"]["before"] > 0.15);
  CHECK(fit["error"]["after"] < 0.01);
  CHECK(fit["parameters"].size() == true_values.size());
  int well_known = 0;
  for (const CalibrationJson& one : fit["parameters"]) {
    const std::string path = one["path"];
    CAPTURE(path);
    const double fitted = one["fitted"];
    const double off = std::fabs(fitted / true_values.at(path) - 1);
    CHECK(off < std::max(0.02, 3 * one["standard_error"].get<double>()));
    if (one["standard_error"] < 0.03) {
      CHECK(off < 0.02);
      ++well_known;
    }
  }
  CHECK(well_known >= 3);
  // What was written is what a workload file takes.
  const CommandResult run =
      run_penstock({"run", "system.yaml", "--set", "calibration=fitted.yaml", "--quiet"}, inside);
  CHECK(run.exit_code == 0);
  CHECK(has(run.out, "calibrated on a measurement of your own"));
}

TEST_CASE("calibrate leaves what describes the measurement already") {
  const TemporaryFolder folder;
  const CommandOptions inside{folder.path(), {}, {}};
  std::ofstream(folder.path() / "system.yaml") << varied_run;
  REQUIRE(run_penstock(
              {"run", "system.yaml", "--set", "workload.requests=40", "-o", "measured", "--quiet"},
              inside)
              .exit_code == 0);
  const CommandResult result = run_penstock(
      {"calibrate", "measured/requests.csv", "system.yaml", "--format", "json"}, inside);
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  const auto fit = CalibrationJson::parse(result.out);
  CHECK(fit["error"]["after"] <= fit["error"]["before"]);
}

TEST_CASE("a run's own figures, counted as vLLM's benchmark does, are no error at all") {
  const TemporaryFolder folder;
  const CommandOptions inside{folder.path(), {}, {}};
  std::ofstream(folder.path() / "system.yaml") << varied_run;
  const CommandResult run = run_penstock(
      {"run", "system.yaml", "--set", "workload.requests=20", "--format", "vllm-json", "--quiet"},
      inside);
  REQUIRE(run.exit_code == 0);
  std::ofstream(folder.path() / "bench.json") << run.out;
  const CommandResult result = run_penstock({"calibrate", "bench.json", "system.yaml", "--set",
                                             "workload.requests=20", "--format", "json"},
                                            inside);
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK(has(result.out, "throughput.output_tokens_per_s"));
  CHECK(CalibrationJson::parse(result.out)["error"]["before"] < 1e-9);
}

TEST_CASE("what the way to a client adds goes into front_end_latency, not into the GPU") {
  const TemporaryFolder folder;
  const CommandOptions inside{folder.path(), {}, {}};
  std::ofstream(folder.path() / "system.yaml") << varied_run;
  REQUIRE(run_penstock({"run", "system.yaml", "--set", "engine.front_end_latency=64ms", "-o",
                        "measured", "--quiet"},
                       inside)
              .exit_code == 0);
  const auto fit_with = [&](const std::string& set) {
    const CommandResult result = run_penstock(
        {"calibrate", "measured/requests.csv", "system.yaml", "--format", "json", "--set", set},
        inside);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    std::map<std::string, double> changes;
    const auto fit = CalibrationJson::parse(result.out);
    for (const CalibrationJson& one : fit["parameters"]) {
      changes[one["path"]] = one["change"];
    }
    return changes;
  };
  auto changes = fit_with("seed=1");
  CHECK(changes.at("front_end_latency") == doctest::Approx(64.0 / 14 - 1).epsilon(0.1));
  CHECK(std::fabs(changes.at("timing.gemm.flops_efficiency.bf16")) < 0.03);
  // What the file gives itself is not fitted.
  changes = fit_with("engine.cpu_overhead={per_step: 1ms}");
  CHECK(changes.count("cpu_overhead.per_step") == 0);
  CHECK(changes.count("cpu_overhead.per_sequence") == 1);
}

TEST_CASE("calibrate lowers the error against a measured run of vLLM") {
  const auto run =
      shared_data("data/measured_runs/vllm-0.19_rtx-pro-6000_llama-3.1-8b_tp1/requests.jsonl");
  if (!run) {
    return skip_without_shared_data();
  }
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "system.yaml") << measured_system;
  const CommandResult result = run_penstock(
      {"calibrate", run->string(), "system.yaml", "--format", "json"}, {folder.path(), {}, {}});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  const auto fit = CalibrationJson::parse(result.out);
  CHECK(fit["measured"]["requests"] == 300);
  CHECK(fit["error"]["after"].get<double>() < 0.9 * fit["error"]["before"].get<double>());
}

TEST_CASE("calibrate tells what is wrong") {
  const TemporaryFolder folder;
  const CommandOptions inside{folder.path(), {}, {}};
  std::ofstream(folder.path() / "system.yaml") << measured_system;
  std::ofstream(folder.path() / "requests.csv") << "arrival_s,ttft_ms,input_tokens,output_tokens\n"
                                                   "0,5,100,1\n"
                                                   "1,oops,100,1\n";
  const CommandResult wrong = run_penstock({"calibrate", "requests.csv", "system.yaml"}, inside);
  CHECK(wrong.exit_code == 3);
  CHECK(has(wrong.err, "requests.csv:3:"));
  CHECK(run_penstock({"calibrate", "none.json", "system.yaml"}, inside).exit_code == 74);
  CHECK(run_penstock({"calibrate", "requests.csv"}, inside).exit_code == 2);
  std::ofstream(folder.path() / "requests.csv") << "arrival_s,ttft_ms,input_tokens,output_tokens\n"
                                                   "0,5,100,1\n";
  const CommandResult constant = run_penstock(
      {"calibrate", "requests.csv", "system.yaml", "--set", "step_model={constant: 1s}"}, inside);
  CHECK(constant.exit_code == 3);
  const CommandResult fast = run_penstock({"calibrate", "requests.csv", "system.yaml"}, inside);
  CHECK(fast.exit_code == 0);
  CHECK(has(fast.out, "not identified"));
}

}  // namespace penstock::test
