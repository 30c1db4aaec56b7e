#include <benchmark/benchmark.h>

#include "sim/cost/bill.h"
#include "sim/metrics/summary.h"
#include "sim/simulation.h"
#include "tests/bench/load.h"

/// How many requests a second one thread simulates, ledger and exact percentiles on, generation and
/// output excluded: docs/benchmarks.md holds figures. `items_per_second` is requests per second.
namespace penstock {
namespace {

void simulate_all(benchmark::State& state, const Scenario& scenario, Drawn& source,
                  std::int64_t requests) {
  double batch = 0;
  double busy = 0;
  for (auto _ : state) {
    source.rewind();
    const Result result = simulate(scenario, source);
    const Summary summary = summarize(scenario, result);
    batch = summary.utilization.batch_mean;
    busy = summary.utilization.busy;
  }
  state.SetItemsProcessed(state.iterations() * requests);
  state.counters["batch"] = batch;
  state.counters["busy"] = busy;
}

/// 1,500 in, 200 out, about 80 % of what the replica bears.
void requests_1500_200(benchmark::State& state) {
  const std::int64_t count = state.range(0);
  Drawn source(6.5, count, 1500, 200);
  simulate_all(state, llama_70b_fp8(), source, count);
}
BENCHMARK(requests_1500_200)
    ->Arg(10'000)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Arg(10'000'000)
    ->Unit(benchmark::kMillisecond);

/// Short prompts, long outputs, all at once: the batch is as large as max_num_seqs says.
void batch_size(benchmark::State& state) {
  Scenario scenario = llama_70b_fp8();
  scenario.engine.max_num_seqs = state.range(0);
  constexpr std::int64_t count = 100'000;
  Drawn source(1e6, count, 64, 200);
  simulate_all(state, scenario, source, count);
}
BENCHMARK(batch_size)->RangeMultiplier(4)->Range(8, 1024)->Unit(benchmark::kMillisecond);

/// The price of the rule-by-rule scheduler, for comparison.
void slow_path(benchmark::State& state) {
  const Scenario scenario = llama_70b_fp8();
  Drawn source(6.5, 20'000, 1500, 200);
  SimulationOptions options;
  options.fast_path = state.range(0) != 0;
  options.leaping = state.range(0) != 0;
  for (auto _ : state) {
    source.rewind();
    benchmark::DoNotOptimize(simulate(scenario, source, options).steps);
  }
  state.SetItemsProcessed(state.iterations() * 20'000);
}
BENCHMARK(slow_path)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

constexpr std::int64_t charged = 100'000;
Drawn near_saturation() { return {6.5, charged, 1500, 200}; }

/// What attributing cost takes of a simulation: 0 without, 1 with rule phase in the lead, 2 with
/// occupancy in the lead (block-time by request).
void attribution(benchmark::State& state) {
  Scenario scenario = llama_70b_fp8();
  SimulationOptions options;
  options.attribution = state.range(0) > 0;
  scenario.prices.rule = state.range(0) == 2 ? CostRule::occupancy : CostRule::phase;
  Drawn source = near_saturation();
  for (auto _ : state) {
    source.rewind();
    benchmark::DoNotOptimize(simulate(scenario, source, options).steps);
  }
  state.SetItemsProcessed(state.iterations() * charged);
}
BENCHMARK(attribution)->DenseRange(0, 2)->Unit(benchmark::kMillisecond);

/// The bill by all six rules, once the simulation is over.
void six_rules(benchmark::State& state) {
  const Scenario scenario = llama_70b_fp8();
  Drawn source = near_saturation();
  const Result result = simulate(scenario, source);
  for (auto _ : state) {
    benchmark::DoNotOptimize(make_bill(scenario, result).total_nano);
  }
  state.SetItemsProcessed(state.iterations() * charged);
}
BENCHMARK(six_rules)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace penstock
