#include "tools/validation/engine_families.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace penstock {
namespace {

using Points = std::vector<PublishedPoint>;

constexpr std::array<PublishedName, 4> engine_models{{{"gpt-oss-20b", "gpt-oss-20b"},
                                                      {"Llama-3.1-8B", "llama-3.1-8b"},
                                                      {"Llama-3.1-70B", "llama-3.1-70b"},
                                                      {"Llama-3.3-70B", "llama-3.3-70b"}}};
constexpr std::array<PublishedName, 5> engine_gpus{{{"A100-SXM", "a100-80-sxm"},
                                                    {"H100", "h100-sxm"},
                                                    {"H200", "h200-sxm"},
                                                    {"B200", "b200"},
                                                    {"RTXPRO6000", "rtx-pro-6000"}}};
constexpr std::array<PublishedName, 6> presets{{{"TRTv014", "tensorrt-llm-0.14"},
                                                {"TRTv020", "tensorrt-llm-0.20"},
                                                {"TRTv10", "tensorrt-llm-1.0"},
                                                {"TRTv12", "tensorrt-llm-1.0"},
                                                {"NIM", "tensorrt-llm-1.0"},
                                                {"SGL", "sglang-0.3"}}};

int stages_of(const PublishedPoint& point) {
  return point.pp.empty() ? 1 : static_cast<int>(first_tokens(point.pp));
}

System engine_system(const PublishedPoint& point, std::string_view more) {
  const bool is_v0 = point.engine.starts_with("vLLM");
  const bool is_half = point.weights == "fp16" || point.weights == "bf16";
  return {.model = find_name(engine_models, point.model),
          .weights = is_half ? "bf16" : point.weights,
          .kv_cache = is_half || point.kv.starts_with("bf16") ? "bf16" : "fp8",
          .gpu = find_name(engine_gpus, point.gpu),
          .tensor_parallel = static_cast<int>(first_tokens(point.tp)),
          .engine = fmt::format("preset: {}, enable_prefix_caching: false{}",
                                is_v0 ? "vllm-0.6" : find_name(presets, point.family), more),
          .pipeline_parallel = stages_of(point)};
}

/// Equal requests that are all there at 0: so many that the engine is full three times over.
Run offline(const PublishedPoint& point) {
  const std::int64_t input = first_tokens(point.isl);
  const std::int64_t output = first_tokens(point.osl);
  const Scenario scenario = load_system(
      engine_system(point, fmt::format(", max_model_len: {}{}", input + output,
                                       input >= 8192 ? ", enable_chunked_context: true" : "")));
  const EngineSpec& engine = scenario.engine;
  const std::int64_t fit = engine.num_gpu_blocks * engine.block_size / (input + output);
  const std::int64_t most = engine.max_num_seqs * scenario.cluster.pipeline_parallel;
  const std::int64_t count = 3 * std::clamp<std::int64_t>(fit, 1, most);
  const Request request{.arrival = {}, .input_tokens = input, .output_tokens = output};
  return play(scenario, std::vector<Request>(static_cast<std::size_t>(count), request));
}

ComparedFamily tensorrt_tables(const Points& points) {
  ComparedFamily out;
  out.title = "TensorRT-LLM, offline";
  out.listed = false;
  out.assumptions =
      "NVIDIA's published throughput tables of v0.14 to v1.2 (NVIDIA/TensorRT-LLM "
      "perf-overview.md), dense models and gpt-oss-20b, presets `tensorrt-llm-0.14` to `-1.0`: "
      "equal "
      "requests all "
      "there at 0. How many, and the largest batch, are not published: as many as fill "
      "the engine "
      "three times, 2,048 at most at a time; prompts of 8,192 tokens or more are cut. "
      "The presets "
      "were fitted to these points with formulas, not with this scheduler: in-sample.";
  for (const PublishedPoint& point : points) {
    if (point.family.starts_with("TRT") && why_not(point).empty() && stages_of(point) == 1) {
      out.points.push_back(
          compared(fmt::format("{} {}, {} × {}, {}/{}, {}", point.model, point.weights, point.tp,
                               point.gpu, point.isl, point.osl, find_name(presets, point.family)),
                   point, offline(point).summary));
    }
  }
  return out;
}

ComparedFamily tensorrt_stages(const Points& points) {
  ComparedFamily out;
  out.title = "TensorRT-LLM, stages";
  out.assumptions =
      "The rows of the same tables with pipeline parallelism (PP), v1.0 and v1.2: Llama-3.3-70B "
      "nvfp4 on 2, 4 and 8 RTX PRO 6000, which have no fast link. Taken as above, with 2,048 "
      "requests at most in each of as many batches as there are stages. The time of a stage beside "
      "its computing was fitted to them with a formula: in-sample.";
  for (const PublishedPoint& point : points) {
    if (point.family.starts_with("TRT") && why_not(point).empty() && stages_of(point) > 1) {
      out.points.push_back(compared(fmt::format("PP{}, {}/{}, {}", point.pp, point.isl, point.osl,
                                                point.family == "TRTv10" ? "v1.0" : "v1.2"),
                                    point, offline(point).summary));
    }
  }
  return out;
}

ComparedFamily nim(const Points& points) {
  ComparedFamily out;
  out.title = "NIM 1.8";
  out.assumptions =
      "Llama-3.3-70B fp8 on two H100, 5000 tokens in and 500 out, fixed concurrency "
      "(docs.nvidia.com/nim/benchmarking), `tensorrt-llm-1.0`, 10 requests a client.";
  for (const PublishedPoint& point : points) {
    if (point.family != "NIM" || !why_not(point).empty()) {
      continue;
    }
    const std::int64_t clients = first_tokens(point.load);
    const Run run = play(load_system(
        engine_system(point, ", max_model_len: 16384"),
        fmt::format("{{requests: {}, classes: [{{name: default, arrivals: {{process: closed_loop, "
                    "concurrency: {}}}, lengths: {{input: {}, output: {}}}}}]}}",
                    10 * clients, clients, first_tokens(point.isl), first_tokens(point.osl))));
    out.points.push_back(compared(fmt::format("concurrency {}", clients), point, run.summary));
  }
  return out;
}

ComparedFamily sglang_benchmark(const Points& points) {
  ComparedFamily out;
  out.title = "SGLang 0.3 and vLLM 0.6";
  out.assumptions =
      "Llama-3.1-70B on four H100, ShareGPT (sgl-project/sglang benchmark_vllm_060 @120affb9), "
      "`sglang-0.3` and `vllm-0.6`; radix cache off. Only mean lengths are at hand: each request "
      "gets 225 tokens in and 195 out; 300 requests at 4 and at 8 a second, 5000 at once. vLLM ran "
      "ten steps at a time, which is not simulated. Both presets were fitted to these points with "
      "formulas: in-sample.";
  for (const PublishedPoint& point : points) {
    if (point.family != "SGL" || !why_not(point).empty()) {
      continue;
    }
    const Scenario scenario = load_system(engine_system(point, ", max_model_len: 8192"));
    const bool at_once = point.mode.starts_with("offline");
    const double rate = at_once ? 1e6 : first_number(point.load);
    const Run run = play(scenario, poisson_requests(at_once ? 5000 : 300, rate, 225, 195));
    const std::string engine = point.engine.substr(0, point.engine.find(' '));
    out.points.push_back(
        compared(at_once ? engine + ", at once" : fmt::format("{}, {:g}/s", engine, rate), point,
                 run.summary));
  }
  return out;
}

}  // namespace

std::string_view why_not_engine(const PublishedPoint& point) {
  if (point.family.starts_with("MLP")) {
    return "the lengths of MLPerf's prompts are not at hand";
  }
  if (find_name(presets, point.family).empty()) {
    return "this program does not know how it was measured";
  }
  if (find_name(engine_models, point.model).empty() || find_name(engine_gpus, point.gpu).empty()) {
    return "its model or GPU is not in the catalogue";
  }
  return "";
}

std::vector<ComparedFamily> compare_engine_families(const Points& points) {
  return {tensorrt_tables(points), tensorrt_stages(points), nim(points), sglang_benchmark(points)};
}

}  // namespace penstock
