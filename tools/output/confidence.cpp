#include "tools/output/confidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "sim/step/moe.h"
#include "sim/step/roofline_parameters.h"
#include "tools/output/text.h"

namespace penstock::output {
namespace {

/// Beyond these no measurement was used to fit or to check the step model.
constexpr std::int64_t longest_measured_prompt = 8192;
constexpr std::int64_t largest_measured_batch = 1024;

/// Errors of whole systems against published measurements (docs/validation.md 2e, out of sample;
/// SGLang's 2c), by family of engines.
struct EngineErrors {
  std::string_view family;
  bool has_experts;
  std::string_view measurements;
  double throughput;
  double tpot;  ///< 0 = not measured
};
constexpr EngineErrors engine_errors[] = {
    {"vllm", false, "published vLLM batch sweeps and load curves", 0.098, 0.057},
    {"vllm", true, "published vLLM batch sweeps of models with experts", 0.132, 0.115},
    {"sglang", false, "SGLang 0.3 with Llama-3.1-70B on four H100", 0.129, 0.059},
    {"sglang", true, "prompts of DeepSeek-V3 on 32 H100, SGLang", 0.187, 0},
    {"tensorrt-llm", false, "published TensorRT-LLM offline throughput, dense models", 0.068, 0},
    {"tensorrt-llm", true, "published TensorRT-LLM offline throughput, models with experts", 0.112,
     0},
};

/// On which GPUs an engine was compared (docs/validation.md 2c and 2e): a preset of that name, or
/// one that continues it (`vllm-0.19-api`).
struct Compared {
  std::string_view engine;
  bool has_experts;
  std::string_view gpus;
};
constexpr Compared compared[] = {
    {"vllm-0.6", false, "h100-sxm"},
    {"vllm-0.8", false, "h100-sxm|h100-pcie"},
    {"vllm-0.11", false, "h100-sxm|b200"},
    {"vllm-0.19", false, "h100-sxm|h100-nvl|h200-sxm"},
    {"vllm-0.11", true, "h100-sxm|b200"},
    {"vllm-0.19", true, "b200"},
    {"sglang-0.3", false, "h100-sxm"},
    {"sglang-0.5", true, "h100-sxm"},
    {"tensorrt-llm", false, "a100-80-sxm|a100-80-pcie|l40s|h100-sxm|h200-sxm|b200|gb200"},
    {"tensorrt-llm", true, "a100-80-sxm|a100-80-pcie|l40s|h100-sxm|h200-sxm|b200|gb200"},
};

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

/// `words` are divided by bars.
bool has_word(std::string_view words, std::string_view word) {
  return ('|' + std::string(words) + '|').find('|' + std::string(word) + '|') !=
         std::string_view::npos;
}

/// What this engine and GPU are beyond what was compared; nothing if they were.
std::string beyond_compared(const Scenario& scenario, std::string_view family, bool has_experts) {
  const std::string& preset = scenario.engine.preset;
  std::string known;
  for (const Compared& one : compared) {
    if (one.has_experts != has_experts || !starts_with(one.engine, family)) {
      continue;
    }
    const bool is_this = preset == one.engine || starts_with(preset, std::string(one.engine) + '-');
    if (is_this && has_word(one.gpus, scenario.cluster.gpu.name)) {
      return "";
    }
    known += fmt::format("{}{} on ", known.empty() ? "" : "; ", one.engine);
    for (const char c : one.gpus) {
      known += c == '|' ? ", " : std::string(1, c);
    }
  }
  return fmt::format("{}{} on {} (measured: {})", preset, has_experts ? " with experts" : "",
                     scenario.cluster.gpu.name, known);
}

void add_measurements(const Scenario& scenario, Confidence& c) {
  const Accelerator& gpu = scenario.cluster.gpu;
  const std::string& fit = gpu.timing.fit;
  if (fit == "datasheet") {
    c.label = "datasheet peaks with typical efficiencies: no measurement of this GPU";
    c.median_error = {{"operator", 0.10}};
    c.nearest = {"kernel times of other GPUs, each left out of its own fit"};
    return;
  }
  if (fit == "assumed") {
    c.label = "parameters assumed from similar GPUs: no measurement of this GPU";
    return;
  }
  if (fit == "calibrated") {
    c.label = "step model calibrated on a measurement of your own";
    return;
  }
  if (fit == "calibrated elsewhere") {
    c.label = "step model calibrated on a measurement of your own, of another system";
    c.extrapolated.emplace_back("the calibration: it was fitted with another GPU or engine");
    return;
  }
  if (fit == "kernels") {
    c.label = "step model fitted to kernel times of this GPU";
    c.nearest.push_back(fmt::format("kernel times on {}", gpu.title));
    c.median_error = {{"gemm", 0.07}};
    if (gpu.name == "rtx-pro-6000") {
      c.nearest.emplace_back("one vLLM 0.19 run of 300 requests on this GPU");
      c.median_error.emplace_back("attention", 0.09);
    }
    if (gpu.name == "rtx-4090" && starts_with(scenario.engine.preset, "vllm")) {
      c.nearest.emplace_back("vLLM 0.8.5 at 1 to 16 requests/s on 1 to 8 of this GPU");
      c.median_error.emplace_back("tpot", 0.07);
    }
    return;
  }
  c.label = "step model fitted to published measurements of whole systems";
  const bool has_experts = scenario.model.moe_layers() > 0;
  const std::string& preset = scenario.engine.preset;
  const auto* engine =
      std::find_if(std::begin(engine_errors), std::end(engine_errors), [&](const EngineErrors& e) {
        return starts_with(preset, e.family) && e.has_experts == has_experts;
      });
  if (engine == std::end(engine_errors)) {
    c.extrapolated.push_back(fmt::format("{}: compared with no measurement", preset));
    return;
  }
  c.nearest.emplace_back(engine->measurements);
  c.median_error = {{"throughput", engine->throughput}};
  if (engine->tpot > 0) {
    c.median_error.emplace_back("tpot", engine->tpot);
  }
  if (const auto beyond = beyond_compared(scenario, engine->family, has_experts); !beyond.empty()) {
    c.extrapolated.push_back(beyond);
  }
}

void add_parallelism(const ClusterSpec& cluster, Confidence& c) {
  const Accelerator& gpu = cluster.gpu;
  if (cluster.pipeline_parallel > 1) {
    c.extrapolated.emplace_back("stages of layers, and what goes between them");
  }
  if (cluster.data_parallel == 1) {
    return;
  }
  c.extrapolated.emplace_back("ranks that wait for each other");
  if (cluster.tensor_parallel > 1) {
    c.extrapolated.emplace_back("ranks of several GPUs");
  }
  if (cluster.gpus_per_stage() > std::max(gpu.scaleup_domain, gpu.server_gpus)) {
    c.extrapolated.push_back(fmt::format("dispatch and combine between servers, at {} GB/s a GPU",
                                         figure(gpu.network_gb_s)));
  } else if (cluster.gpus_per_stage() > gpu.scaleup_domain) {
    c.extrapolated.emplace_back("dispatch and combine over PCIe");
  }
}

void add_extrapolations(const Scenario& scenario, const Result& result, Confidence& c) {
  const Accelerator& gpu = scenario.cluster.gpu;
  const AcceleratorTiming& timing = gpu.timing;
  if (timing.fit == "datasheet" || timing.fit == "assumed") {
    c.extrapolated.push_back(fmt::format("all times: {} is not measured", gpu.title));
  }
  const Architecture& model = scenario.model;
  const WeightDtypes weights = scenario.weight_dtypes();
  const bool has_experts = model.moe_layers() > 0;
  if (gemm_numerics(timing, weights.dense).extrapolated ||
      (has_experts &&
       moe_numerics(timing, scenario.engine.timing.moe, weights.experts).extrapolated)) {
    const Dtype dtype = has_experts ? weights.experts : weights.dense;
    c.extrapolated.push_back(fmt::format("{} weights on {}", to_string(dtype), gpu.title));
  }
  if (model.linear.layers > 0) {
    c.extrapolated.emplace_back("linear attention layers");
  }
  if (model.indexer.layers > 0 || model.compressed.is_used()) {
    c.extrapolated.emplace_back("sparse attention");
  }
  if (result.max_chunk_context > longest_measured_prompt) {
    c.extrapolated.push_back(fmt::format("TTFT of prompts above {} tokens (longest {})",
                                         group_digits(longest_measured_prompt),
                                         group_digits(result.max_chunk_context)));
  }
  if (result.max_decode_batch > largest_measured_batch) {
    c.extrapolated.push_back(fmt::format("batches above {} sequences (largest {})",
                                         group_digits(largest_measured_batch),
                                         group_digits(result.max_decode_batch)));
  }
  const int tp = scenario.cluster.tensor_parallel;
  if (tp > 1 && gpu.scaleup_domain <= 1) {
    c.extrapolated.emplace_back("tensor parallelism over PCIe (a factor of 1.5 to 2)");
  } else if (tp > gpu.near_gpus()) {
    c.extrapolated.emplace_back("tensor parallelism between servers (its latency is assumed)");
  } else if (tp > gpu.scaleup_domain) {
    c.extrapolated.push_back(
        fmt::format("tensor parallelism beyond the {} GPUs of a fast link", gpu.scaleup_domain));
  }
  add_parallelism(scenario.cluster, c);
  if (scenario.engine.speculative.on()) {
    c.extrapolated.emplace_back("speculative decoding (its acceptance is yours)");
  }
  const SimTime front_end = scenario.engine.front_end_latency;
  c.extrapolated.push_back(
      front_end.ps > 0
          ? fmt::format("network and client time (not simulated; TTFT has {:g} ms of front end)",
                        front_end.milliseconds())
          : "tokeniser, HTTP and network time (not simulated)");
}

}  // namespace

Confidence assess_confidence(const Scenario& scenario, const Result& result) {
  Confidence confidence;
  if (scenario.step_model.kind == StepModelSpec::Kind::constant) {
    confidence.label = "constant step time: queueing is exact, hardware is not modelled";
    return confidence;
  }
  add_measurements(scenario, confidence);
  add_extrapolations(scenario, result, confidence);
  return confidence;
}

}  // namespace penstock::output
