#include "sim/step/step_model.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "sim/core/rng.h"
#include "sim/step/roofline_parameters.h"
#include "tests/support/fixtures.h"
#include "tests/support/model_fixtures.h"

namespace penstock {
namespace {

template <typename Array>
std::int64_t sum(const Array& values) {
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

std::int64_t resource(const StepCost& cost, Resource r) {
  return cost.resources[static_cast<std::size_t>(r)];
}

/// Setups that differ in everything that has a branch.
std::vector<fixtures::Setup> setups() {
  EngineSpec overlapping = fixtures::vllm_0_11_api();
  overlapping.cpu_overhead.overlap = true;
  EngineSpec fast = fixtures::tensorrt_llm_1_0();  // promises more than the hardware: floors bind
  fast.timing.gpu_time_factor = 0.8;
  EngineSpec fast_mixed = fixtures::vllm_0_19();
  fast_mixed.timing.gpu_time_factor = 0.5;
  return {{},
          {.engine = fixtures::vllm_0_11_api()},
          {.engine = overlapping},
          {.engine = fast, .tensor_parallel = 2},
          {.gpu = fixtures::rtx_pro_6000(), .engine = fast_mixed},
          {.gpu = fixtures::rtx_pro_6000(), .tensor_parallel = 2, .weights = Dtype::mxfp4},
          {.gpu = fixtures::a100(), .weights = Dtype::fp8, .kv_cache = Dtype::fp8},
          {.model = fixtures::qwen3_32b(), .gpu = fixtures::h200(), .tensor_parallel = 4},
          {.model = fixtures::llama_70b(),
           .gpu = fixtures::b200(),
           .engine = fixtures::tensorrt_llm_1_0(),
           .tensor_parallel = 16,
           .weights = Dtype::nvfp4,
           .kv_cache = Dtype::fp8}};
}

/// A random step; `chunks` keeps what the load points to.
StepLoad random_load(Rng& rng, std::vector<Chunk>& chunks) {
  StepLoad load;
  chunks.clear();
  const auto kind = rng.below(3);
  if (kind != 0) {
    load.decodes = 1 + static_cast<std::int64_t>(rng.below(600));
    const auto longest = 1 + rng.below(20'000);
    load.kv_max = static_cast<std::int64_t>(longest);
    load.kv_sum = load.kv_max + load.decodes - 1;
    load.kv_sum += (load.decodes - 1) * static_cast<std::int64_t>(rng.below(longest));
  }
  load.sampled = load.decodes;
  if (kind != 1) {
    const auto count = 1 + rng.below(5);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto q = 1 + static_cast<std::int64_t>(rng.below(3000));
      const auto context = static_cast<std::int64_t>(rng.below(30'000));
      chunks.push_back({q, context});
    }
    load.sampled += static_cast<std::int64_t>(rng.below(count + 1));
  }
  load.chunks = chunks;
  return load;
}

/// Sums over a load, as PeakTimes counts them.
struct Work {
  double flop_ps = 0;
  double bytes_ps = 0;
};

Work useful_work(const PeakTimes& peak, const StepLoad& load) {
  double tokens = static_cast<double>(load.decodes);
  double pairs = static_cast<double>(load.kv_sum);
  double kv = static_cast<double>(load.kv_sum);
  for (const Chunk& chunk : load.chunks) {
    const double q = static_cast<double>(chunk.q);
    const double context = static_cast<double>(chunk.context);
    tokens += q;
    pairs += q * context + q * (q + 1) / 2;
    kv += q + context;
  }
  const double rows = static_cast<double>(load.sampled);
  return {.flop_ps = tokens * peak.token_flop + rows * peak.row_flop + pairs * peak.pair_flop,
          .bytes_ps = peak.step_bytes + (rows > 0 ? peak.head_bytes : 0) +
                      tokens * peak.token_bytes + rows * peak.row_bytes + kv * peak.kv_bytes};
}

}  // namespace

TEST_CASE("parts and resources sum to the step, and no step beats the hardware") {
  Rng rng(11, "loads");
  std::vector<Chunk> chunks;
  for (const fixtures::Setup& setup : setups()) {
    const Scenario scenario = fixtures::scenario(setup);
    const auto model = make_step_model(scenario);
    const PeakTimes peak = model->peak_times();
    for (int i = 0; i < 300; ++i) {
      const StepLoad load = random_load(rng, chunks);
      const StepCost cost = model->cost(load);
      CAPTURE(scenario.cluster.gpu.name);
      CAPTURE(load.decodes);
      CAPTURE(load.kv_sum);
      CAPTURE(chunks.size());
      CHECK(sum(cost.parts) == cost.total);
      CHECK(sum(cost.resources) == cost.total);
      CHECK(*std::min_element(cost.parts.begin(), cost.parts.end()) >= 0);
      CHECK(*std::min_element(cost.resources.begin(), cost.resources.end()) >= 0);
      CHECK(cost.gpu <= cost.total);
      if (!load.chunks.empty()) {
        const StepLoad alone{.chunks = load.chunks, .sampled = load.sampled - load.decodes};
        CHECK(model->chunks_alone(alone) == model->StepModel::chunks_alone(alone));
      }
      const Work work = useful_work(peak, load);
      CHECK(work.flop_ps <= static_cast<double>(cost.gpu) * (1 + 1e-12));
      CHECK(work.bytes_ps <= static_cast<double>(cost.gpu) * (1 + 1e-12));
    }
  }
}

TEST_CASE("experts, latents, windows and states: parts sum up, chunks alone are a part of it") {
  Rng rng(14, "families");
  std::vector<Chunk> chunks;
  for (const Architecture& model : {fixtures::qwen3_30b_a3b(), fixtures::gpt_oss_20b(),
                                    fixtures::deepseek_v2_lite(), fixtures::qwen3_next()}) {
    CAPTURE(model.name);
    const auto step = make_step_model(fixtures::scenario({.model = model}));
    std::int64_t weights = 0;
    for (int i = 0; i < 200; ++i) {
      StepLoad load = random_load(rng, chunks);
      load.window_sum = step->window() > 0 ? load.kv_sum / 2 : 0;
      const StepCost cost = step->cost(load);
      CHECK(sum(cost.parts) == cost.total);
      CHECK(*std::min_element(cost.parts.begin(), cost.parts.end()) >= 0);
      if (!load.chunks.empty()) {
        const StepLoad alone{.chunks = load.chunks, .sampled = load.sampled - load.decodes};
        CHECK(step->chunks_alone(alone) == step->StepModel::chunks_alone(alone));
      }
    }
    for (const std::int64_t n : {1, 2, 8, 64, 512}) {  // more experts are read, then all of them
      CHECK(step->decode(n).fixed.part(Part::weights) >= weights);
      weights = step->decode(n).fixed.part(Part::weights);
    }
  }
}

TEST_CASE("the simulated step is the explained one, rounded up") {
  Rng rng(13, "loads");
  std::vector<Chunk> chunks;
  for (const fixtures::Setup& setup : setups()) {
    const Scenario scenario = fixtures::scenario(setup);
    const auto model = make_step_model(scenario);
    for (int i = 0; i < 100; ++i) {
      const StepLoad load = random_load(rng, chunks);
      const StepExplanation step = explain_step(scenario, load);
      const double total_ms = static_cast<double>(model->cost(load).total) * 1e-9;
      CAPTURE(scenario.cluster.gpu.name);
      CAPTURE(load.decodes);
      CAPTURE(chunks.size());
      CHECK(total_ms >= step.total_ms * (1 - 1e-12));
      CHECK(total_ms <= step.total_ms * (1 + 3e-4));  // a picosecond on 4,000 per KV token
    }
  }
}

TEST_CASE("decode-only steps cost exactly what their affine form says") {
  Rng rng(12, "decodes");
  for (const fixtures::Setup& setup : setups()) {
    const auto model = make_step_model(fixtures::scenario(setup));
    for (int i = 0; i < 100; ++i) {
      const auto n = 1 + static_cast<std::int64_t>(rng.below(1000));
      const auto kv_sum = n + static_cast<std::int64_t>(rng.below(2'000'000));
      const DecodeCost affine = model->decode(n);
      const StepCost cost = model->cost({.decodes = n, .kv_sum = kv_sum, .sampled = n});
      for (const std::int64_t part : affine.fixed.parts) {
        CHECK(part % n == 0);
      }
      CHECK(sum(affine.fixed.parts) == affine.fixed.total);
      CHECK(sum(affine.fixed.resources) == affine.fixed.total);
      const std::int64_t gpu_bound = affine.fixed.total + affine.per_kv * kv_sum;
      const std::int64_t waits = std::max<std::int64_t>(0, affine.cpu - gpu_bound);
      CHECK((waits == 0) == (affine.cpu_excess(kv_sum, 0) == 0));
      CHECK(cost.total == gpu_bound + (waits + n - 1) / n * n);
      CHECK(cost.part(Part::attention) ==
            affine.fixed.part(Part::attention) + affine.per_kv * kv_sum);
      CHECK(resource(cost, Resource::memory) ==
            resource(affine.fixed, Resource::memory) + affine.per_kv * kv_sum);
    }
  }
}

TEST_CASE("more work never takes less time") {
  for (const fixtures::Setup& setup : setups()) {
    const auto model = make_step_model(fixtures::scenario(setup));
    std::vector<StepCost> previous;
    for (std::int64_t q = 1; q <= 4096; q += q < 600 ? 1 : 97) {
      const std::vector<Chunk> chunks{{.q = q, .context = 100}};
      const StepLoad prefill{.chunks = chunks, .sampled = 1};
      const StepLoad mixed{
          .decodes = 8, .kv_sum = 8000, .kv_max = 1500, .chunks = chunks, .sampled = 9};
      const StepLoad decode{.decodes = q, .kv_sum = 8000, .sampled = q};
      const std::vector<StepCost> costs{model->cost(prefill), model->cost(mixed),
                                        model->cost(decode)};
      for (std::size_t i = 0; i < previous.size(); ++i) {
        CAPTURE(q);
        CAPTURE(i);
        // Decode parts are rounded up to multiples of n.
        CHECK(costs[i].total >= previous[i].total - (i == 2 ? 8 * q : 0));
      }
      previous = costs;
    }
    std::int64_t last = 0;
    const std::vector<Chunk> chunk{{.q = 64, .context = 500}};
    for (std::int64_t kv_sum = 1000; kv_sum < 2'000'000; kv_sum += 49'999) {
      const StepCost cost = model->cost(
          {.decodes = 32, .kv_sum = kv_sum, .kv_max = 1000, .chunks = chunk, .sampled = 32});
      CHECK(cost.total >= last);
      last = cost.total;
    }
  }
}

TEST_CASE("CUDA graphs pad what depends on tokens, not attention, head and sampler") {
  const Scenario padded = fixtures::scenario();
  Scenario plain = padded;
  plain.engine.cuda_graph_sizes.clear();
  const auto with_graphs = make_step_model(padded);
  const auto without = make_step_model(plain);
  const StepCost nine = with_graphs->cost({.decodes = 9, .kv_sum = 9000, .sampled = 9});
  const StepCost nine_plain = without->cost({.decodes = 9, .kv_sum = 9000, .sampled = 9});
  const StepCost sixteen_plain = without->cost({.decodes = 16, .kv_sum = 9000, .sampled = 16});
  const auto near = [](std::int64_t a, std::int64_t b) { return std::abs(a - b) < 64; };
  CHECK(near(nine.part(Part::compute), sixteen_plain.part(Part::compute)));
  CHECK(nine.part(Part::attention) == nine_plain.part(Part::attention));
  CHECK(nine.part(Part::head_compute) == nine_plain.part(Part::head_compute));
  CHECK(nine.part(Part::head_overhead) == nine_plain.part(Part::head_overhead));
  const std::vector<Chunk> small{{.q = 5, .context = 0}};
  const std::vector<Chunk> large{{.q = 513, .context = 0}};
  CHECK(with_graphs->cost({.decodes = 4, .kv_sum = 4, .chunks = small}).part(Part::compute) ==
        without->cost({.chunks = std::vector<Chunk>{{.q = 16}}}).part(Part::compute));
  CHECK(with_graphs->cost({.chunks = large}).total == without->cost({.chunks = large}).total);
}

TEST_CASE("weights are what one token alone would cost, parts of a decode wait for memory") {
  const Scenario scenario = fixtures::scenario();
  const RooflineParameters parameters = make_roofline_parameters(scenario);
  const double ps = parameters.time_factor * 1e9;
  const double weights = token_times(parameters, 1).gemm.variable_ms * ps;
  const double head = gemm(parameters.head, parameters.head_shape, 1).variable_ms * ps;
  const auto model = make_step_model(scenario);
  for (const std::int64_t n : {1, 8, 64}) {
    const StepCost cost = model->cost({.decodes = n, .kv_sum = 1000 * n, .sampled = n});
    CAPTURE(n);
    const double slack = static_cast<double>(n) + 1;
    CHECK(std::fabs(static_cast<double>(cost.part(Part::weights)) - weights) <= slack);
    CHECK(std::fabs(static_cast<double>(cost.part(Part::head_weights)) - head) <= slack);
    CHECK(resource(cost, Resource::compute) == 0);
    CHECK(resource(cost, Resource::cpu) == 0);
    const std::int64_t fixed_latencies = cost.part(Part::overhead) +
                                         cost.part(Part::head_overhead) +
                                         model->decode(n).fixed.part(Part::attention);
    CHECK(std::abs(resource(cost, Resource::latency) - fixed_latencies) <= 8 * n);
  }
  const std::vector<Chunk> chunks{{.q = 8192, .context = 0}};
  const StepCost prefill = model->cost({.chunks = chunks, .sampled = 1});
  CHECK(std::fabs(static_cast<double>(prefill.part(Part::weights)) - weights) <= 1);
  CHECK(resource(prefill, Resource::compute) > prefill.total * 4 / 5);
}

TEST_CASE("a step that samples nothing has no head and no sampler") {
  const auto model = make_step_model(fixtures::scenario());
  const std::vector<Chunk> chunks{{.q = 1000, .context = 0}};
  const StepCost cost = model->cost({.chunks = chunks, .sampled = 0});
  CHECK(cost.part(Part::head_weights) == 0);
  CHECK(cost.part(Part::head_compute) == 0);
  CHECK(cost.part(Part::head_overhead) == 0);
  CHECK(model->cost({.chunks = chunks, .sampled = 1}).part(Part::head_weights) > 0);
}

TEST_CASE("engines with separate kernels add prefill and decode attention") {
  const auto model = make_step_model(fixtures::scenario({.engine = fixtures::tensorrt_llm_1_0()}));
  const std::vector<Chunk> chunks{{.q = 700, .context = 300}};
  const StepCost both =
      model->cost({.decodes = 20, .kv_sum = 40'000, .kv_max = 9000, .chunks = chunks});
  const StepCost prefill = model->cost({.chunks = chunks});
  const StepCost decode = model->cost({.decodes = 20, .kv_sum = 40'000});
  CHECK(both.part(Part::attention) - prefill.part(Part::attention) - decode.part(Part::attention) <=
        0);
  CHECK(both.part(Part::attention) + 20 >=
        prefill.part(Part::attention) + decode.part(Part::attention));
}

TEST_CASE("overlapped CPU time shows only where it exceeds the GPU's") {
  EngineSpec engine = fixtures::vllm_0_11_api();
  engine.cpu_overhead = {
      .per_step = SimTime::from_milliseconds(10), .per_sequence = {}, .overlap = true};
  const auto model = make_step_model(fixtures::scenario({.engine = engine}));
  const std::vector<Chunk> small{{.q = 10, .context = 0}};
  const std::vector<Chunk> large{{.q = 8000, .context = 0}};
  const StepCost waits = model->cost({.chunks = small});
  CHECK(waits.total == SimTime::from_milliseconds(10).ps);
  CHECK(resource(waits, Resource::cpu) == waits.total - waits.gpu);
  const StepCost busy = model->cost({.chunks = large});
  CHECK(busy.total == busy.gpu);
  CHECK(resource(busy, Resource::cpu) == 0);
}

TEST_CASE("the constant model's step is as long as asked, to the picosecond") {
  const SimTime step{1'000'000'007};
  const auto model = make_step_model(fixtures::constant_step_scenario(step));
  CHECK(model->decode(3).fixed.total == step.ps);
  CHECK(model->decode(3).per_kv == 0);
  const StepCost cost = model->cost({.decodes = 3, .kv_sum = 700, .sampled = 3});
  CHECK(cost.total == step.ps);
  CHECK(sum(cost.parts) == step.ps);
  CHECK(sum(cost.resources) == step.ps);
  CHECK(model->peak_times().token_flop == 0);
  CHECK(
      explain_step(fixtures::constant_step_scenario(step), {.decodes = 1, .kv_sum = 1}).total_ms ==
      doctest::Approx(1.000000007));
}

}  // namespace penstock
