#include <doctest/doctest.h>

#include "config/memory.h"
#include "sim/model/stages.h"
#include "tests/support/config_text.h"

namespace penstock::config {
namespace {

using test::load_text;
using test::only_error;
using test::rendered;

constexpr std::string_view staged_workload = R"(model: llama-3.1-70b
weights: fp8
cluster: {gpu: l40s, pipeline_parallel: 4}
engine: {preset: vllm-0.11-api}
workload:
  requests: 10
  classes: [{name: chat, rate: 8/s, lengths: {input: 100, output: 20}}]
prices: {gpu: $1/h}
)";

Loaded load_stages_of(std::initializer_list<std::string> sets = {}) {
  return load_text(staged_workload, sets);
}

using Layers = std::vector<std::int64_t>;

TEST_CASE("layers that do not divide evenly go where the engine puts them") {
  CHECK(stage_layers(80, 4, SpareLayers::before_last) == Layers{20, 20, 20, 20});
  CHECK(stage_layers(62, 4, SpareLayers::before_last) == Layers{15, 16, 16, 15});
  CHECK(stage_layers(62, 4, SpareLayers::first) == Layers{16, 16, 15, 15});
  CHECK(stage_layers(62, 4, SpareLayers::last) == Layers{15, 15, 16, 16});
  CHECK(stage_layers(7, 4, SpareLayers::before_last) == Layers{2, 2, 2, 1});
  CHECK(most_stage_layers(62, 4) == 16);
  CHECK(most_stage_layers(80, 4) == 20);
}

// scheduler-semantics 4.4: each stage holds its layers, the replica has the blocks of the fewest.
TEST_CASE("stages: weights and KV by layer, and the fewest blocks of all stages") {
  const Loaded loaded = load_stages_of();
  REQUIRE(rendered(loaded) == "");
  const ClusterSpec& cluster = loaded.scenario.cluster;
  CHECK(cluster.gpus_per_replica() == 4);
  CHECK(cluster.engines() == 4);
  const MemoryPlan& plan = loaded.memory;
  REQUIRE(plan.stages.size() == 4);
  const Architecture& model = loaded.scenario.model;
  const ParameterCounts counts = count_parameters(model);
  double weights = 0;
  for (const StageMemory& stage : plan.stages) {
    CHECK(stage.layers == 20);
    CHECK(stage.bytes_per_token * 4 ==
          doctest::Approx(kv_bytes_per_token_per_gpu(model, Dtype::bf16, 1)));
    CHECK(plan.blocks <= stage.blocks);
    weights += stage.weight_bytes;
  }
  CHECK(weights == doctest::Approx(weight_bytes_per_gpu(model, Dtype::fp8, 1)));
  // The first has the embedding, the last the head: two bytes each.
  const double ends = plan.stages[0].weight_bytes - plan.stages[1].weight_bytes;
  CHECK(ends == doctest::Approx(2.0 * static_cast<double>(counts.embedding)));
  CHECK(plan.stages[3].weight_bytes == doctest::Approx(plan.stages[0].weight_bytes));
  CHECK(plan.blocks == plan.stages[0].blocks);
  CHECK(plan.blocks < plan.stages[1].blocks);
  CHECK(loaded.scenario.engine.num_gpu_blocks == plan.blocks - 1);
}

TEST_CASE("stages: a tied embedding is held at both ends") {
  const Loaded loaded = load_stages_of({"model=qwen3-4b", "weights=bf16"});
  REQUIRE(rendered(loaded) == "");
  double weights = 0;
  for (const StageMemory& stage : loaded.memory.stages) {
    weights += stage.weight_bytes;
  }
  const ParameterCounts counts = count_parameters(loaded.scenario.model);
  REQUIRE(counts.head == 0);
  CHECK(weights == doctest::Approx(2.0 * static_cast<double>(counts.total() + counts.embedding)));
}

TEST_CASE("with stages, asynchronous scheduling makes no other schedule") {
  for (const char* engine : {"{preset: vllm-0.27}", "{preset: vllm-0.27, async_scheduling: true}",
                             "{preset: tensorrt-llm-1.0}"}) {
    const Loaded loaded = load_stages_of({std::string("engine=") + engine});
    CHECK(rendered(loaded) == "");
    CHECK_FALSE(loaded.scenario.engine.async_scheduling);
  }
}

TEST_CASE("what goes together with stages, and what does not") {
  const Loaded all = load_stages_of(
      {"engine={preset: tensorrt-llm-1.0, capacity_scheduler_policy: max_utilization, "
       "enable_prefix_caching: true}",
       "workload.timeout=5s"});
  CHECK(rendered(all) == "");
  CHECK(all.scenario.engine.enable_prefix_caching);
  const auto refused = [](std::initializer_list<std::string> sets, const std::string& why) {
    const Loaded loaded = load_stages_of(sets);
    CHECK(only_error(loaded) == why);
    CHECK(exit_code(loaded.diagnostics) == 4);
  };
  refused({"engine={preset: tensorrt-llm-1.0, async_scheduling: true}"},
          "`async_scheduling` together with `pipeline_parallel` is not built yet for tensorrt_llm");
  refused({"engine={preset: vllm-0.6, reserve: 3GB}"},
          "`pipeline_parallel` is not built yet for the scheduler vllm_v0");
  refused({"engine.speculative={method: ngram, num_speculative_tokens: 2, acceptance: 0.5}"},
          "`pipeline_parallel` is not built yet for speculative decoding");
  refused({"engine.enable_prefix_caching=true", "engine.kv_offloading_size=10GB"},
          "`pipeline_parallel` is not built yet for `kv_offloading_size`");
  for (const char* preset : {"vllm-0.19", "tensorrt-llm-1.0", "sglang-0.5"}) {  // ranks
    CAPTURE(preset);
    CHECK(rendered(load_stages_of({"model=qwen3-30b-a3b", "cluster.data_parallel=2",
                                   "cluster.expert_parallel=2",
                                   std::string("engine={preset: ") + preset + "}"})) == "");
  }
  const Loaded many =
      load_stages_of({"cluster.pipeline_parallel=81", "cluster.network_bandwidth=50GB/s"});
  CHECK(only_error(many) == "`pipeline_parallel: 81` is more than the 80 layers of llama-3.1-70b");
  CHECK(exit_code(many.diagnostics) == 3);
}

TEST_CASE("stages past a server need its network") {
  CHECK(only_error(load_stages_of({"cluster.gpu=rtx-pro-6000", "cluster.pipeline_parallel=16"}))
            .find("knows no network of rtx-pro-6000") != std::string::npos);
  CHECK(rendered(load_stages_of({"cluster.gpu=rtx-pro-6000", "cluster.pipeline_parallel=16",
                                 "cluster.network_bandwidth=25GB/s"})) == "");
}

}  // namespace
}  // namespace penstock::config
