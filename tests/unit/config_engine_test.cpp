#include <doctest/doctest.h>

#include <utility>

#include "config/catalog.h"
#include "sim/engine/scheduler.h"
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
           "step_model={table: x.csv}",
       }) {
    CAPTURE(set);
    const Loaded loaded = load_small({set});
    CHECK(only_error(loaded).ends_with(" is not built yet"));
    CHECK(exit_code(loaded.diagnostics) == 4);
    CHECK(rendered(loaded).find("= note: this version ") != std::string::npos);
  }
}

TEST_CASE("1.6.4: pipeline_depth is async_scheduling by another name") {
  for (const bool async : {false, true}) {
    const std::string depth = async ? "2" : "1";
    const Loaded loaded = load_small({"engine.pipeline_depth=" + depth});
    CHECK(rendered(loaded) == "");
    CHECK(loaded.scenario.engine.async_scheduling == async);
    const std::string both = "engine={preset: vllm-0.19, pipeline_depth: " + depth;
    CHECK(rendered(load_small({both + ", async_scheduling: " + (async ? "true}" : "false}")})) ==
          "");
    CHECK(only_error(load_small({both + ", async_scheduling: " + (async ? "false}" : "true}")})) ==
          "`pipeline_depth` contradicts `async_scheduling`");
  }
  CHECK(only_error(load_small({"engine={preset: vllm-0.6, pipeline_depth: 2}"})) ==
        "`pipeline_depth` is no setting of the scheduler vllm_v0");
}

TEST_CASE("every preset of the catalogue names a scheduler that is built") {
  Reporter reporter;
  for (const Catalog::Entry& entry : Catalog({}, reporter).list(CatalogKind::engines)) {
    CAPTURE(entry.name);
    const Loaded loaded = load_small({"engine={preset: " + entry.name + ", max_model_len: 4096}"});
    REQUIRE(rendered(loaded) == "");
    CHECK(find_scheduler(loaded.scenario.engine.scheduler) != nullptr);
  }
}

TEST_CASE("keys of one engine are errors with another") {
  const auto error = [](const char* set) { return only_error(load_small({set})); };
  CHECK(error("engine.chunked_prefill_size=512") ==
        "`chunked_prefill_size` is no setting of the scheduler vllm_v1");
  CHECK(error("engine={preset: sglang-0.5, capacity_scheduler_policy: max_utilization}") ==
        "`capacity_scheduler_policy` is no setting of the scheduler sglang");
  CHECK(error("engine={preset: vllm-0.6, async_scheduling: true}") ==
        "`async_scheduling` is no setting of the scheduler vllm_v0");
  CHECK(error("engine={preset: orca, max_model_len: 4096, block_size: 16}") ==
        "`block_size` is no setting of the scheduler orca");
  CHECK(error("engine={preset: sglang-0.5, scheduling_policy: priority}") ==
        "the scheduler sglang is first come, first served");
  CHECK(error("engine={preset: sglang-0.5, block_size: 64, chunked_prefill_size: 32}") ==
        "a chunk of 32 tokens is less than a block of 64");
  CHECK(error("engine={preset: tensorrt-llm-1.0, schedule_policy: lpm}") ==
        "`schedule_policy` is no setting of the scheduler tensorrt_llm");
  const Loaded cached = load_small({"engine={preset: sarathi-serve, enable_prefix_caching: true}"});
  CHECK(only_error(cached) == "prefix caching of the scheduler sarathi is not built");
  CHECK(exit_code(cached.diagnostics) == 4);
}

TEST_CASE("keys that SGLang and TensorRT-LLM spell their own way") {
  const EngineSpec sglang =
      load_small({"engine={preset: sglang-0.5, chunked_prefill_size: 512, max_prefill_tokens: "
                  "4096, schedule_conservativeness: 0.3, enable_mixed_chunk: true}"})
          .scenario.engine;
  CHECK(sglang.max_num_batched_tokens == 512);
  CHECK(sglang.sglang.max_prefill_tokens == 4096);
  CHECK(sglang.sglang.schedule_conservativeness == 0.3);
  CHECK(sglang.sglang.enable_mixed_chunk);
  CHECK_FALSE(sglang.sglang.retracts_far);
  CHECK(sglang.enable_prefix_caching);
  CHECK(sglang.sglang.schedule_policy == SglangSpec::Policy::fcfs);
  const EngineSpec older = load_small({"engine.preset=sglang-0.3"}).scenario.engine;
  CHECK(older.sglang.retracts_far);
  CHECK(older.sglang.schedule_policy == SglangSpec::Policy::lpm);
  CHECK(load_small({"engine={preset: sglang-0.5, schedule_policy: lpm}"})
            .scenario.engine.sglang.schedule_policy == SglangSpec::Policy::lpm);
  CHECK(load_small({"engine.preset=tensorrt-llm-1.0"}).scenario.engine.enable_prefix_caching);
  CHECK_FALSE(
      load_small({"engine.preset=tensorrt-llm-0.14"}).scenario.engine.enable_prefix_caching);
  const EngineSpec trt =
      load_small({"engine={preset: tensorrt-llm-1.0, enable_chunked_context: true, "
                  "capacity_scheduler_policy: max_utilization, "
                  "context_chunking_policy: equal_progress}"})
          .scenario.engine;
  CHECK(trt.enable_chunked_prefill);
  CHECK(trt.tensorrt_llm.capacity_scheduler_policy == TensorRtSpec::Capacity::max_utilization);
  CHECK(trt.tensorrt_llm.context_chunking_policy == TensorRtSpec::Chunking::equal_progress);
}

TEST_CASE("2.2, 2.3: Orca and static batching make slots of max_model_len of the pool") {
  const Loaded loaded =
      load_small({"engine={preset: orca, max_model_len: 1000, num_gpu_blocks_override: 500}"});
  REQUIRE(rendered(loaded) == "");
  CHECK(loaded.scenario.engine.block_size == 63 * 16);
  CHECK(loaded.scenario.engine.num_gpu_blocks == 499 / 63);
  CHECK(loaded.memory.usable_blocks == 499 / 63);
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
        "a block of 16 tokens takes 2.00 MiB");
}

}  // namespace penstock::config
