#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>

#include "workloads/trace_info.h"
#include "workloads/trace_scan.h"

/// How fast traces are read: `bytes_per_second`. docs/benchmarks.md holds figures.
namespace penstock {
namespace {

constexpr int rows = 200'000;

std::string azure_csv() {
  std::string text = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n";
  for (int i = 0; i < rows; ++i) {
    text += fmt::format("2023-11-16 {:02}:{:02}:{:02}.{:07},{},{}\r\n", i / 36'000, i / 600 % 60,
                        i / 10 % 60, i % 10 * 1'000'000, i * 7919 % 4000 + 1, i % 900 + 1);
  }
  return text;
}

std::string plain_csv() {
  std::string text = "arrival_s,input_tokens,output_tokens\n";
  for (int i = 0; i < rows; ++i) {
    text += fmt::format("{:.6f},{},{}\n", i * 0.1803, i * 7919 % 4000 + 1, i % 900 + 1);
  }
  return text;
}

std::string mooncake_jsonl() {
  std::string text;
  for (int i = 0; i < rows / 10; ++i) {
    const int blocks = i % 40 + 1;
    text += fmt::format(R"({{"timestamp": {}, "input_length": {}, "output_length": {}, )"
                        R"("hash_ids": [0)",
                        i / 10 * 3000, blocks * 512 - 100, i % 900 + 1);
    for (int block = 1; block < blocks; ++block) {
      text += fmt::format(", {}", i * 40 + block);
    }
    text += "]}\n";
  }
  return text;
}

void read_all(benchmark::State& state, const std::string& text) {
  const TraceInput input = TraceInput::of_text(text);
  std::int64_t tokens = 0;
  for (auto _ : state) {
    ErrorLog errors("bench");
    const auto scan = scan_trace(input, {}, errors,
                                 [&tokens](const TraceRow& row) { tokens += row.input_tokens; });
    if (!scan) {
      state.SkipWithError("the trace cannot be read");
    }
  }
  benchmark::DoNotOptimize(tokens);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

void read_azure(benchmark::State& state) { read_all(state, azure_csv()); }
void read_csv(benchmark::State& state) { read_all(state, plain_csv()); }
void read_mooncake(benchmark::State& state) { read_all(state, mooncake_jsonl()); }

BENCHMARK(read_azure)->Unit(benchmark::kMillisecond);
BENCHMARK(read_csv)->Unit(benchmark::kMillisecond);
BENCHMARK(read_mooncake)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace penstock
