#include <benchmark/benchmark.h>

#include "sim/core/rng.h"
#include "sim/cost/bill.h"
#include "sim/metrics/summary.h"
#include "sim/simulation.h"
#include "tests/support/fixtures.h"

/// How many requests a second one thread simulates, ledger and exact percentiles on, generation and
/// output excluded: docs/benchmarks.md holds figures. `items_per_second` is requests per second.
namespace penstock {
namespace {

/// Poisson arrivals of fixed lengths, drawn beforehand.
class Drawn final : public RequestSource {
 public:
  Drawn(double rate, std::int64_t count, std::int64_t input, std::int64_t output)
      : input_(input), output_(output) {
    Rng rng(1, "bench");
    SimTime now;
    arrivals_.reserve(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
      now += SimTime::from_seconds(rng.exponential(1 / rate));
      arrivals_.push_back(now);
    }
  }
  SimTime next_arrival() override {
    return next_ < arrivals_.size() ? arrivals_[next_] : SimTime::never();
  }
  Request pop() override { return {arrivals_[next_++], input_, output_, 0, 0}; }
  void on_departure(const Departure&) override {}
  void rewind() { next_ = 0; }

 private:
  std::vector<SimTime> arrivals_;
  std::size_t next_ = 0;
  std::int64_t input_;
  std::int64_t output_;
};

/// Llama-3.1-70B fp8 on 4 H100, as in the acceptance of speed.
Scenario llama_70b_fp8() {
  Scenario scenario = fixtures::scenario({.model = fixtures::llama_70b(), .tensor_parallel = 4});
  scenario.weights = Dtype::fp8;
  scenario.kv_cache = Dtype::fp8;
  scenario.engine.max_num_seqs = 1024;
  scenario.engine.max_num_batched_tokens = 2048;
  scenario.engine.num_gpu_blocks = 120'000;
  scenario.engine.max_model_len = 100'000;
  scenario.prices.gpu_per_hour = 2.5;
  return scenario;
}

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
