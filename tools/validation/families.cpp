#include "tools/validation/families.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "tools/validation/engine_families.h"
#include "tools/validation/names.h"
#include "tools/validation/rate_families.h"

namespace penstock {

double first_number(std::string_view text) {
  const std::size_t at = text.find_first_of("0123456789");
  double value = 0;
  if (at == std::string_view::npos ||
      std::from_chars(text.data() + at, text.data() + text.size(), value).ec != std::errc{}) {
    throw std::runtime_error(fmt::format("no number in {}", text));
  }
  return value;
}

std::int64_t first_tokens(std::string_view text) { return std::llround(first_number(text)); }

namespace {

/// Ranks of attention: each of the GPUs among which the experts are divided, beyond a rank's own.
int ranks_of(const PublishedPoint& point) {
  return static_cast<int>(
      std::max<std::int64_t>(1, first_tokens(point.ep) / first_tokens(point.tp)));
}

/// In the terms of a workload file. Meta's own 405B in fp8 leaves attention in bf16 (The Llama 3
/// Herd of Models, section 6.2).
std::string weights_of(const PublishedPoint& point) {
  const bool is_metas = point.model == "Llama-3.1-405B-Instruct-FP8";
  return point.weights == "fp8"     ? (is_metas ? "{dense: fp8, attention: bf16}" : "fp8")
         : point.weights == "mxfp4" ? "{experts: mxfp4, dense: bf16}"
                                    : "bf16";
}

}  // namespace

System system_of(const PublishedPoint& point, std::string engine) {
  return {.model = model_named(point.model),
          .weights = weights_of(point),
          .gpu = gpu_named(point.gpu),
          .tensor_parallel = static_cast<int>(first_tokens(point.tp)),
          .engine = std::move(engine),
          .data_parallel = ranks_of(point),
          .expert_parallel = static_cast<int>(first_tokens(point.ep))};
}

std::string closed_loop(std::int64_t clients, std::int64_t each, const PublishedPoint& point) {
  return fmt::format(
      "{{requests: {}, classes: [{{name: default, arrivals: {{process: closed_loop, concurrency: "
      "{}}}, lengths: {{input: {}, output: {}}}}}]}}",
      each * clients, clients, first_tokens(point.isl), first_tokens(point.osl));
}

namespace {

// ---- Metrics ------------------------------------------------------------------------------------

struct Metric {
  std::string_view published;
  std::string_view title;
  double (*simulated)(const Summary&);
};

using S = const Summary&;
constexpr std::array<Metric, 12> metrics{
    {{"output_throughput_total", "output tok/s", [](S s) { return s.output_tokens_per_s; }},
     {"input_throughput_total", "input tok/s", [](S s) { return s.input_tokens_per_s; }},
     {"mean_tpot", "mean TPOT ms", [](S s) { return s.tpot.mean; }},
     {"median_tpot", "median TPOT ms", [](S s) { return s.tpot.p50; }},
     {"p99_tpot", "p99 TPOT ms", [](S s) { return s.tpot.p99; }},
     {"mean_itl", "mean ITL ms", [](S s) { return s.itl.mean; }},
     {"median_itl", "median ITL ms", [](S s) { return s.itl.p50; }},
     {"mean_ttft", "mean TTFT ms", [](S s) { return s.ttft.mean; }},
     {"median_ttft", "median TTFT ms", [](S s) { return s.ttft.p50; }},
     {"p99_ttft", "p99 TTFT ms", [](S s) { return s.ttft.p99; }},
     {"median_e2e", "median E2E ms", [](S s) { return s.e2e.p50; }},
     {"batch_latency", "E2E of the batch ms", [](S s) { return s.e2e.max; }}}};

}  // namespace

ComparedPoint compared(std::string label, const PublishedPoint& point, const Summary& summary,
                       std::string_view but) {
  ComparedPoint out{.label = std::move(label),
                    .metrics = {},
                    .gpu = point.gpu,
                    .has_experts = is_moe(point.model)};
  for (const Metric& metric : metrics) {
    const auto measured = point.metrics.find(metric.published);
    if (measured != point.metrics.end() && metric.published != but) {
      const Compared value{.measured = measured->second, .simulated = metric.simulated(summary)};
      out.metrics.push_back({std::string(metric.title), value});
    }
  }
  return out;
}

namespace {

using Points = std::vector<PublishedPoint>;

// ---- Saturated batches --------------------------------------------------------------------------

/// Output tokens per second in the second half of a closed loop that is never short of requests.
Run saturated(const System& system, std::int64_t clients, std::int64_t input, double mean_output) {
  Scenario scenario = load_system(
      system,
      fmt::format("{{requests: 10000000, classes: [{{name: default, arrivals: {{process: "
                  "closed_loop, concurrency: {}}}, lengths: {{input: {}, output: {{uniform: [1, "
                  "{}]}}}}}}]}}",
                  clients, input, std::llround(2 * mean_output - 1)));
  // About two to twenty times a request's stay.
  const SimTime half = SimTime::from_seconds(0.2 * mean_output);
  scenario.until = half + half;
  scenario.timeseries_interval = half;
  Run run = play(scenario);
  std::int64_t tokens = 0;
  for (const ReplicaResult& replica : run.result.replicas) {
    tokens += replica.series.at(1).rows;
  }
  run.summary.output_tokens_per_s = static_cast<double>(tokens) / half.seconds();
  return run;
}

/// What ml-energy/benchmark @60f99ccf ran: every run had --tensor-parallel-size of all its GPUs,
/// experts (but gpt-oss's) --enable-expert-parallel, which is published as tp 1, ep n.
System batch_sweep_system(const PublishedPoint& point) {
  const bool is_nemotron = point.model.find("Nemotron") != std::string::npos;
  System system = system_of(
      point, fmt::format("preset: vllm-0.11, max_num_seqs: {}{}", first_tokens(point.load),
                         is_nemotron ? ", mamba_ssm_cache_dtype: float32" : ""));
  system.tensor_parallel = static_cast<int>(first_tokens(point.gpus));
  system.data_parallel = 1;
  const bool are_spread = is_moe(point.model) && point.model.find("gpt-oss") == std::string::npos;
  system.expert_parallel = are_spread ? system.tensor_parallel : 1;
  return system;
}

ComparedFamily batch_sweeps(const Points& points, std::int64_t input, bool experts) {
  ComparedFamily out;
  out.title = fmt::format("ML.ENERGY, {}prompts of {}", experts ? "experts, " : "", input);
  out.listed = experts;
  out.points = for_family(points, "MLE", [&](const PublishedPoint& point) {
    return is_moe(point.model) == experts
               ? compared(batch_sweep_label(point), point, play_batch_sweep(point, input).summary)
               : ComparedPoint{};
  });
  return out;
}

/// Prompt lengths are not published: a short and a long guess.
std::vector<ComparedFamily> batch_sweeps(const Points& points) {
  std::vector<ComparedFamily> out{batch_sweeps(points, 64, false), batch_sweeps(points, 512, false),
                                  batch_sweeps(points, 64, true), batch_sweeps(points, 512, true)};
  out[0].assumptions =
      "vLLM of December 2025, saturated at max_num_seqs = 8 to 1024 (ml-energy/leaderboard "
      "@0cd52dab): Llama-3.1-8B and 70B, Qwen3-8B and 32B on H100 and B200, TP 1 to 4. Prompt "
      "lengths are not published: simulated with 64 and with 512 tokens, so that the truth lies "
      "between. Output lengths are uniform around the published mean; the second half of a closed "
      "loop counts. One point contradicts its own source: Qwen3-32B on a B200 takes 44 ms a token "
      "with gpqa at batch 8, three times what it takes with chat. What ran is in "
      "ml-energy/benchmark @60f99ccf: vLLM 0.11.1, 8,192 tokens a step, asynchronous scheduling, "
      "top-p 0.95 and a repetition penalty, which no operator has: they are in the time per "
      "sequence of `vllm-0.11` (which on H100 grows with the vocabulary). It was fitted to these "
      "points: in-sample.";
  out[2].assumptions =
      "The same of Qwen3-30B-A3B and Qwen3-235B-A22B on 1 to 8 H100. Their parallelism is "
      "published as tp 1, ep n; the program that started them gave vLLM tensor parallelism over "
      "all GPUs and the experts spread over the same ones, which is simulated. The catalogue's "
      "expert parameters were fitted to these points with formulas, under another reading (a rank "
      "of attention on each GPU), and the time of experts in fp8 to these points here, the fp8 "
      "ones: in-sample.";
  return out;
}

// ---- Single points ------------------------------------------------------------------------------

ComparedFamily long_prompts(const Points& points) {
  ComparedFamily out;
  out.title = "aiconfigurator issues";
  out.assumptions =
      "vLLM 0.18 serving Qwen3-8B on an H200, 9000 tokens in and 30 out, fixed concurrency "
      "(ai-dynamo/aiconfigurator issues 1146 and 1148). Simulated with `vllm-0.19-api`, 20 "
      "requests "
      "a client. No parameter is known to have been fitted to it.";
  out.points = for_family(points, "AIC", [&](const PublishedPoint& point) {
    const std::int64_t clients = first_tokens(point.load);
    const Run run = play(
        load_system(system_of(point, "preset: vllm-0.19-api"), closed_loop(clients, 20, point)));
    return compared(fmt::format("concurrency {}", clients), point, run.summary);
  });
  return out;
}

ComparedFamily static_batch(const Points& points) {
  ComparedFamily out;
  out.title = "vLLM, static batch";
  out.assumptions =
      "Llama-3.1-8B on an H200, 32 tokens in and 128 out (buildkite.com/vllm/"
      "performance-benchmark/builds/9515; version not given), `vllm-0.19`. No parameter is known "
      "to "
      "have been fitted to it.";
  out.points = for_family(points, "VLLM", [&](const PublishedPoint& point) {
    if (!point.metrics.contains("batch_latency")) {
      return ComparedPoint{};
    }
    const Request request{.arrival = {},
                          .input_tokens = first_tokens(point.isl),
                          .output_tokens = first_tokens(point.osl)};
    const std::vector<Request> batch(static_cast<std::size_t>(first_tokens(point.load)), request);
    const Run run = play(load_system(system_of(point, "preset: vllm-0.19")), batch);
    return compared(point.load, point, run.summary);
  });
  return out;
}

ComparedFamily inference_x(const Points& points) {
  ComparedFamily out;
  out.title = "InferenceX";
  out.counted = false;
  out.assumptions =
      "vLLM of February 2026 serving Qwen3.5-397B-A17B in bf16 on eight H200 (TP8), 128 tokens "
      "out, fixed concurrency, 10 requests a client (SemiAnalysisAI/InferenceX "
      "token_position_decode_slo @843c6254, which calls it experimental and noisy). Lengths are "
      "uniform between 0.8 and 1 times the nominal, `vllm-0.19-api`. Shown for completeness: "
      "three seconds to the first token of 1,024 at four clients, less at eight, are start-up "
      "(kernels compiled as their shapes come), and the throughput counts them. In none of the "
      "errors over all families. No parameter is known to have been fitted to it.";
  out.points = for_family(points, "IX", [&](const PublishedPoint& point) {
    const std::int64_t clients = first_tokens(point.load);
    const auto range = [](std::int64_t most) {
      return fmt::format("{{uniform: [{}, {}]}}", most * 4 / 5, most);
    };
    const Run run = play(load_system(
        system_of(point, "preset: vllm-0.19-api"),
        fmt::format("{{requests: {}, classes: [{{name: default, arrivals: {{process: closed_loop, "
                    "concurrency: {}}}, lengths: {{input: {}, output: {}}}}}]}}",
                    10 * clients, clients, range(first_tokens(point.isl)),
                    range(first_tokens(point.osl)))));
    return compared(fmt::format("{} in, concurrency {}", point.isl, clients), point, run.summary);
  });
  return out;
}

}  // namespace

std::string_view why_not(const PublishedPoint& point) {
  if (point.family == "LSS") {
    return "replayed request by request: section 2a";
  }
  if (point.family == "LLMD") {
    return "compared in docs/prefix-caching.md";
  }
  if (point.family == "AICmix") {
    return "2,048 tokens of Qwen3-8B are 28 ms of FLOP at an H200's peak, and it says 15 ms: its "
           "steps are not what they are said to be";
  }
  if (model_named(point.model).empty() || gpu_named(point.gpu).empty()) {
    return "its model or GPU is not in the catalogue";
  }
  constexpr std::array<std::string_view, 7> simulated{"VCM",  "IOG", "MLE", "AIC",
                                                      "VLLM", "SGL", "IX"};
  return std::find(simulated.begin(), simulated.end(), point.family) != simulated.end()
             ? ""
             : why_not_engine(point);
}

Run play_batch_sweep(const PublishedPoint& point, std::int64_t input) {
  return saturated(batch_sweep_system(point), 2 * first_tokens(point.load), input,
                   first_number(point.osl));
}

std::string batch_sweep_label(const PublishedPoint& point) {
  const bool suspect = point.notes.find("SUSPECT") != std::string::npos;
  return fmt::format("{}, {} × {}, {}, batch {}{}", point.model, point.gpus, point.gpu,
                     point.isl.substr(point.isl.find(':') + 1), first_tokens(point.load),
                     suspect ? " (doubtful: less throughput than at half the batch)" : "");
}

std::vector<ComparedFamily> compare_families(const Points& points) {
  std::vector<ComparedFamily> out = compare_rate_families(points);
  for (ComparedFamily& family : batch_sweeps(points)) {
    out.push_back(std::move(family));
  }
  out.push_back(long_prompts(points));
  out.push_back(static_batch(points));
  out.push_back(inference_x(points));
  for (ComparedFamily& family : compare_engine_families(points)) {
    out.push_back(std::move(family));
  }
  return out;
}

}  // namespace penstock
