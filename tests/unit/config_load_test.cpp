#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "config/resolved.h"
#include "tests/support/config_text.h"
#include "tests/support/shared.h"

namespace penstock::config {
namespace {

using test::load_small;
using test::load_text;
using test::only_error;
using test::rendered;

TEST_CASE("the small workload loads with the documented defaults") {
  const Loaded loaded = load_small();
  CHECK(rendered(loaded) == "");
  REQUIRE(loaded.ok);
  const Scenario& s = loaded.scenario;
  CHECK(s.model_name == "llama-3.1-8b");
  CHECK(s.weights == Dtype::bf16);
  CHECK(s.kv_cache == Dtype::bf16);
  CHECK(s.cluster.gpu.name == "h100-sxm");
  CHECK(s.cluster.tensor_parallel == 1);
  CHECK(s.cluster.replicas == 1);
  CHECK(s.cluster.router == RouterKind::round_robin);
  CHECK(s.engine.preset == "vllm-0.19");
  CHECK(s.engine.max_num_seqs == 1024);  // 70 GiB and more, not an A100
  CHECK(s.engine.max_num_batched_tokens == 8192);
  CHECK(s.engine.async_scheduling);
  CHECK(s.engine.cpu_overhead.overlap);
  CHECK(s.step_model.kind == StepModelSpec::Kind::roofline);
  CHECK(s.prices.gpu_per_hour == 2.5);
  CHECK(s.prices.source == "given in the file");
  CHECK(s.prices.rule == CostRule::phase);
  CHECK(s.slo.attainment == 0.99);
  CHECK_FALSE(s.slo.any());
  CHECK(s.seed == 1);
  CHECK(s.until == SimTime::never());
  CHECK(loaded.notes == std::vector<std::string>{"engine.preset is vllm-0.19, as none is given"});
}

TEST_CASE("every key of the issue's first example is taken") {
  const Loaded loaded = load_text(R"(model: llama-3.1-70b
weights: fp8
kv_cache: fp8
cluster: {gpu: H100, tensor_parallel: 4, replicas: 2, router: least_outstanding}
engine:
  preset: vllm-0.19
  max_num_seqs: 256
  max_num_batched_tokens: 8192
  enable_prefix_caching: false
workload: {duration: 30min, classes: [{name: chat, rate: 12/s, lengths: azure-conv-2023}]}
slo: {ttft: 500ms, tpot: 50ms, attainment: 99%}
prices: {gpu: $2.50/h, electricity: $0.08/kWh, pue: 1.25}
cost: {rule: cause}
seed: 18446744073709551615
plan: {gpus: [h100-sxm, l40s], tensor_parallel: [1, 2, 4, 8], max_replicas: 64, headroom: 20%}
)");
  CHECK(rendered(loaded) == "");
  const Scenario& s = loaded.scenario;
  CHECK(s.weights == Dtype::fp8);
  CHECK(s.kv_cache == Dtype::fp8);
  CHECK(s.cluster.tensor_parallel == 4);
  CHECK(s.cluster.replicas == 2);
  CHECK(s.cluster.router == RouterKind::least_outstanding);
  CHECK(s.slo.ttft == SimTime{500'000'000'000});
  CHECK(s.slo.e2e == Slo::none);
  CHECK(s.prices.electricity_per_kwh == 0.08);
  CHECK(s.prices.pue == 1.25);
  CHECK(s.prices.rule == CostRule::cause);
  CHECK(s.seed == UINT64_MAX);
  CHECK(s.workload.classes[0].input.kind == LengthSpec::Kind::quantiles);
  CHECK(s.workload.classes[0].input.probabilities.size() == 48);
}

TEST_CASE("a share out of range is told the range, not a wrong guess") {
  for (const char* share : {"150%", "1.5", "-5%"}) {
    CAPTURE(share);
    const std::string text = rendered(load_small({std::string("slo.attainment=") + share}));
    CHECK(text.find("did you mean") == std::string::npos);
    CHECK(text.find("a share from 0% to 100%") != std::string::npos);
  }
}

TEST_CASE("all mistakes of a file are shown at once, where they stand") {
  CHECK(rendered(load_text(R"(modell: llama-3.1-8b
kv_cache: fp7
cluster:
  gpu: h100-sxm
  tensor_parallel: 0
  replicas: two
engine:
  max_num_batched_token: 8192
  gpu_memory_utilization: 90
  async_scheduling: yes
workload:
  duration: 30
  classes:
    - name: chat
      rate: -3/s
      lengths: {input: 100, output: {quantiles: {p50: 10, p5: 20}}}
slo: 300ms
prices: {gpu: $2.50}
)")) == R"(error: unknown key `modell`
  --> w.yaml:1:1
1 | modell: llama-3.1-8b
  | ^^^^^^ did you mean `model`?
error: `kv_cache` cannot be `fp7`
  --> w.yaml:2:11
2 | kv_cache: fp7
  |           ^^^ did you mean `fp8`?
  = note: it may be `bf16` or `fp8`
error: `tensor_parallel` must be at least 1
  --> w.yaml:5:20
5 |   tensor_parallel: 0
  |                    ^
error: `replicas`: `two` is not a whole number
  --> w.yaml:6:13
6 |   replicas: two
  |             ^^^ write it like 8
error: unknown key `max_num_batched_token`
  --> w.yaml:8:3
8 |   max_num_batched_token: 8192
  |   ^^^^^^^^^^^^^^^^^^^^^ did you mean `max_num_batched_tokens`?
error: `gpu_memory_utilization` must be at most 1
  --> w.yaml:9:27
9 |   gpu_memory_utilization: 90
  |                           ^^ did you mean 90%?
error: `async_scheduling` must be true or false
  --> w.yaml:10:21
10 |   async_scheduling: yes
   |                     ^^^
error: `duration`: `30` needs a unit
  --> w.yaml:12:13
12 |   duration: 30
   |             ^^ did you mean 30ms or 30s?
error: `rate` must be at least 1/d
  --> w.yaml:15:13
15 |       rate: -3/s
   |             ^^^^
error: `p50` is less than `p5`
  --> w.yaml:16:55
16 |       lengths: {input: 100, output: {quantiles: {p50: 10, p5: 20}}}
   |                                                       ^^
error: `slo` must be a map (`key: value`), not a single value
  --> w.yaml:17:6
17 | slo: 300ms
   |      ^^^^^
   = note: it has the keys `ttft`, `tpot`, `e2e` or `attainment`
error: `gpu`: `$2.50` needs a unit
  --> w.yaml:18:15
18 | prices: {gpu: $2.50}
   |               ^^^^^ write it like $2.50/h
12 errors; nothing was run
)");
}

TEST_CASE("files that are no map at all are refused") {
  CHECK(rendered(load_text("")) == R"(error: the file is empty
  --> w.yaml:1:1
1 error; nothing was run
)");
  CHECK(only_error(load_text("# nothing\n")) == "the file is empty");
  CHECK(only_error(load_text("- a\n")) == "the file must be a map (`key: value`), not a list");
  CHECK(only_error(load_text("hello\n")) ==
        "the file must be a map (`key: value`), not a single value");
  CHECK(only_error(load_small({"cluster="})) == "`cluster` has no value");
}

TEST_CASE("a missing workload file cannot be read: exit 74") {
  const Loaded loaded = load_scenario("no/such/file.yaml", {});
  CHECK_FALSE(loaded.ok);
  CHECK(only_error(loaded) == "cannot read the file: there is no such file");
  CHECK(exit_code(loaded.diagnostics) == 74);
}

TEST_CASE("exit codes: input goes before what cannot be read and what does not fit") {
  Diagnostic input;
  Diagnostic infeasible;
  infeasible.kind = Diagnostic::Kind::infeasible;
  Diagnostic warning;
  warning.severity = Diagnostic::Severity::warning;
  CHECK(exit_code({}) == 0);
  CHECK(exit_code({warning}) == 0);
  CHECK(exit_code({warning, infeasible}) == 4);
  CHECK(exit_code({infeasible, input}) == 3);
}

TEST_CASE("precedence: default, preset, file, --set, the last --set wins") {
  const std::string file =
      std::string(test::small_workload) + "engine: {preset: vllm-0.8-api, max_num_seqs: 100}\n";
  const EngineSpec from_file = load_text(file).scenario.engine;
  CHECK(from_file.max_num_seqs == 100);             // file over preset
  CHECK(from_file.max_num_batched_tokens == 8192);  // preset
  CHECK_FALSE(from_file.async_scheduling);          // preset
  const Loaded set = load_text(file, {"engine.max_num_seqs=7", "engine.max_num_seqs=8"});
  CHECK(set.scenario.engine.max_num_seqs == 8);
  LoadOptions options;
  options.sets = {"seed=5"};
  CHECK(load_scenario_from_text(file, "w.yaml", options).scenario.seed == 5);
  options.seed = 9;
  CHECK(load_scenario_from_text(file, "w.yaml", options).scenario.seed == 9);
}

TEST_CASE("--set reaches lists, makes maps, and takes YAML values") {
  const Loaded loaded =
      load_small({"workload.classes[0].rate=3/s", "slo.ttft=300ms", "cluster={gpu: h200-sxm}",
                  "workload.classes[1]={name: b, rate: 1/s, lengths: rag}", "slo.tpot= 50ms",
                  "workload.classes[1].lengths={input: 5, output: 6}"});
  CHECK(rendered(loaded) == "");
  const Scenario& s = loaded.scenario;
  CHECK(s.workload.classes[0].rate == 3);
  CHECK(s.workload.classes[1].output.a == 6);
  CHECK(s.slo.ttft.milliseconds() == 300);
  CHECK(s.slo.tpot.milliseconds() == 50);
  CHECK(s.cluster.gpu.name == "h200-sxm");
}

TEST_CASE("the beginning or the last word of a key's name is enough to be told the name") {
  const auto label_of = [](const std::string& set) {
    const Loaded loaded = load_small({set});
    REQUIRE(loaded.diagnostics.size() == 1);
    return loaded.diagnostics[0].label;
  };
  CHECK(label_of("engine.max_num=3") == "did you mean `max_num_seqs` or `max_num_batched_tokens`?");
  CHECK(label_of("cluster.data=2") == "did you mean `data_parallel`?");
  CHECK(label_of("engine.speculative={method: draft_model, num_speculative_tokens: 3, "
                 "acceptance: 0.7, draft_model: llama-3.2-1b, model: llama-3.2-1b}") ==
        "did you mean `draft_model`?");
  CHECK(label_of("engine.zzz=2").empty());
}

TEST_CASE("mistakes in --set are shown in the argument") {
  CHECK(rendered(load_small({"seed=2", "engine.max_num_seq=128"})) ==
        R"(error: unknown key `max_num_seq`
  --> --set[2]:1:8
1 | engine.max_num_seq=128
  |        ^^^^^^^^^^^ did you mean `max_num_seqs`?
1 error; nothing was run
)");
  CHECK(rendered(load_small({"slo.ttft=300"})) == R"(error: `ttft`: `300` needs a unit
  --> --set[1]:1:10
1 | slo.ttft=300
  |          ^^^ did you mean 300ms or 300s?
1 error; nothing was run
)");
  CHECK(only_error(load_small({"slo.ttft"})) == "`--set` takes PATH=VALUE");
  CHECK(only_error(load_small({"=3"})) == "`--set` takes PATH=VALUE");
  CHECK(only_error(load_small({"slo.=3"})) == "a key is missing after this dot");
  CHECK(only_error(load_small({"slo..ttft=3"})) == "this is not a path of keys");
  CHECK(only_error(load_small({"workload.classes[x].rate=1/s"})) ==
        "`[` must hold the number of a list item");
  CHECK(only_error(load_small({"workload.classes[0.rate=1/s"})) ==
        "`[` must hold the number of a list item");
  CHECK(only_error(load_small({"workload.classes[7].rate=1/s"})) ==
        "the list has 1 items, counted from 0");
  CHECK(only_error(load_small({"model[0]=x"})) == "this is not a list");
  CHECK(only_error(load_small({"workload.classes.0.rate=1/s"})) ==
        "this is a list: its items have numbers, from 0");
  CHECK(only_error(load_small({"[0]=x"})) == "`[` must hold the number of a list item");
  CHECK(only_error(load_small({"slo={ttft: 1s, ttft: 2s}"})) == "`ttft` is given twice");
  CHECK(only_error(load_small({"slo={ttft: [1"})) == "a `[` is not closed");
}

TEST_CASE("a price that is not given comes from the catalogue, and is said") {
  const std::string file(test::small_workload.substr(0, test::small_workload.find("prices:")));
  const Loaded loaded = load_text(file);
  REQUIRE(loaded.ok);
  CHECK(rendered(loaded).starts_with("warning: `prices.gpu` is not given: $"));
  CHECK(loaded.scenario.prices.gpu_per_hour > 0);
  CHECK(loaded.scenario.prices.source.starts_with("catalogue, 2026-"));
  CHECK(loaded.scenario.prices.low_per_hour < loaded.scenario.prices.high_per_hour);
  CHECK(only_error(load_text(file, {"cluster.gpu=gaudi3"})) ==
        "no price is known for gaudi3: give `prices.gpu`");
}

TEST_CASE("prices.gpu may be a map: the cluster's GPU is looked up, else the catalogue") {
  const std::string map = "prices.gpu={H100: $2.10/h, l40s: $0.90/h}";
  const Loaded given = load_small({map});
  CHECK(rendered(given) == "");
  CHECK(given.scenario.prices.gpu_per_hour == 2.1);
  CHECK(given.scenario.prices.source == "given in the file");
  CHECK(load_small({map, "cluster.gpu=l40s"}).scenario.prices.gpu_per_hour == 0.9);
  const Loaded other = load_small({map, "cluster.gpu=h200-sxm"});
  REQUIRE(other.ok);
  CHECK(rendered(other).starts_with("warning: `prices.gpu` has no h200-sxm: $"));
  CHECK(other.scenario.prices.source.starts_with("catalogue, 2026-"));
  CHECK(load_small({map, "prices.gpu.h200-sxm=$3/h", "cluster.gpu=h200-sxm"})
            .scenario.prices.gpu_per_hour == 3);
}

TEST_CASE("a map of prices names each GPU once, in one currency") {
  CHECK(rendered(load_small({"prices.gpu={h100-sxn: $2/h, l40s: 3/h, L40S: $1/h, l4: €1/h}"})) ==
        R"(error: there is no GPU `h100-sxn` in the catalogue
  --> --set[1]:1:13
1 | prices.gpu={h100-sxn: $2/h, l40s: 3/h, L40S: $1/h, l4: €1/h}
  |             ^^^^^^^^ did you mean `h100-sxm`, `h200-sxm` or `h800-sxm`?
  = note: `penstock catalog gpus` lists what there is
error: `l40s`: `3/h` needs a currency
  --> --set[1]:1:35
1 | prices.gpu={h100-sxn: $2/h, l40s: 3/h, L40S: $1/h, l4: €1/h}
  |                                   ^^^ did you mean $3/h?
error: this price is in EUR, that of l40s in USD
  --> --set[1]:1:56
1 | prices.gpu={h100-sxn: $2/h, l40s: 3/h, L40S: $1/h, l4: €1/h}
  |                                                        ^^^^ currencies are not converted
3 errors; nothing was run
)");
  CHECK(only_error(load_small({"prices.gpu={h100-sxm: $2/h, H100: $2/h}"})) ==
        "the price of h100-sxm is given already");
  CHECK(only_error(load_small({"prices.gpu={}"})) == "`prices.gpu` is empty");
  CHECK(only_error(load_small({"prices={gpu: {h100-sxm: €2/h}, electricity: $0.1/kWh}"})) ==
        "`electricity` is in USD, `gpu` in EUR");
}

TEST_CASE("currencies are labels and are not mixed") {
  const Loaded euro = load_small({"prices={gpu: €2/h, electricity: €0.20/kWh}"});
  CHECK(euro.scenario.prices.currency == "EUR");
  CHECK(only_error(load_small({"prices={gpu: €2/h, electricity: $0.20/kWh}"})) ==
        "`electricity` is in USD, `gpu` in EUR");
  CHECK(only_error(load_small({"prices.gpu=2.5"})) == "`gpu`: `2.5` needs a currency and a unit");
  CHECK(only_error(load_small({"prices.gpu=$-2/h"})) == "`gpu` must be at least 0");
}

TEST_CASE("the resolved scenario has units in its keys and a fixed order") {
  const Loaded loaded = load_small({"slo={ttft: 300ms, attainment: 95%}"});
  const nlohmann::ordered_json json = to_json(loaded.scenario);
  std::string keys;
  for (const auto& [key, value] : json.items()) {
    keys += key + " ";
  }
  CHECK(keys == "model cluster engine step_model workload slo prices cost_rule seed until_s ");
  CHECK(json["model"]["name"] == "llama-3.1-8b");
  CHECK(json["cluster"]["gpus"] == 1);
  CHECK(json["engine"]["max_num_seqs"] == 1024);
  CHECK(json["engine"]["cpu_overhead"]["per_step_ms"] == 0.0);
  CHECK(json["slo"]["ttft_ms"] == 300.0);
  CHECK(json["slo"]["tpot_ms"].is_null());
  CHECK(json["workload"]["classes"][0]["input"]["fixed"] == 100.0);
  CHECK(json["workload"]["trace"].is_null());
  CHECK(json["step_model"] == "roofline");
  CHECK(to_json(load_small({"step_model={constant: 1s}"}).scenario)["step_model"].dump() ==
        R"({"constant_ms":1000.0})");
}

}  // namespace
}  // namespace penstock::config
