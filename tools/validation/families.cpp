#include "tools/validation/families.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "tools/validation/engine_families.h"

namespace penstock {
namespace {

// ---- Names --------------------------------------------------------------------------------------

/// Fine-tuned models have the shapes of what they were made from.
constexpr std::array<PublishedName, 10> models{
    {{"Llama-3.1-8B", "llama-3.1-8b"},
     {"Llama-3.1-8B-Instruct", "llama-3.1-8b"},
     {"DeepSeek-R1-Distill-Llama-8B", "llama-3.1-8b"},
     {"Meta-Llama-3-8B-Instruct", "llama-3-8b"},
     {"DeepSeek-R1-Distill-Qwen-7B", "qwen2.5-7b"},
     {"Llama-3.1-70B-Instruct", "llama-3.1-70b"},
     {"Qwen3-8B", "qwen3-8b"},
     {"Qwen3-30B-A3B-Instruct-2507", "qwen3-30b-a3b"},
     {"Qwen3-235B-A22B-Instruct-2507-FP8", "qwen3-235b-a22b"},
     {"Qwen3-32B", "qwen3-32b"}}};
constexpr std::array<PublishedName, 5> gpus{{{"H100", "h100-sxm"},
                                             {"H100-PCIe", "h100-pcie"},
                                             {"H200", "h200-sxm"},
                                             {"B200", "b200"},
                                             {"H100-NVL?", "h100-nvl"}}};

}  // namespace

bool is_moe(std::string_view model) {
  constexpr std::array<std::string_view, 4> signs{"-A", "DeepSeek-V3", "gpt-oss", "Mixtral"};
  return std::any_of(signs.begin(), signs.end(), [&](std::string_view sign) {
    return model.find(sign) != std::string_view::npos;
  });
}

std::string find_name(std::span<const PublishedName> names, std::string_view published) {
  const auto found = std::find_if(names.begin(), names.end(), [&](const PublishedName& name) {
    return name.published == published;
  });
  return found == names.end() ? "" : std::string(found->ours);
}

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

System system_of(const PublishedPoint& point, std::string engine) {
  return {.model = find_name(models, point.model),
          .weights = point.weights == "fp8" ? "fp8" : "bf16",
          .gpu = find_name(gpus, point.gpu),
          .tensor_parallel = static_cast<int>(first_tokens(point.tp)),
          .engine = std::move(engine),
          .data_parallel = ranks_of(point),
          .expert_parallel = static_cast<int>(first_tokens(point.ep))};
}

// ---- Metrics ------------------------------------------------------------------------------------

struct Metric {
  std::string_view published;
  std::string_view title;
  double (*simulated)(const Summary&);
};

using S = const Summary&;
constexpr std::array<Metric, 9> metrics{
    {{"output_throughput_total", "output tok/s", [](S s) { return s.output_tokens_per_s; }},
     {"mean_tpot", "mean TPOT ms", [](S s) { return s.tpot.mean; }},
     {"median_tpot", "median TPOT ms", [](S s) { return s.tpot.p50; }},
     {"mean_itl", "mean ITL ms", [](S s) { return s.itl.mean; }},
     {"median_itl", "median ITL ms", [](S s) { return s.itl.p50; }},
     {"mean_ttft", "mean TTFT ms", [](S s) { return s.ttft.mean; }},
     {"median_ttft", "median TTFT ms", [](S s) { return s.ttft.p50; }},
     {"median_e2e", "median E2E ms", [](S s) { return s.e2e.p50; }},
     {"batch_latency", "E2E of the batch ms", [](S s) { return s.e2e.max; }}}};

}  // namespace

ComparedPoint compared(std::string label, const PublishedPoint& point, const Summary& summary,
                       std::string_view but) {
  ComparedPoint out{.label = std::move(label), .metrics = {}};
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

/// What `simulate` makes of a family's points; points without metrics are dropped.
template <typename Simulate>
std::vector<ComparedPoint> for_family(const Points& points, std::string_view family,
                                      Simulate simulate) {
  std::vector<ComparedPoint> out;
  for (const PublishedPoint& point : points) {
    if (point.family == family && why_not(point).empty()) {
      if (ComparedPoint one = simulate(point); !one.metrics.empty()) {
        out.push_back(std::move(one));
      }
    }
  }
  return out;
}

// ---- vLLM under Poisson load --------------------------------------------------------------------

/// Sorts points labelled "system, rate/s".
void sort_by_rate(std::vector<ComparedPoint>& points) {
  const auto key = [](const ComparedPoint& point) {
    const std::size_t comma = point.label.find(',');
    return std::pair(point.label.substr(0, comma), first_number(point.label.substr(comma)));
  };
  std::stable_sort(points.begin(), points.end(),
                   [&](const auto& a, const auto& b) { return key(a) < key(b); });
}

/// What the rates published for one request a second say: completed/s = n / (n / rate + one E2E).
constexpr std::uint64_t cost_meter_requests = 500;

ComparedFamily cost_meter(const Points& points, const std::string& gpu, const std::string& title) {
  ComparedFamily out;
  out.title = "vllm-cost-meter as " + title;
  out.points = for_family(points, "VCM", [&](const PublishedPoint& point) {
    return compared(cost_meter_label(point), point, play_cost_meter(point, gpu).summary);
  });
  sort_by_rate(out.points);
  return out;
}

/// The card is not certain: both are simulated, the likelier one is listed.
std::vector<ComparedFamily> cost_meter_cards(const Points& points) {
  std::vector<ComparedFamily> out{cost_meter(points, "h100-nvl", "H100 NVL"),
                                  cost_meter(points, "h100-sxm", "H100 SXM")};
  out[1].listed = false;
  out[0].assumptions = fmt::format(
      "vLLM 0.19 serving Llama-3.1-8B, 512 tokens in and 256 out, open-loop Poisson (pChitral/"
      "vllm-cost-meter @3f308c03, arXiv 2606.11690). {} requests a run, which is what its "
      "published "
      "rates imply; arrivals stretched to the nominal rate, as `vllm bench serve` does. The paper "
      "says \"H100-80GB\", its price and power say H100 NVL: simulated as both. Measured at the "
      "client, simulated at the engine, so that TTFT lacks the client, HTTP and the tokeniser. Its "
      "configuration turns chunked prefill off; simulated with vLLM's default, on. "
      "`vllm-0.19-api` was fitted to these points: in-sample.",
      cost_meter_requests);
  return out;
}

ComparedFamily short_chats(const Points& points) {
  ComparedFamily out;
  out.title = "llm-inference-benchmarks, H100 PCIe";
  out.assumptions =
      "vLLM 0.8.5, 200 ShareGPT prompts at 1 to 32 requests/s (IOG-Foundation/"
      "llm-inference-benchmarks @4990a807). Only mean lengths are at hand: each request gets the "
      "mean. Throughput and makespan are not compared, as the drawn arrivals and the longest "
      "output "
      "decide them. `vllm-0.8-api` was fitted to these points: in-sample.";
  out.points = for_family(points, "IOG", [&](const PublishedPoint& point) {
    const System system = system_of(point, "preset: vllm-0.8-api");
    const double rate = first_number(point.load);
    const Run run = play(load_system(system), poisson_requests(200, rate, first_tokens(point.isl),
                                                               first_tokens(point.osl)));
    return compared(fmt::format("{}, {:g}/s", point.model, rate), point, run.summary,
                    "output_throughput_total");
  });
  sort_by_rate(out.points);
  return out;
}

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

ComparedFamily batch_sweeps(const Points& points, std::int64_t input, bool experts) {
  ComparedFamily out;
  out.title = fmt::format("ML.ENERGY, {}prompts of {}", experts ? "experts, " : "", input);
  out.listed = experts;
  out.points = for_family(points, "MLE", [&](const PublishedPoint& point) {
    if (is_moe(point.model) != experts) {
      return ComparedPoint{};
    }
    return compared(batch_sweep_label(point), point, play_batch_sweep(point, input).summary);
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
      "with gpqa at batch 8, three times what it takes with chat. `vllm-0.11-api` was fitted to "
      "these points: in-sample.";
  out[2].assumptions =
      "The same of Qwen3-30B-A3B and Qwen3-235B-A22B on 1 to 8 H100: attention on ranks, experts "
      "spread over them; the published batch is that of all ranks. The catalogue's expert "
      "parameters were fitted to these points too, with formulas: in-sample.";
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
    const Run run = play(load_system(
        system_of(point, "preset: vllm-0.19-api"),
        fmt::format("{{requests: {}, classes: [{{name: default, arrivals: {{process: closed_loop, "
                    "concurrency: {}}}, lengths: {{input: {}, output: {}}}}}]}}",
                    20 * clients, clients, first_tokens(point.isl), first_tokens(point.osl))));
    return compared(fmt::format("concurrency {}", clients), point, run.summary);
  });
  return out;
}

/// Equal requests that all arrive at 0.
Summary all_at_once(const System& system, std::size_t count, const PublishedPoint& point) {
  const Request request{.arrival = {},
                        .input_tokens = first_tokens(point.isl),
                        .output_tokens = first_tokens(point.osl)};
  return play(load_system(system), std::vector<Request>(count, request)).summary;
}

ComparedFamily drained_queue(const Points& points) {
  ComparedFamily out;
  out.title = "vLLM, 1000 at once";
  out.assumptions =
      "Llama-3.1-8B on an H100, 1000 ShareGPT prompts at once (vllm-project/vllm pull request "
      "13305, "
      "March 2025), `vllm-0.8-api`. Each request gets the mean lengths, so that the slow end of "
      "the "
      "run is missing. No parameter is known to have been fitted to it.";
  out.points = for_family(points, "VLLM", [&](const PublishedPoint& point) {
    if (point.metrics.contains("batch_latency")) {
      return ComparedPoint{};
    }
    const System system = system_of(point, "preset: vllm-0.8-api");
    return compared("1000 requests", point, all_at_once(system, 1000, point));
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
    const auto count = static_cast<std::size_t>(first_tokens(point.load));
    const System system = system_of(point, "preset: vllm-0.19");
    return compared(point.load, point, all_at_once(system, count, point));
  });
  return out;
}

}  // namespace

std::string_view why_not(const PublishedPoint& point) {
  if (point.family == "LSS") {
    return "replayed request by request: section 2a";
  }
  if (point.engine.find("TensorRT") != std::string::npos ||
      point.engine.find("SGLang") != std::string::npos || point.engine.starts_with("vLLM 0.6")) {
    return why_not_engine(point);
  }
  if (point.family == "LLMD") {
    return "compared in docs/prefix-caching.md";
  }
  if (point.family == "AICmix") {
    return "2,048 tokens of Qwen3-8B are 28 ms of FLOP at an H200's peak, and it says 15 ms: its "
           "steps are not what they are said to be";
  }
  if (find_name(models, point.model).empty() || find_name(gpus, point.gpu).empty()) {
    return "its model or GPU is not in the catalogue";
  }
  constexpr std::array<std::string_view, 5> simulated_families{"VCM", "IOG", "MLE", "AIC", "VLLM"};
  const bool known = std::find(simulated_families.begin(), simulated_families.end(),
                               point.family) != simulated_families.end();
  return known ? "" : "this program does not know how it was measured";
}

Run play_cost_meter(const PublishedPoint& point, const std::string& gpu) {
  System system = system_of(point, "preset: vllm-0.19-api");
  system.gpu = gpu;
  return play(load_system(system),
              poisson_requests(cost_meter_requests, first_number(point.load),
                               first_tokens(point.isl), first_tokens(point.osl)));
}

std::string cost_meter_label(const PublishedPoint& point) {
  return fmt::format("{}, {:g}/s", point.weights == "fp8" ? "fp8" : "bf16",
                     first_number(point.load));
}

Run play_batch_sweep(const PublishedPoint& point, std::int64_t input) {
  const std::int64_t seqs = first_tokens(point.load);
  // Published is the batch of all ranks: ITL x throughput says so.
  const std::int64_t of_rank = std::max<std::int64_t>(1, seqs / ranks_of(point));
  return saturated(
      system_of(point, fmt::format("preset: vllm-0.11-api, max_num_seqs: {}", of_rank)), 2 * seqs,
      input, first_number(point.osl));
}

std::string batch_sweep_label(const PublishedPoint& point) {
  const bool suspect = point.notes.find("SUSPECT") != std::string::npos;
  return fmt::format("{}, {} × {}, {}, batch {}{}", point.model, point.gpus, point.gpu,
                     point.isl.substr(point.isl.find(':') + 1), first_tokens(point.load),
                     suspect ? " (doubtful: less throughput than at half the batch)" : "");
}

std::vector<ComparedFamily> compare_families(const Points& points) {
  std::vector<ComparedFamily> out = cost_meter_cards(points);
  out.push_back(short_chats(points));
  for (ComparedFamily& family : batch_sweeps(points)) {
    out.push_back(std::move(family));
  }
  out.push_back(long_prompts(points));
  out.push_back(drained_queue(points));
  out.push_back(static_batch(points));
  for (ComparedFamily& family : compare_engine_families(points)) {
    out.push_back(std::move(family));
  }
  return out;
}

}  // namespace penstock
