#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/step/moe.h"
#include "sim/step/roofline_parameters.h"
#include "sim/step/token_mixers.h"
#include "tests/support/config_text.h"

// What the catalogue's GPUs and engines make of dtypes, servers and front ends.

namespace penstock::config {
namespace {

using test::load_text;
using test::rendered;

constexpr std::string_view ranks_workload = R"(model: deepseek-v3
cluster: {gpu: h100-sxm, tensor_parallel: 1, data_parallel: 16, expert_parallel: 16}
engine: {preset: vllm-0.19-api}
workload:
  requests: 10
  classes: [{name: chat, rate: 8/s, lengths: {input: 100, output: 20}}]
prices: {gpu: $2.50/h}
)";

Scenario load(std::initializer_list<std::string> sets = {}) {
  const Loaded loaded = load_text(ranks_workload, sets);
  CHECK(loaded.ok);
  CAPTURE(rendered(loaded));
  return loaded.scenario;
}

Accelerator gpu(const std::string& name) {
  return load({"model=llama-3.1-8b", "cluster={gpu: " + name + "}"}).cluster.gpu;
}

TEST_CASE("sequences are streamed by one front end a server, SGLang's by one a rank") {
  const auto microseconds = [](const Scenario& scenario) {
    const RooflineParameters p = make_roofline_parameters(scenario);
    return p.cpu.per_sequence.milliseconds() * 1e3 * p.cpu_ranks;  // 16 sequences, one on each
  };
  const double one = 45.073;
  CHECK(microseconds(load()) == doctest::Approx(one * 16 / 2));
  CHECK(microseconds(load({"engine.front_ends=1"})) == doctest::Approx(one * 16));
  CHECK(microseconds(load({"engine.front_ends=8"})) == doctest::Approx(one * 16 / 8));
  CHECK(microseconds(load({"engine.preset=sglang-0.5"})) == doctest::Approx(10));
  CHECK(microseconds(load({"engine.preset=tensorrt-llm-1.0"})) == doctest::Approx(1.6516 * 16));
  const Scenario single = load({"model=llama-3.1-8b", "cluster={gpu: h100-sxm}"});
  CHECK(single.engine.cpu_overhead.front_ends == 1);
}

TEST_CASE("experts that do not divide: the fullest GPU decides") {
  const MoeRates even = make_moe_rates(load());
  CHECK(even.gpus == 16);
  const Loaded uneven =
      load_text(ranks_workload, {"cluster.data_parallel=24", "cluster.expert_parallel=24"});
  REQUIRE(uneven.ok);
  CHECK(uneven.notes.back() == "256 experts do not divide by 24: the fullest GPU, of 11, decides");
  CHECK(make_moe_rates(uneven.scenario).gpus == doctest::Approx(256.0 / 11));
  // As many bytes as with 256 / 11 GPUs: more than with 24.
  const Architecture& model = uneven.scenario.model;
  const double experts = static_cast<double>(count_parameters(model).experts);
  const double most = weight_bytes_per_gpu(model, {Dtype::fp8, Dtype::fp8}, 1, 24);
  const double rest = weight_bytes_per_gpu(model, {Dtype::fp8, Dtype::fp8}, 1, 256) - experts / 256;
  CHECK(most == doctest::Approx(rest + experts * 11 / 256));
}

TEST_CASE("an all-reduce between servers takes longer than within one") {
  const auto all_reduce = [](const std::string& gpus) {
    return make_roofline_parameters(
               load({"model=llama-3.1-405b", "weights=fp8",
                     "cluster={gpu: h100-sxm, tensor_parallel: " + gpus + "}"}))
        .all_reduce;
  };
  const AllReduceRates near = all_reduce("8");
  const AllReduceRates far = all_reduce("16");
  CHECK(far.latency_ms == doctest::Approx(near.latency_ms + 0.020));
  // 2 (n - 1) / n of 1 MB: 15/8 over NVLink on 16 GPUs as on 8, and an eighth over the network.
  const double near_ms = 1.75 / near.bytes_per_ms;
  const double network_ms = 1.0 / 8 / (0.86 * 50e6);
  CHECK(1.875 / far.bytes_per_ms == doctest::Approx(near_ms + network_ms));
}

TEST_CASE("more GPUs take longer to reduce, on every GPU, a server of one among them") {
  Reporter reporter;
  for (const Catalog::Entry& entry : Catalog("", reporter).list(CatalogKind::gpus)) {
    CAPTURE(entry.name);
    double last_ms = 0;
    for (const int gpus : {1, 2, 4, 8, 16}) {
      CAPTURE(gpus);
      const Scenario scenario =
          load({"model=llama-3.2-1b", fmt::format("cluster={{gpu: {}, tensor_parallel: {}, "
                                                  "network_bandwidth: 50GB/s}}",
                                                  entry.name, gpus)});
      const AllReduceRates rates = make_roofline_parameters(scenario).all_reduce;
      const OperatorTime time = all_reduce(rates, 1e6);
      const double ms = time.latency_ms + time.variable_ms;
      CHECK(std::isfinite(ms));
      CHECK(ms >= last_ms);
      CHECK((ms > 0) == (gpus > 1));
      last_ms = ms;
    }
  }
}

TEST_CASE("units that are slower than bf16's are not used") {
  const GemmNumerics int8 = gemm_numerics(gpu("b300").timing, Dtype::int8);
  CHECK(int8.peak_tflops == gemm_numerics(gpu("b300").timing, Dtype::bf16).peak_tflops);
  CHECK(int8.weight_bytes == 1);
  CHECK(int8.extrapolated);
}

TEST_CASE("MXFP4 is computed at its own peak on AMD, at fp8's on Blackwell, at bf16's on Hopper") {
  const auto peak = [](const std::string& name) {
    return gemm_numerics(gpu(name).timing, Dtype::mxfp4).peak_tflops;
  };
  CHECK(peak("mi355x") == doctest::Approx(10066));
  CHECK(peak("b200") == doctest::Approx(4500));
  CHECK(peak("h100-sxm") == doctest::Approx(989.4));
}

TEST_CASE("experts in MXFP4 reach bf16's efficiency on Hopper, but on TensorRT-LLM") {
  const Scenario scenario = load();
  const AcceleratorTiming& timing = scenario.cluster.gpu.timing;
  EngineTiming::Moe engine = scenario.engine.timing.moe;
  CHECK(moe_numerics(timing, engine, Dtype::mxfp4).flops_efficiency ==
        moe_numerics(timing, engine, Dtype::bf16).flops_efficiency);
  engine = load({"engine.preset=tensorrt-llm-1.0"}).engine.timing.moe;
  CHECK(moe_numerics(timing, engine, Dtype::mxfp4).flops_efficiency == doctest::Approx(0.28532));
}

TEST_CASE("experts in fp8 take longer a layer on vLLM, where fp8 is computed") {
  const auto latency = [](const std::string& preset, const std::string& gpu,
                          const std::string& weights) {
    const Scenario s = load({"model=qwen3-235b-a22b", "weights=" + weights,
                             "cluster={gpu: " + gpu + ", tensor_parallel: 8, expert_parallel: 8}",
                             "engine={preset: " + preset + "}"});
    return make_moe_rates(s).latency_ms;
  };
  CHECK(latency("vllm-0.11", "h100-sxm", "fp8") == doctest::Approx(0.150));
  CHECK(latency("vllm-0.11", "b200", "fp8") == doctest::Approx(0.150));
  CHECK(latency("vllm-0.11", "h100-sxm", "bf16") == doctest::Approx(0.028806));
  CHECK(latency("vllm-0.11", "a100-80-sxm", "fp8") == doctest::Approx(0.028806));  // stored only
  CHECK(latency("vllm-0.11-api", "h100-sxm", "fp8") == doctest::Approx(0.028806));
  CHECK(latency("sglang-0.5", "h100-sxm", "fp8") == doctest::Approx(0.028806));
  for (const char* preset : {"vllm-0.19", "vllm-0.19-api", "vllm-0.27"}) {
    CAPTURE(preset);
    CHECK(latency(preset, "h100-sxm", "fp8") == doctest::Approx(0.028806));  // Marlin
    CHECK(latency(preset, "b200", "fp8") == doctest::Approx(0.100));         // DeepGEMM
    CHECK(latency(preset, "b200", "bf16") == doctest::Approx(0.028806));
  }
}

TEST_CASE("states are streamed: no time per sequence beside their bytes") {
  const Scenario scenario =
      load({"model=nemotron-nano-9b-v2", "cluster={gpu: h100-sxm, tensor_parallel: 1}"});
  const std::vector<AttentionLayers> groups = make_attention_layers(scenario);
  const auto states = std::find_if(groups.begin(), groups.end(), [](const AttentionLayers& group) {
    return group.span == AttentionLayers::Span::state;
  });
  REQUIRE(states != groups.end());
  CHECK(states->rates.decode_sequence_ms == 0);
  CHECK(states->rates.mixed_sequence_ms == 0);
  CHECK(states->layers * states->rates.bytes_per_kv ==
        doctest::Approx(2 * state_bytes_per_gpu(scenario.model, 1)));
}

TEST_CASE("vLLM keeps the states of Mamba-2 in bf16, if float32 is not asked for") {
  const auto bytes = [](const std::string& model, const std::string& engine) {
    return load({"model=" + model, "cluster={gpu: h100-sxm, tensor_parallel: 1}",
                 "engine=" + engine})
        .model.linear.element_bytes;
  };
  CHECK(bytes("nemotron-nano-9b-v2", "{preset: vllm-0.19}") == 2);
  CHECK(bytes("nemotron-nano-9b-v2", "{mamba_ssm_cache_dtype: float32}") == 4);
  CHECK(bytes("nemotron-nano-9b-v2", "{preset: sglang-0.5}") == 4);
  CHECK(bytes("qwen3.5-35b-a3b", "{preset: vllm-0.19}") == 4);
}

TEST_CASE("TensorRT-LLM on others' GPUs is a warning") {
  const Loaded loaded = load_text(ranks_workload, {"model=llama-3.1-8b", "cluster={gpu: mi300x}",
                                                   "engine.preset=tensorrt-llm-1.0"});
  CHECK(loaded.ok);
  CHECK(rendered(loaded).find("TensorRT-LLM runs on NVIDIA's GPUs only, not on mi300x") !=
        std::string::npos);
}

}  // namespace
}  // namespace penstock::config
