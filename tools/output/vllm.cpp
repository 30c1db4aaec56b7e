#include "tools/output/vllm.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "tools/output/json_text.h"

namespace penstock::output {
namespace {

using Json = nlohmann::ordered_json;

/// What the benchmark's client counts.
struct Counted {
  std::int64_t completed = 0;
  std::int64_t failed = 0;
  std::int64_t input = 0;
  std::int64_t output = 0;
  double duration_s = 0;

  double per_second(double amount) const { return duration_s > 0 ? amount / duration_s : 0; }
};

Counted count(const Result& result) {
  Counted counted;
  SimTime first = SimTime::never();
  SimTime last;
  for (const RequestRecord& request : result.requests) {
    first = std::min(first, request.arrival);
    if (request.status != RequestStatus::completed) {
      ++counted.failed;
      continue;
    }
    ++counted.completed;
    counted.input += request.input_tokens;
    counted.output += request.output_tokens;
    last = std::max(last, request.finish);
  }
  counted.duration_s = counted.completed > 0 ? (last - first).seconds() : 0;
  return counted;
}

struct Section {
  const char* name;    ///< as in the keys
  const char* title;   ///< of the section
  const char* symbol;  ///< of the rows
  const LatencyStats& stats;
};

std::array<Section, 4> sections(const Summary& summary) {
  return {Section{"ttft", "Time to First Token", "TTFT", summary.ttft},
          Section{"tpot", "Time per Output Token (excl. 1st token)", "TPOT", summary.tpot},
          Section{"itl", "Inter-token Latency", "ITL", summary.itl},
          Section{"e2el", "End-to-end Latency", "E2EL", summary.e2e}};
}

std::string row(const std::string& label, std::int64_t value) {
  return fmt::format("{:<40} {:<10}\n", label, value);
}

std::string row(const std::string& label, double value) {
  return fmt::format("{:<40} {:<10.2f}\n", label, value);
}

}  // namespace

std::string run_vllm(const RunOutput& run) {
  constexpr int width = 50;
  const Counted counted = count(run.result);
  const auto prompts = static_cast<double>(counted.input);
  const auto answers = static_cast<double>(counted.output);
  std::string text = fmt::format("{:=^{}}\n", " Serving Benchmark Result ", width);
  text += row("Successful requests:", counted.completed);
  text += row("Failed requests:", counted.failed);
  text += row("Benchmark duration (s):", counted.duration_s);
  text += row("Total input tokens:", counted.input);
  text += row("Total generated tokens:", counted.output);
  text += row("Request throughput (req/s):",
              counted.per_second(static_cast<double>(counted.completed)));
  if (run.summary.slo) {
    text += row("Request goodput (req/s):",
                counted.per_second(static_cast<double>(run.summary.slo->good)));
  }
  text += row("Output token throughput (tok/s):", counted.per_second(answers));
  text += row("Total token throughput (tok/s):", counted.per_second(prompts + answers));
  for (const Section& section : sections(run.summary)) {
    text += fmt::format("{:-^{}}\n", section.title, width);
    text += row(fmt::format("Mean {} (ms):", section.symbol), section.stats.mean);
    text += row(fmt::format("Median {} (ms):", section.symbol), section.stats.p50);
    text += row(fmt::format("P99 {} (ms):", section.symbol), section.stats.p99);
  }
  return text + std::string(width, '=') + "\n";
}

double vllm_output_throughput(const Result& result) {
  const Counted counted = count(result);
  return counted.per_second(static_cast<double>(counted.output));
}

std::string run_vllm_json(const RunOutput& run) {
  const Counted counted = count(run.result);
  const auto prompts = static_cast<double>(counted.input);
  const auto answers = static_cast<double>(counted.output);
  double rate = 0;
  for (const ClassSpec& one : run.scenario.workload.classes) {
    rate += one.rate;
  }
  Json json{{"date", nullptr},
            {"endpoint_type", "penstock"},
            {"backend", "penstock"},
            {"label", nullptr},
            {"model_id", run.scenario.model_name},
            {"tokenizer_id", run.scenario.model_name},
            {"num_prompts", run.result.requests.size()},
            {"request_rate", rate > 0 ? Json(rate) : Json("inf")},
            {"burstiness", nullptr},
            {"max_concurrency", nullptr},
            {"duration", counted.duration_s},
            {"completed", counted.completed},
            {"failed", counted.failed},
            {"total_input_tokens", counted.input},
            {"total_output_tokens", counted.output},
            {"request_throughput", counted.per_second(static_cast<double>(counted.completed))},
            {"request_goodput",
             run.summary.slo ? Json(counted.per_second(static_cast<double>(run.summary.slo->good)))
                             : Json()},
            {"output_throughput", counted.per_second(answers)},
            {"total_token_throughput", counted.per_second(prompts + answers)}};
  for (const Section& section : sections(run.summary)) {
    json[fmt::format("mean_{}_ms", section.name)] = section.stats.mean;
    json[fmt::format("median_{}_ms", section.name)] = section.stats.p50;
    json[fmt::format("std_{}_ms", section.name)] = section.stats.std;
    json[fmt::format("p99_{}_ms", section.name)] = section.stats.p99;
  }
  return to_text(json);
}

}  // namespace penstock::output
