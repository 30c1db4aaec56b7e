#include "tools/validation/mlperf.h"

#include <fmt/format.h>

#include "tools/validation/drawn_lengths.h"
#include "tools/validation/engine_families.h"

namespace penstock {
namespace {

/// Prompts of MLPerf's datasets in tokens, from samples of the published length tables
/// (openshift-psap/performance-dashboard @7cd1065d, mlperf-data/summaries): 240 of the 24,576 of
/// Open Orca, 60 from each quarter (standard error of the mean 5 %), 302 of the 13,368 of
/// CNN/DailyMail, from its middle and its end (3 %).
constexpr LengthShape open_orca{.mean = 227, .sigma = 0.65, .shortest = 48, .longest = 1024};
constexpr LengthShape cnn_dailymail{.mean = 950, .sigma = 0.47, .shortest = 100, .longest = 2540};

/// MLPerf's runs under a rate last at least this long.
constexpr double least_seconds = 600;

struct Benchmark {
  LengthShape input, output;
};
Benchmark benchmark_of(const PublishedPoint& point) {
  const double mean = first_number(point.osl);
  if (point.isl.find("CNN") != std::string::npos) {  // always 128 tokens
    return {cnn_dailymail, {.mean = mean, .sigma = 0, .shortest = 1, .longest = 256}};
  }
  // Lengths of the table are those of GPT-4's answers; their spread is taken for Llama's.
  return {open_orca, {.mean = mean, .sigma = 1.0, .shortest = 1, .longest = 1024}};
}

/// The published token budget is that of the 70B model: steps of the 8B model hold more, as TPOT
/// and throughput say (600 decodes and 4,500 tokens of prompts).
std::string_view token_budget(const PublishedPoint& point) {
  return point.model.find("70B") != std::string::npos &&
                 point.notes.find("max_num_tokens 1536") != std::string::npos
             ? ", max_num_batched_tokens: 1536"
             : "";
}

/// One of the equal replicas that share the load.
Run play_replica(const PublishedPoint& point, std::int64_t replicas) {
  const Scenario scenario =
      load_system(engine_system(point, fmt::format(", max_model_len: 4096, enable_chunked_context: "
                                                   "true{}",
                                                   token_budget(point))));
  const bool is_offline = point.mode.find("Offline") != std::string::npos;
  const double rate = is_offline ? 1e6 : first_number(point.load) / static_cast<double>(replicas);
  std::vector<Request> requests = poisson_requests(
      static_cast<std::size_t>(is_offline ? 8000 : least_seconds * rate), rate, 1, 1);
  const Benchmark benchmark = benchmark_of(point);
  draw_lengths(requests, benchmark.input, benchmark.output);
  return play(scenario, std::move(requests));
}

}  // namespace

ComparedFamily mlperf(const std::vector<PublishedPoint>& points) {
  ComparedFamily out;
  out.title = "MLPerf";
  out.assumptions =
      "Closed division on eight GPUs as equal replicas, `tensorrt-llm-mlperf`, prompts cut "
      "(mlcommons/inference_results_v5.1 @965182b0, v4.1 @198fc467). Mean outputs are published "
      "with the results; prompts are taken from samples of the datasets' published lengths "
      "(openshift-psap/performance-dashboard @7cd1065d): 227 tokens on average of Open Orca, 950 "
      "of CNN/DailyMail, within 5 and 3 %; both lognormal. Offline: 8,000 requests a replica, "
      "there at 0; else ten minutes of Poisson arrivals. The preset was fitted to these points "
      "with formulas: in-sample. Server runs are tuned to the last request a second that meets "
      "the limits: 88 to 98 % of what Offline reaches. There a step's time is its tokens' FLOP, "
      "so that the batch, and with it every latency, goes as 1 / (1 - load): a capacity that is "
      "5 % off is a latency that is off by a factor. Only their throughput says something of the "
      "model.";
  for (const char* round : {"MLP5.1", "MLP4.1"}) {
    for (ComparedPoint& one : for_family(points, round, [&](const PublishedPoint& point) {
           const std::int64_t replicas = first_tokens(point.gpus) / first_tokens(point.tp);
           Run run = play_replica(point, replicas);
           run.summary.output_tokens_per_s *= static_cast<double>(replicas);
           return compared(
               fmt::format("{}, {} × {} ({}), {}", point.model, point.gpus, point.gpu, round + 3,
                           point.mode.substr(7, point.mode.find(' ', 7) - 7)),
               point, run.summary);
         })) {
      out.points.push_back(std::move(one));
    }
  }
  return out;
}

}  // namespace penstock
