#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/command.h"

/// `penstock explain FILE` and the load of a run, as a user meets them.
namespace penstock::test {
namespace {

using Json = nlohmann::json;

const std::string curve = "workloads/load-curve.yaml";

Json explain(std::vector<std::string> sets) {
  std::vector<std::string> words{"explain", curve, "--format", "json"};
  for (std::string& set : sets) {
    words.emplace_back("--set");
    words.push_back(std::move(set));
  }
  const CommandResult result = run_penstock(words);
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  return Json::parse(result.out);
}

double price_at(const Json& facts, std::int64_t context, const char* key) {
  for (const Json& row : facts["position"]) {
    if (row["context"] == context) {
      return row[key].get<double>();
    }
  }
  FAIL("no such context");
  return 0;
}

}  // namespace

TEST_CASE("explain has the keys of product.md") {
  const Json facts = explain({});
  for (const char* key : {"memory", "roofline", "saturation", "position", "ratio"}) {
    CAPTURE(key);
    CHECK(facts.contains(key));
    CHECK_FALSE(facts[key].empty());
  }
  CHECK(facts["roofline"].contains("prefill"));
  CHECK(facts["roofline"].contains("decode"));
  CHECK(facts["break_even_hit_rate"].is_number());
  CHECK(facts["ratio"].front()["input_output_ratio"] == 1);
  CHECK(facts["ratio"].back()["input_output_ratio"] == 100);
  const Json& full = facts["saturation"];
  const double a_second =
      full["input_tokens_per_s"].get<double>() * full["input_usd_per_million"].get<double>() +
      full["output_tokens_per_s"].get<double>() * full["output_usd_per_million"].get<double>();
  CHECK(a_second / 1e6 == doctest::Approx(6.98 / 3600).epsilon(1e-9));
}

TEST_CASE("the 10,001st output token of 8B costs about 15 times the 11th, of input 1.05 to 1.6") {
  struct Expected {
    std::string model;
    std::string gpus;
    double low;
    double high;
  };
  const std::vector<Expected> table{{"llama-3.1-8b", "1", 13, 16},
                                    {"llama-3.1-70b", "4", 3.5, 9},
                                    {"llama-3.1-405b", "8", 1.7, 5}};
  for (const Expected& expected : table) {
    CAPTURE(expected.model);
    const Json facts = explain({"model=" + expected.model, "cluster.gpu=h100-sxm",
                                "cluster.tensor_parallel=" + expected.gpus,
                                "engine.preset=vllm-0.19", "engine.max_num_seqs=256"});
    const char* output = "output_usd_per_million";
    const char* input = "input_usd_per_million";
    const double ratio = price_at(facts, 10'001, output) / price_at(facts, 11, output);
    CHECK(ratio > expected.low);
    CHECK(ratio < expected.high);
    const double inputs = price_at(facts, 10'001, input) / price_at(facts, 11, input);
    CHECK(inputs > 1.05);
    CHECK(inputs < 1.6);
  }
}

TEST_CASE("explain works without a roofline, and as Markdown") {
  const Json facts = explain({"step_model={constant: 10ms}"});
  CHECK(facts["roofline"].is_null());
  CHECK(facts["reasons"].contains("roofline"));
  CHECK(facts["saturation"]["requests_per_s"].get<double>() > 0);
  const CommandResult page = run_penstock({"explain", curve, "--format", "markdown"});
  CHECK(page.exit_code == 0);
  CHECK(page.out.starts_with("# "));
  CHECK(page.out.find("## saturation") != std::string::npos);
}

TEST_CASE("the curve of cost by load is what runs at that load cost, and pays for every second") {
  const Json facts = explain({});
  const Json& curve_rows = facts["saturation"]["by_load"];
  REQUIRE(curve_rows.size() == 8);
  double last = 1e300;
  for (const Json& row : curve_rows) {
    CAPTURE(row.dump());
    const double input = row["input_usd_per_million"].get<double>();
    const double output = row["output_usd_per_million"].get<double>();
    const double a_second = row["input_tokens_per_s"].get<double>() * input +
                            row["output_tokens_per_s"].get<double>() * output;
    CHECK(a_second / 1e6 == doctest::Approx(6.98 / 3600).epsilon(1e-9));
    CHECK(output < last);
    last = output;
    if (row["load"] > 0.8) {
      continue;  // there the queue decides how long a finite run lasts
    }
    const CommandResult run = run_penstock(
        {"run", curve, "--quiet", "--format", "json", "--set", "cost.rule=phase", "--set",
         "workload.classes[0].rate=" + std::to_string(row["requests_per_s"].get<double>()) + "/s"});
    const Json cost = Json::parse(run.out)["cost"]["per_million"];
    CHECK(output == doctest::Approx(cost["output"].get<double>()).epsilon(0.1));
    CHECK(input == doctest::Approx(cost["input"].get<double>()).epsilon(0.2));
  }
}

TEST_CASE("a run's load grows to 1, and its price falls to that of saturation") {
  const auto run = [](const std::string& rate) {
    const CommandResult result =
        run_penstock({"run", curve, "--quiet", "--format", "json", "--set",
                      "workload.classes[0].rate=" + rate, "--set", "cost.rule=phase"});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    return Json::parse(result.out);
  };
  const Json slow = run("1/s");
  const Json full = run("100/s");
  CHECK(slow["utilization"]["load"].get<double>() < 0.05);
  CHECK(full["utilization"]["load"].get<double>() == doctest::Approx(1).epsilon(0.1));
  const auto output = [](const Json& summary, const char* key) {
    return summary["cost"][key]["output"].get<double>();
  };
  CHECK(output(slow, "per_million") > 30 * output(slow, "saturation_per_million"));
  CHECK(output(full, "per_million") ==
        doctest::Approx(output(full, "saturation_per_million")).epsilon(0.1));
}

TEST_CASE("explain expects the hits that a run with room for them has") {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "w.yaml").string();
  for (const char* traffic :
       {"rate: 3/s, prefix: {shared: 700, groups: 4}, lengths: {input: {uniform: [600, 1400]}, "
        "output: 50}",
        "rate: 0.5/s, lengths: {input: 200, output: 60}, prefix: {shared: 100}, sessions: {turns: "
        "{uniform: [2, 8]}, think: 5s, follow_up: 30}"}) {
    CAPTURE(traffic);
    std::ofstream(file) << "model: llama-3.1-8b\ncluster: {gpu: h100-sxm}\nengine: {preset: "
                           "vllm-0.19}\nworkload: {requests: 3000, classes: [{name: a, "
                        << traffic << "}]}\nprices: {gpu: $2.50/h}\n";
    const CommandResult said = run_penstock({"explain", file, "--format", "json"});
    REQUIRE_MESSAGE(said.exit_code == 0, said.err);
    const nlohmann::json mean = nlohmann::json::parse(said.out)["saturation"];
    const CommandResult ran = run_penstock({"run", file, "--format", "json", "-q"});
    REQUIRE_MESSAGE(ran.exit_code == 0, ran.err);
    const nlohmann::json tokens = nlohmann::json::parse(ran.out)["tokens"];
    const double cached = mean["cached_tokens_mean"];
    const double computed = mean["input_tokens_mean"];
    const double hits = tokens["cached_input"];
    const double inputs = tokens["input"];
    CHECK(cached > 0);
    CHECK(cached / (cached + computed) == doctest::Approx(hits / (hits + inputs)).epsilon(0.03));
    CHECK(has(run_penstock({"explain", file}).out, "found by a prefix cache"));
  }
}

}  // namespace penstock::test
