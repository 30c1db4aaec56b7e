#include <doctest/doctest.h>

#include <utility>

#include "tests/support/config_text.h"

namespace penstock::config {
namespace {

using test::load_small;
using test::only_error;
using test::rendered;

// scheduler-semantics.md §1.1.1.
TEST_CASE("limits follow the GPU's class") {
  const auto limits = [](const std::string& gpu) {
    const EngineSpec e = load_small({"cluster.gpu=" + gpu}).scenario.engine;
    return std::pair(e.max_num_batched_tokens, e.max_num_seqs);
  };
  CHECK(limits("h100-sxm") == std::pair<std::int64_t, std::int64_t>(8192, 1024));
  CHECK(limits("rtx-pro-6000") == std::pair<std::int64_t, std::int64_t>(8192, 1024));
  CHECK(limits("a100-80-sxm") == std::pair<std::int64_t, std::int64_t>(2048, 256));
  CHECK(limits("rtx-4090") == std::pair<std::int64_t, std::int64_t>(2048, 256));
}

TEST_CASE("limits that are not given are adapted to those that are") {
  const auto engine = [](std::initializer_list<std::string> sets) {
    const Loaded loaded = load_small(sets);
    CHECK(rendered(loaded) == "");
    return loaded.scenario.engine;
  };
  CHECK(engine({"engine.max_num_batched_tokens=64"}).max_num_seqs == 64);  // S = min(S, M)
  CHECK(engine({"engine={max_num_seqs: 2, max_model_len: 100}"}).max_num_batched_tokens ==
        200);  // S x max_model_len
  CHECK(engine({"engine.enable_chunked_prefill=false"}).max_num_batched_tokens ==
        131072);  // the longest prompt
  CHECK(only_error(load_small({"engine={max_num_seqs: 64, max_num_batched_tokens: 32}"})) ==
        "`max_num_batched_tokens` 32 is less than `max_num_seqs` 64");
  CHECK(only_error(load_small({"engine.max_num_seqs=9000"})) ==
        "`max_num_batched_tokens` 8,192 is less than `max_num_seqs` 9,000");
  CHECK(only_error(
            load_small({"engine={enable_chunked_prefill: false, max_num_batched_tokens: 4096}"})) ==
        "`max_num_batched_tokens` 4,096 is less than the longest prompt, 131,072 tokens");
  CHECK(engine({"engine={enable_chunked_prefill: false, max_num_batched_tokens: 4096, "
                "max_model_len: 4096}"})
            .max_model_len == 4096);
}

// scheduler-semantics.md §1.9.1.
TEST_CASE("CUDA graph sizes: vLLM's list, none, or the user's") {
  const auto sizes = [](std::initializer_list<std::string> sets) {
    return load_small(sets).scenario.engine.cuda_graph_sizes;
  };
  const std::vector<std::int64_t> full = sizes({});
  CHECK(full.size() == 51);
  CHECK(full.front() == 1);
  CHECK(full[2] == 4);
  CHECK(full[3] == 8);
  CHECK(full.back() == 512);
  CHECK(full[full.size() - 2] == 496);
  CHECK(sizes({"engine.max_num_seqs=5"}) == std::vector<std::int64_t>{1, 2, 4, 8});
  CHECK(sizes({"engine={max_num_seqs: 20, max_num_batched_tokens: 20}"}) ==
        std::vector<std::int64_t>{1, 2, 4, 8, 16});
  CHECK(sizes({"engine.cuda_graph_sizes=none"}).empty());
  CHECK(sizes({"engine.cuda_graph_sizes=[1, 8, 64]"}) == std::vector<std::int64_t>{1, 8, 64});
  CHECK(sizes({"engine.preset=tensorrt-llm-1.0"}).empty());
  CHECK(sizes({"engine.preset=sglang-0.5"}).empty());
  CHECK(only_error(load_small({"engine.cuda_graph_sizes=[8, 4]"})) ==
        "`cuda_graph_sizes` must rise");
  CHECK(only_error(load_small({"engine.cuda_graph_sizes=[]"})) == "`cuda_graph_sizes` is empty");
}

TEST_CASE("single keys override a preset") {
  const Loaded loaded = load_small(
      {"engine={preset: vllm-0.19-api, block_size: 32, gpu_memory_utilization: 80%, watermark: 1%, "
       "async_scheduling: false, scheduling_policy: priority, scheduler_reserve_full_isl: false, "
       "long_prefill_token_threshold: 512, reserve: 3GiB, "
       "cpu_overhead: {per_step: 2ms, overlap: true}}"});
  CHECK(rendered(loaded) == "");
  const EngineSpec& e = loaded.scenario.engine;
  CHECK(e.block_size == 32);
  CHECK(e.gpu_memory_utilization == doctest::Approx(0.8));
  CHECK(e.watermark == doctest::Approx(0.01));
  CHECK_FALSE(e.async_scheduling);
  CHECK(e.scheduling_policy == SchedulingPolicy::priority);
  CHECK_FALSE(e.scheduler_reserve_full_isl);
  CHECK(e.long_prefill_token_threshold == 512);
  CHECK(e.cpu_overhead.per_step.milliseconds() == 2);
  CHECK(e.cpu_overhead.per_sequence == SimTime{45'073'000});  // the preset's
  CHECK(e.cpu_overhead.overlap);
  CHECK(loaded.memory.reserve_bytes == 3.0 * 1024 * 1024 * 1024);
}

TEST_CASE("keys that are not built yet are refused by name: exit 4") {
  for (const char* set : {
           "engine.pipeline_depth=2",
           "cluster.pipeline_parallel=2",
           "step_model={table: x.csv}",
       }) {
    CAPTURE(set);
    const Loaded loaded = load_small({set});
    CHECK(only_error(loaded).ends_with(" is not built yet"));
    CHECK(exit_code(loaded.diagnostics) == 4);
    CHECK(rendered(loaded).find("= note: this version ") != std::string::npos);
  }
}

TEST_CASE("presets whose scheduler is not built load, and say so when run") {
  const Loaded loaded = load_small({"engine.preset=sglang-0.5"});
  REQUIRE(loaded.ok);
  CHECK(loaded.scenario.engine.scheduler == "sglang");
  CHECK(scheduler_is_built("vllm_v1"));
  CHECK_FALSE(scheduler_is_built(loaded.scenario.engine.scheduler));
  const Diagnostic d = scheduler_not_built(loaded.scenario);
  CHECK(d.kind == Diagnostic::Kind::infeasible);
  CHECK(d.message == "the scheduler of `sglang-0.5` (sglang) is not built yet");
}

TEST_CASE("the step model is the roofline or a constant") {
  CHECK(load_small({"step_model=roofline"}).ok);
  const Loaded constant = load_small({"step_model={constant: 1s}"});
  CHECK(constant.scenario.step_model.kind == StepModelSpec::Kind::constant);
  CHECK(constant.scenario.step_model.constant == SimTime::from_seconds(1));
  CHECK(load_small({"step_model.constant=2ms"}).scenario.step_model.constant ==
        SimTime::from_milliseconds(2));
  CHECK(test::rendered(load_small({"step_model=foo"}))
            .find("it may be `roofline` or `{constant: ...}`\n") != std::string::npos);
  CHECK(only_error(load_small({"step_model={}"})) == "`step_model` names no model");
  CHECK(only_error(load_small({"step_model.constant=0s"})) == "`constant` must be more than 0");
  CHECK(only_error(load_small({"step_model.constant=2h"})) == "`constant` must be at most 1h");
}

}  // namespace
// scheduler-semantics.md §4.5, 4.6.
TEST_CASE(
    "host memory holds blocks of all GPUs of a replica, and copies them at the link's speed") {
  const auto engine = [](std::initializer_list<std::string> sets) {
    const Loaded loaded = load_small(sets);
    CHECK(rendered(loaded) == "");
    return loaded.scenario.engine;
  };
  CHECK(engine({}).host_blocks == 0);
  // 16 tokens of Llama-3.1-8B in bf16 are 2 MiB.
  const EngineSpec one = engine({"engine.kv_offloading_size=64GiB"});
  CHECK(one.host_blocks == 32768);
  CHECK(one.host_block_time.ps == 83'886'080);  // 2 MiB / 25 GB/s
  const EngineSpec two =
      engine({"engine={kv_offloading_size: 64GiB, kv_offloading_bandwidth: 50GB/s}",
              "cluster.tensor_parallel=2"});
  CHECK(two.host_blocks == 32768);
  CHECK(two.host_block_time.ps == 20'971'520);
  CHECK(
      only_error(load_small({"engine={kv_offloading_size: 1GiB, enable_prefix_caching: false}"})) ==
      "`kv_offloading_size` needs `enable_prefix_caching`");
  CHECK(only_error(load_small({"engine.kv_offloading_bandwidth=1GB/s"})) ==
        "`kv_offloading_bandwidth` without a `kv_offloading_size`");
  CHECK(only_error(load_small({"engine.kv_offloading_size=1MiB"})) ==
        "a block of 16 tokens takes 0.00 GiB");
}

}  // namespace penstock::config
