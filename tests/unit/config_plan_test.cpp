#include <doctest/doctest.h>

#include <algorithm>

#include "config/plan.h"
#include "config/render.h"
#include "tests/support/config_text.h"

namespace penstock::config {
namespace {

using test::load_text;
using test::only_error;
using test::rendered;

/// A file without `cluster`.
constexpr std::string_view base_file = R"(model: llama-3.1-70b
weights: fp8
workload:
  duration: 10min
  classes:
    - {name: chat, rate: 12/s, lengths: azure-conv-2023}
    - {name: code, rate: 6/s, lengths: azure-code-2023}
prices: {gpu: {h100-sxm: $2.10/h, L40S: $0.90/h}}
)";

LoadedPlan load_plan(std::string_view text, std::vector<std::string> sets = {}) {
  LoadOptions options;
  options.sets = std::move(sets);
  return load_plan_from_text(std::string(text), "w.yaml", options);
}

std::string shown(const LoadedPlan& loaded) { return render(loaded.diagnostics, false); }

std::string problem(const LoadedPlan& loaded) {
  return loaded.diagnostics.size() == 1 ? loaded.diagnostics.front().message : shown(loaded);
}

/// What `penstock check` finds.
Loaded check(const std::string& text, std::vector<std::string> sets = {}) {
  LoadOptions options;
  options.sets = std::move(sets);
  options.check_plan = true;
  return load_scenario_from_text(text, "w.yaml", options);
}

TEST_CASE("a file without a plan section is planned for with the defaults") {
  const LoadedPlan loaded = load_plan(base_file);
  CHECK(shown(loaded) == "");
  REQUIRE(loaded.ok);
  const PlanSpec& p = loaded.plan;
  CHECK(p.gpus == std::vector<std::string>{"h100-sxm", "l40s"});
  CHECK(p.tensor_parallel == std::vector<int>{1, 2, 4, 8});
  CHECK(p.weights.empty());
  CHECK(p.kv_cache.empty());
  CHECK(p.max_num_seqs.empty());
  CHECK(p.max_num_batched_tokens.empty());
  CHECK(p.max_replicas == 64);
  CHECK(p.max_gpus == 0);
  CHECK(p.headroom == 0);
  CHECK(p.growth == 0);
  CHECK(p.peak == 1);
  CHECK(p.class_peak.empty());
  CHECK(p.split);
  CHECK(loaded.notes ==
        std::vector<std::string>{"plan.gpus are the 2 of `prices.gpu`, as none are given"});
}

TEST_CASE("a plan may leave the length of its traffic open, not that of offline classes") {
  std::string text(base_file);
  text.erase(text.find("  duration: 10min\n"), std::string_view("  duration: 10min\n").size());
  CHECK(shown(load_plan(text)) == "");
  CHECK(load_plan(text).ok);
  const LoadedPlan offline = load_plan(text, {"workload.classes[0].arrivals.process=offline"});
  CHECK_FALSE(offline.ok);
}

TEST_CASE("every key of the plan is taken, and names become those of the catalogue") {
  const LoadedPlan loaded = load_plan(std::string(base_file) + R"(plan:
  gpus: [H100, h200-sxm, l40s]
  tensor_parallel: [4, 2]
  weights: [fp8, bf16]
  kv_cache: [bf16, fp8]
  max_num_seqs: [128, 256]
  max_num_batched_tokens: [2048, 8192]
  max_replicas: 10
  max_gpus: 32
  headroom: 20%
  growth: 150%
  peak: {chat: 2.5}
  split: false
)");
  CHECK(shown(loaded) == "");
  const PlanSpec& p = loaded.plan;
  CHECK(p.gpus == std::vector<std::string>{"h100-sxm", "h200-sxm", "l40s"});
  CHECK(p.tensor_parallel == std::vector<int>{4, 2});
  CHECK(p.weights == std::vector<std::string>{"fp8", "bf16"});
  CHECK(p.kv_cache == std::vector<std::string>{"bf16", "fp8"});
  CHECK(p.max_num_seqs == std::vector<std::int64_t>{128, 256});
  CHECK(p.max_num_batched_tokens == std::vector<std::int64_t>{2048, 8192});
  CHECK(p.max_replicas == 10);
  CHECK(p.max_gpus == 32);
  CHECK(p.headroom == 0.2);
  CHECK(p.growth == 1.5);
  CHECK(p.peak == 1);
  CHECK(p.class_peak == std::map<std::string, double>{{"chat", 2.5}});
  CHECK_FALSE(p.split);
  CHECK(loaded.notes.empty());
  CHECK(load_plan(base_file, {"plan.peak=3"}).plan.peak == 3);
}

TEST_CASE("without prices, all GPUs that the catalogue has a price for are searched") {
  const std::string text(base_file.substr(0, base_file.find("prices:")));
  const LoadedPlan loaded = load_plan(text);
  CHECK(shown(loaded) == "");
  const std::vector<std::string>& gpus = loaded.plan.gpus;
  CHECK(gpus.size() > 10);
  CHECK(std::is_sorted(gpus.begin(), gpus.end()));
  CHECK(std::count(gpus.begin(), gpus.end(), "h100-sxm") == 1);
  CHECK(std::count(gpus.begin(), gpus.end(), "gaudi3") == 0);
}

TEST_CASE("mistakes of a plan are shown where they stand, all at once") {
  CHECK(shown(load_plan(std::string(base_file) + R"(plan:
  gpus: [h100-sxm, h10, H100]
  tensor_parallel: [1, 0, 1]
  kv_cache: [fp7]
  max_num_seqs: []
  headroom: 20
  growth: -1
  peak: {chatt: 2, code: 0.5}
  replicas: 3
)")) == R"(error: there is no GPU `h10` in the catalogue
  --> w.yaml:10:20
10 |   gpus: [h100-sxm, h10, H100]
   |                    ^^^ did you mean `a10` or `h20`?
   = note: `penstock catalog gpus` lists what there is
error: h100-sxm is in the list already
  --> w.yaml:10:25
10 |   gpus: [h100-sxm, h10, H100]
   |                         ^^^^
error: `tensor_parallel` must be at least 1
  --> w.yaml:11:24
11 |   tensor_parallel: [1, 0, 1]
   |                        ^
error: 1 is in the list already
  --> w.yaml:11:27
11 |   tensor_parallel: [1, 0, 1]
   |                           ^
error: `kv_cache` cannot be `fp7`
  --> w.yaml:12:14
12 |   kv_cache: [fp7]
   |              ^^^ did you mean `fp8`?
   = note: it may be `bf16` or `fp8`
error: `max_num_seqs` is empty
  --> w.yaml:13:17
13 |   max_num_seqs: []
   |                 ^ leave it out for the default
error: `headroom` must be at most 1
  --> w.yaml:14:13
14 |   headroom: 20
   |             ^^ did you mean 20%?
error: `growth` must be at least 0
  --> w.yaml:15:11
15 |   growth: -1
   |           ^^ a share from 0% to 1000%
error: there is no class `chatt`
  --> w.yaml:16:10
16 |   peak: {chatt: 2, code: 0.5}
   |          ^^^^^ did you mean `chat`?
   = note: known are `chat` or `code`
error: `code` must be at least 1
  --> w.yaml:16:26
16 |   peak: {chatt: 2, code: 0.5}
   |                          ^^^
error: unknown key `replicas`
  --> w.yaml:17:3
17 |   replicas: 3
   |   ^^^^^^^^ did you mean `max_replicas`?
11 errors; nothing was run
)");
}

TEST_CASE("one price for several GPUs is no price") {
  const std::string text(base_file.substr(0, base_file.find("prices:")));
  CHECK(shown(load_plan(text + "prices: {gpu: $2/h}\nplan: {gpus: [h100-sxm, l40s]}\n")) ==
        R"(error: one `prices.gpu` for 2 GPUs to choose from
  --> w.yaml:8:15
8 | prices: {gpu: $2/h}
  |               ^^^^ give a map, such as {h100-sxm: $2.50/h, l40s: $0.90/h}
  = note: without `prices.gpu` those of the catalogue are used
1 error; nothing was run
)");
  CHECK(load_plan(text + "prices: {gpu: $2/h}\nplan: {gpus: [gaudi3]}\n").ok);
  CHECK(problem(load_plan(text, {"plan.gpus=[h100-sxm, gaudi3]"})) ==
        "no price is known for gaudi3: give `prices.gpu`");
  CHECK(problem(load_plan(text, {"plan.gpus=[h100-sxm, l40s]", "prices.gpu={l40s: €1/h}"})) ==
        "`prices.gpu` is in EUR, the catalogue's price of h100-sxm in USD");
}

TEST_CASE("errors of the rest of the file are found with the plan, its warnings are not told") {
  const std::string text(base_file.substr(0, base_file.find("prices:")));
  CHECK(
      problem(load_plan(base_file, {"model=llama-9"})).starts_with("there is no model `llama-9`"));
  CHECK(problem(load_plan(base_file, {"workload.classes[1].rate=6"})) ==
        "`rate`: `6` needs a unit");
  CHECK(problem(load_plan(base_file, {"prices.gpu.L40S=€1/h"})) ==
        "this price is in EUR, that of h100-sxm in USD");
  CHECK(problem(load_plan(base_file, {"engine.preset=vllm-1"})).starts_with("there is no engine"));
  CHECK(problem(load_plan("")) == "the file is empty");
  CHECK(load_plan(text, {"plan.gpus=[l40s]"}).ok);  // a run warns of the catalogue's price
  CHECK(problem(load_plan(base_file, {"plan=5"})) ==
        "`plan` must be a map (`key: value`), not a single value");
}

TEST_CASE("run wants a GPU, and says who would choose one") {
  const std::string text = std::string(base_file) + "plan: {gpus: [h100-sxm]}\n";
  CHECK(rendered(load_text(text)) == R"(error: `cluster` is missing
  --> w.yaml:1:1
1 | model: llama-3.1-70b
  | ^
  = note: `cluster`: the GPUs and how they are used
  = note: `penstock plan` chooses one, or give `cluster.gpu`
1 error; nothing was run
)");
  CHECK(only_error(load_text(text, {"cluster.replicas=2"})) == "`gpu` is missing");
  CHECK(load_text(text, {"cluster={gpu: h100-sxm, tensor_parallel: 2}"}).ok);
}

TEST_CASE("a plan takes the ranks of the file, or those of its list") {
  const auto plan_of = [](std::vector<std::string> sets) {
    const LoadedPlan loaded = load_plan(base_file, std::move(sets));
    CHECK(loaded.ok);
    return loaded.plan;
  };
  CHECK(plan_of({}).data_parallel == std::vector<int>{1});
  CHECK_FALSE(plan_of({}).spreads_experts);
  const PlanSpec given = plan_of({"cluster={data_parallel: 8, expert_parallel: 8}"});
  CHECK(given.data_parallel == std::vector<int>{8});
  CHECK(given.spreads_experts);
  CHECK(plan_of({"plan.data_parallel=[1, 4]"}).data_parallel == std::vector<int>{1, 4});
}

TEST_CASE("a plan takes the stages of the file, or those of its list") {
  CHECK(load_plan(base_file).plan.pipeline_parallel == std::vector<int>{1});
  CHECK(load_plan(base_file, {"cluster={pipeline_parallel: 4}"}).plan.pipeline_parallel ==
        std::vector<int>{4});
  const LoadedPlan listed = load_plan(base_file, {"plan.pipeline_parallel=[1, 2]"});
  CHECK(listed.ok);
  CHECK(listed.plan.pipeline_parallel == std::vector<int>{1, 2});
  CHECK_FALSE(load_plan(base_file, {"plan.pipeline_parallel=[0]"}).ok);
}

TEST_CASE("check takes the first GPU and the smallest tensor_parallel of the plan that fit") {
  const auto checked = [](const std::string& plan, std::vector<std::string> sets = {}) {
    const Loaded loaded = check(std::string(base_file) + "plan: " + plan + "\n", std::move(sets));
    CHECK(loaded.ok);
    const ClusterSpec& cluster = loaded.scenario.cluster;
    return cluster.gpu.name + " x " + std::to_string(cluster.tensor_parallel);
  };
  CHECK(checked("{gpus: [h100-sxm, l40s], tensor_parallel: [8, 3, 4, 2]}") == "h100-sxm x 2");
  CHECK(checked("{gpus: [l40s, h100-sxm], tensor_parallel: [1, 2]}") == "l40s x 2");
  CHECK(checked("{tensor_parallel: [1, 2, 4]}", {"weights=bf16"}) == "h100-sxm x 4");
  CHECK(checked("{gpus: [l4, h200-sxm], tensor_parallel: [2]}", {"weights=bf16"}) ==
        "h200-sxm x 2");
  const Loaded staged = check(std::string(base_file) +
                              "plan: {gpus: [l40s], tensor_parallel: [1], "
                              "pipeline_parallel: [4, 1, 2]}\n");
  CHECK(staged.ok);
  CHECK(staged.scenario.cluster.pipeline_parallel == 2);
  CHECK(checked("{gpus: [l40s]}", {"cluster={gpu: h100-sxm, tensor_parallel: 4}"}) ==
        "h100-sxm x 4");
}

TEST_CASE("check tells what is wrong with a plan, and what fits nowhere") {
  const std::string text = std::string(base_file) + "plan: {gpus: [h100-sxm]}\n";
  CHECK(only_error(check(text, {"plan.gpus=[h100-sxn]"})) ==
        "there is no GPU `h100-sxn` in the catalogue");
  CHECK(only_error(check(text, {"plan.peak={rag: 2}"})) == "there is no class `rag`");
  CHECK(only_error(check(text, {"slo.ttft=5"})) == "`ttft`: `5` needs a unit");
  const Loaded nowhere = check(text, {"plan.tensor_parallel=[1]", "weights=bf16"});
  CHECK(only_error(nowhere).starts_with("llama-3.1-70b does not fit"));
  CHECK(exit_code(nowhere.diagnostics) == 4);
  CHECK(only_error(check(text, {"plan.tensor_parallel=[3]"}))
            .starts_with("`tensor_parallel: 3` does not divide"));
  CHECK(only_error(check(std::string(base_file))) == "`cluster` is missing");
}

}  // namespace
}  // namespace penstock::config
