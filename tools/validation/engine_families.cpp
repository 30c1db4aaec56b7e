#include "tools/validation/engine_families.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tools/validation/mlperf.h"
#include "tools/validation/names.h"

namespace penstock {
namespace {

using Points = std::vector<PublishedPoint>;

/// The preset of a family of points.
struct FamilyPreset {
  std::string_view family;
  std::string_view preset;
};
constexpr std::array<FamilyPreset, 8> presets{{{"TRTv014", "tensorrt-llm-0.14"},
                                               {"TRTv020", "tensorrt-llm-0.20"},
                                               {"TRTv10", "tensorrt-llm-1.0"},
                                               {"TRTv12", "tensorrt-llm-1.0"},
                                               {"NIM", "tensorrt-llm-1.0"},
                                               {"MLP5.1", "tensorrt-llm-mlperf"},
                                               {"MLP4.1", "tensorrt-llm-mlperf"},
                                               {"LMS", "sglang-0.5"}}};

std::string_view preset_of(const PublishedPoint& point) {
  const auto found = std::find_if(presets.begin(), presets.end(), [&](const FamilyPreset& one) {
    return one.family == point.family;
  });
  return found == presets.end() ? "" : found->preset;
}

int stages_of(const PublishedPoint& point) {
  return point.pp.empty() ? 1 : static_cast<int>(first_tokens(point.pp));
}

/// GPUs among which the experts are divided; each is a rank of attention.
int expert_ranks(const PublishedPoint& point) { return static_cast<int>(first_tokens(point.ep)); }

/// All points of the published tables, of dense models or of those with experts.
ComparedFamily tensorrt_table(const Points& points, bool experts) {
  ComparedFamily out;
  out.title = experts ? "TensorRT-LLM, offline, experts" : "TensorRT-LLM, offline";
  out.listed = experts;
  for (const PublishedPoint& point : points) {
    if (point.family.starts_with("TRT") && is_moe(point.model) == experts &&
        why_not(point).empty() && stages_of(point) == 1) {
      out.points.push_back(compared(
          fmt::format("{} {}, {} × {}, {}/{}, {}", point.model, point.weights,
                      experts ? point.ep : point.tp, point.gpu, point.isl, point.osl,
                      preset_of(point)),
          point, play_offline(point, first_tokens(point.isl), first_tokens(point.osl)).summary));
    }
  }
  return out;
}

std::vector<ComparedFamily> tensorrt_tables(const Points& points) {
  std::vector<ComparedFamily> out{tensorrt_table(points, false), tensorrt_table(points, true)};
  out[0].assumptions =
      "NVIDIA's published throughput tables of v0.14 to v1.2 (NVIDIA/TensorRT-LLM "
      "perf-overview.md), dense models, presets `tensorrt-llm-0.14` to `-1.0`: equal requests all "
      "there at 0, as many as those pages say (30,000 of 128/128 to 1,000 of 20000/2000). The "
      "largest "
      "batch is not published: 2,048; prompts of 8,192 tokens or more are cut. The presets "
      "were fitted to these points with formulas, not with this scheduler: in-sample. More rows of "
      "these tables, out of sample, are in 2e.";
  out[1].assumptions =
      "The same of models with experts: attention on ranks, one a GPU, experts divided among "
      "them. The catalogue's expert parameters were fitted to these points too, with formulas: "
      "in-sample.";
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
      out.points.push_back(compared(
          fmt::format("PP{}, {}/{}, {}", point.pp, point.isl, point.osl, offline_version(point)),
          point, play_offline(point, first_tokens(point.isl), first_tokens(point.osl)).summary));
    }
  }
  return out;
}

ComparedFamily nim(const Points& points) {
  ComparedFamily out;
  out.title = "NIM 1.8";
  out.assumptions =
      "Llama-3.3-70B fp8 on two H100, 5000 tokens in and 500 out, fixed concurrency "
      "(docs.nvidia.com/nim/benchmarking), `tensorrt-llm-1.0` with TensorRT-LLM's default share of "
      "free memory for KV (0.9; the tables above were fitted with 0.93), 20 requests a client, of "
      "which the first, sent by all at once, does not count in latencies. At 100 and 200 clients "
      "Little's law says that 86 requests were running: KV for 8 fewer than here, which is most of "
      "the TTFT at 100. At 5 and 25, equal requests fall into step with each other here and wait "
      "for each other's prompts. In-sample: these points too were fitted with formulas.";
  out.points = for_family(points, "NIM", [&](const PublishedPoint& point) {
    const std::int64_t clients = first_tokens(point.load);
    Scenario scenario =
        load_system(engine_system(point, ", max_model_len: 16384, gpu_memory_utilization: 0.9"),
                    closed_loop(clients, 20, point));
    scenario.workload.warmup = SimTime::from_seconds(1);
    const Run run = play(scenario);
    return compared(fmt::format("concurrency {}", clients), point, run.summary);
  });
  return out;
}

/// Prompts of `input` tokens that each rank computes 16,384 tokens of in a step.
ComparedPoint prefill_pool(const PublishedPoint& point) {
  constexpr std::int64_t of_step = 16384;
  constexpr int steps = 20;
  const std::int64_t input = first_tokens(point.isl);
  const int gpus = expert_ranks(point);
  const Request request{.arrival = {}, .input_tokens = input, .output_tokens = 1};
  const auto count = static_cast<std::size_t>(of_step / input * steps * gpus);
  const Scenario scenario = load_system(engine_system(
      point, fmt::format(", max_num_batched_tokens: {}, max_model_len: {}", of_step, 2 * input)));
  const Run run = play(scenario, std::vector<Request>(count, request));
  const Compared value{.measured = point.metrics.at("input_throughput_per_8gpu_node"),
                       .simulated = run.summary.input_tokens_per_s * 8 / gpus};
  return {.label = fmt::format("prompts of {}", input),
          .metrics = {{"input tok/s of a server", value}},
          .gpu = point.gpu,
          .has_experts = true};
}

ComparedFamily prefill_pools(const Points& points) {
  ComparedFamily out;
  out.title = "SGLang, prefill alone";
  out.assumptions =
      "DeepSeek-V3 on 32 H100 in four servers, prompts alone, 16,384 tokens a GPU and step "
      "(lm-sys.github.io blog of 2025-05-05 @2db4e404), `sglang-0.5`: attention on 32 ranks, "
      "experts divided among them. Its two-batch overlap is not simulated: with half of the "
      "communication hidden the points are 1 to 7 % high. No parameter is known to have been "
      "fitted to it.";
  out.points = for_family(points, "LMS", prefill_pool);
  return out;
}

}  // namespace

System engine_system(const PublishedPoint& point, std::string_view more) {
  const bool is_half = point.weights == "fp16" || point.weights == "bf16";
  const bool spreads = is_moe(point.model) && expert_ranks(point) > 1;
  return {
      .model = model_named(point.model),
      .weights = is_half ? "bf16" : point.weights,
      .kv_cache = is_half || point.kv.starts_with("bf16") ? "bf16" : "fp8",
      .gpu = gpu_named(point.gpu),
      .tensor_parallel = spreads ? 1 : static_cast<int>(first_tokens(point.tp)),
      .engine = fmt::format("preset: {}, enable_prefix_caching: false{}", preset_of(point), more),
      .pipeline_parallel = stages_of(point),
      .data_parallel = spreads ? expert_ranks(point) : 1,
      .expert_parallel = spreads ? expert_ranks(point) : 1};
}

std::size_t offline_requests(std::int64_t input, std::int64_t output) {
  const std::int64_t tokens = input + output;
  return tokens < 500                      ? 30000
         : tokens >= 20000                 ? 1000
         : output >= 4096 || tokens > 2500 ? 1500
                                           : 3000;
}

Run play_offline(const PublishedPoint& point, std::int64_t input, std::int64_t output) {
  const Scenario scenario = load_system(
      engine_system(point, fmt::format(", max_model_len: {}{}", input + output,
                                       input >= 8192 ? ", enable_chunked_context: true" : "")));
  const Request request{.arrival = {}, .input_tokens = input, .output_tokens = output};
  return play(scenario, std::vector<Request>(offline_requests(input, output), request));
}

std::string_view offline_version(const PublishedPoint& point) {
  return point.family == "TRTv014"   ? "v0.14"
         : point.family == "TRTv020" ? "v0.20"
         : point.family == "TRTv10"  ? "v1.0"
                                     : "v1.2";
}

std::string_view why_not_engine(const PublishedPoint& point) {
  if (preset_of(point).empty()) {
    return "this program does not know how it was measured";
  }
  if (point.model.starts_with("Mixtral")) {
    return "the lengths of its prompts are not published";
  }
  return "";
}

std::vector<ComparedFamily> compare_engine_families(const Points& points) {
  std::vector<ComparedFamily> out = tensorrt_tables(points);
  out.push_back(tensorrt_stages(points));
  out.push_back(nim(points));
  out.push_back(mlperf(points));
  out.push_back(prefill_pools(points));
  return out;
}

}  // namespace penstock
