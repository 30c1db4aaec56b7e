#include "tools/validation/replay.h"

#include <fmt/format.h>

#include <array>
#include <span>

#include "tools/validation/errors.h"

namespace penstock {
namespace {

constexpr std::string_view run_folder =
    "measured_runs/vllm-0.19_rtx-pro-6000_llama-3.1-8b_tp1/requests.jsonl";

LatencyStats stats_of(const std::vector<MeasuredRequest>& requests, auto latency) {
  std::vector<std::int64_t> values;
  for (const MeasuredRequest& r : requests) {
    if (const std::int64_t value = latency(r); value >= 0) {
      values.push_back(value);
    }
  }
  return latency_stats(values, 0);
}

RunLatencies latencies_of(const Summary& s) {
  return {.queue = s.queue,
          .ttft = s.ttft,
          .tpot = s.tpot,
          .e2e = s.e2e,
          .duration_s = s.duration_s,
          .output_tokens_per_s = s.output_tokens_per_s};
}

Run replay(const std::vector<MeasuredRequest>& requests, const System& system) {
  std::vector<Request> arrivals;
  arrivals.reserve(requests.size());
  for (const MeasuredRequest& r : requests) {
    arrivals.push_back(r.request);
  }
  return play(load_system(system), std::move(arrivals));
}

struct Column {
  const char* name;
  double LatencyStats::*value;
};
constexpr std::array<Column, 4> columns{{{"mean", &LatencyStats::mean},
                                         {"p50", &LatencyStats::p50},
                                         {"p90", &LatencyStats::p90},
                                         {"p99", &LatencyStats::p99}}};

struct LatencyMetric {
  const char* name;
  LatencyStats RunLatencies::*stats;
  int decimals;
};
constexpr std::array<LatencyMetric, 4> latency_metrics{{{"TTFT ms", &RunLatencies::ttft, 1},
                                                        {"TPOT ms", &RunLatencies::tpot, 3},
                                                        {"E2E ms", &RunLatencies::e2e, 1},
                                                        {"queue ms", &RunLatencies::queue, 1}}};

std::string row(std::string_view metric, std::string_view column, int decimals, double measured,
                std::span<const double> simulated) {
  std::string out = fmt::format("| {} | {} | {:.{}f} |", metric, column, measured, decimals);
  for (const double value : simulated) {
    const Compared pair{.measured = measured, .simulated = value};
    out += fmt::format(" {:.{}f} | {} |", value, decimals, error_text(pair));
  }
  return out + "\n";
}

}  // namespace

RunLatencies measured_latencies(const std::vector<MeasuredRequest>& requests) {
  using R = const MeasuredRequest&;
  RunLatencies out;
  out.queue = stats_of(requests, [](R r) { return (r.scheduled - r.request.arrival).ps; });
  out.ttft = stats_of(requests, [](R r) { return (r.first_token - r.request.arrival).ps; });
  out.e2e = stats_of(requests, [](R r) { return (r.last_token - r.request.arrival).ps; });
  out.tpot = stats_of(requests, [](R r) {
    const std::int64_t gaps = r.request.output_tokens - 1;
    return gaps > 0 ? (r.last_token - r.first_token).ps / gaps : -1;
  });
  double tokens = 0;
  for (R r : requests) {
    out.duration_s = std::max(out.duration_s, r.last_token.seconds());
    tokens += static_cast<double>(r.request.output_tokens);
  }
  out.output_tokens_per_s = tokens / out.duration_s;
  return out;
}

/// Both were measured without prefix caching.
constexpr const char* engine =
    "preset: vllm-0.19, max_num_seqs: 128, max_num_batched_tokens: 2048, "
    "enable_prefix_caching: false";

RunLatencies simulated_latencies(const std::vector<MeasuredRequest>& requests,
                                 bool async_scheduling) {
  const System system{.model = "llama-3.1-8b",
                      .gpu = "rtx-pro-6000",
                      .engine = fmt::format("{}, async_scheduling: {}", engine, async_scheduling)};
  return latencies_of(replay(requests, system).summary);
}

std::string replay_section(const std::filesystem::path& data) {
  const std::vector<MeasuredRequest> requests = read_measured_requests(data / run_folder);
  const RunLatencies measured = measured_latencies(requests);
  const std::array<RunLatencies, 2> simulated{simulated_latencies(requests, true),
                                              simulated_latencies(requests, false)};
  std::string out =
      "| | | measured | simulated, async | error % | simulated, sync | error % |\n"
      "|---|---|---:|---:|---:|---:|---:|\n";
  for (const LatencyMetric& metric : latency_metrics) {
    for (const Column& column : columns) {
      const auto value = [&](const RunLatencies& run) { return run.*metric.stats.*column.value; };
      out += row(metric.name, column.name, metric.decimals, value(measured),
                 std::array{value(simulated[0]), value(simulated[1])});
    }
  }
  out += row("duration s", "first arrival to last token", 2, measured.duration_s,
             std::array{simulated[0].duration_s, simulated[1].duration_s});
  out += row("output tok/s", "over the duration", 1, measured.output_tokens_per_s,
             std::array{simulated[0].output_tokens_per_s, simulated[1].output_tokens_per_s});
  return out;
}

std::string starved_replay_section(const std::filesystem::path& data) {
  const std::vector<MeasuredRequest> requests = read_measured_requests(data / run_folder);
  const auto measured = read_run_statistics(data / "measured_kernels.csv", "RTX4090");
  constexpr std::int64_t block_size = 16;
  const auto blocks = static_cast<std::int64_t>(measured.at("kv_capacity_tokens")) / block_size;
  System system{.model = "llama-3.1-8b",
                .gpu = "rtx-4090",
                .engine = fmt::format("{}, max_model_len: 32768", engine)};
  const std::int64_t planned = load_system(system).engine.num_gpu_blocks;
  const Run by_rule = replay(requests, system);
  system.engine += fmt::format(", num_gpu_blocks_override: {}", blocks);
  const Run by_log = replay(requests, system);
  std::string out = fmt::format(
      "| | | measured | simulated, {} blocks (logged) | error % | simulated, {} blocks (our memory "
      "rule) | error % |\n|---|---|---:|---:|---:|---:|---:|\n",
      blocks, planned + 1);
  const std::array<RunLatencies, 2> simulated{latencies_of(by_log.summary),
                                              latencies_of(by_rule.summary)};
  constexpr std::array<std::pair<const char*, LatencyMetric>, 3> published{
      {{"ttft", latency_metrics[0]}, {"tpot", latency_metrics[1]}, {"lat", latency_metrics[2]}}};
  for (const auto& [name, metric] : published) {
    for (const Column& column : columns) {
      const auto value = [&, &shown = metric](const RunLatencies& run) {
        return run.*shown.stats.*column.value;
      };
      out += row(metric.name, column.name, metric.decimals,
                 measured.at(fmt::format("e2e_{}_{}", name, column.name)),
                 std::array{value(simulated[0]), value(simulated[1])});
    }
  }
  out += row("duration s", "first arrival to last token", 2, measured.at("e2e_makespan") / 1000,
             std::array{simulated[0].duration_s, simulated[1].duration_s});
  return out + fmt::format("\nPreemptions: {} and {} simulated; not published.\n",
                           by_log.summary.requests.preemptions,
                           by_rule.summary.requests.preemptions);
}

}  // namespace penstock
