#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "sim/analysis/load.h"
#include "sim/analysis/phase_roofline.h"
#include "sim/analysis/position.h"
#include "tests/support/engine_probe.h"
#include "tests/support/fixtures.h"

namespace penstock::test {
namespace {

EngineSpec small_engine() {
  EngineSpec engine;
  engine.max_num_seqs = 10;
  engine.max_num_batched_tokens = 1'000'000;
  engine.block_size = 4;
  engine.num_gpu_blocks = 1'000'000;
  engine.max_model_len = 1000;
  return engine;
}

/// A second a step, whatever is in it; knows the most chunks that one had.
class CountingModel : public StepModel {
 public:
  StepCost cost(const StepLoad& load) override {
    most_chunks = std::max(most_chunks, std::ssize(load.chunks));
    return model_->cost(load);
  }
  PeakTimes peak_times() const override { return {}; }

  std::ptrdiff_t most_chunks = 0;

 protected:
  DecodeCost make_decode(std::int64_t n) override { return model_->decode(n); }

 private:
  std::unique_ptr<StepModel> model_ = probe::make_linear_model({.base = 1'000'000'000'000});
};

}  // namespace

TEST_CASE("means of a request of 6 + 3 tokens, counted by hand") {
  // Blocks of 4: 2 while 6, 7 and 8 tokens are held. The decode steps read 7 and 8 tokens.
  const TrafficMeans means = means_of(small_engine(), 6, 3);
  CHECK(means.input == 6);
  CHECK(means.output == 3);
  CHECK(means.pairs == 21);
  CHECK(means.decode_kv == 15);
  CHECK(means.context() == 7.5);
  CHECK(means.block_steps == 6);
  CHECK(means.first_blocks == 2);
  CHECK(means.last_blocks == 2);
  CHECK(means.longest == 8);
}

TEST_CASE("a cached prefix is neither computed nor held, but read") {
  const TrafficMeans means = means_of(small_engine(), 6, 3, 4);
  CHECK(means.input == 2);
  CHECK(means.pairs == 5 + 6);
  CHECK(means.decode_kv == 15);
  CHECK(means.block_steps == 1 + 1 + 1);
}

TEST_CASE("outputs are cut at max_model_len, refused requests left out") {
  CHECK(means_of(small_engine(), 990, 50).output == 10);
  CHECK(means_of(small_engine(), 1000, 1).weight == 0);
  EngineSpec pool = small_engine();
  pool.num_gpu_blocks = 2;
  CHECK(means_of(pool, 6, 3).weight == 1);
  CHECK(means_of(pool, 6, 4).weight == 0);
}

TEST_CASE("saturation with T = a + b n is the closed form of scheduler-semantics.md 8.2-6") {
  // X = N / (G a + b N (P + G - 1)): 10 / (3 + 0.01 · 10 · 8) = 10 / 3.8 requests/s.
  const auto model = probe::make_linear_model(
      {.base = 1'000'000'000'000, .per_token = 10'000'000'000, .per_kv = 0});
  const EngineSpec engine = small_engine();
  const auto full = saturate(engine, *model, means_of(engine, 6, 3));
  REQUIRE(full);
  CHECK(full->requests_per_s == doctest::Approx(10 / 3.8).epsilon(0.02));
  CHECK(full->sequences == 10);
  CHECK(full->limit == BatchLimit::max_num_seqs);
  const auto half = saturate(engine, *model, means_of(engine, 6, 3), 5);
  REQUIRE(half);
  CHECK(half->requests_per_s == doctest::Approx(5 / 3.4).epsilon(0.02));
}

TEST_CASE("the KV pool and the step budget limit the batch") {
  const auto model = probe::make_linear_model({});
  EngineSpec engine = small_engine();
  engine.num_gpu_blocks = 9;  // (9 - 1) / 2 = 4 sequences
  const auto by_pool = saturate(engine, *model, means_of(engine, 6, 3));
  REQUIRE(by_pool);
  CHECK(by_pool->limit == BatchLimit::kv_memory);
  CHECK(by_pool->kv_sequences == 4);
  engine = small_engine();
  engine.max_num_batched_tokens = 16;  // 16 / (6 + 3 - 1) = 2 requests a step
  const auto by_budget = saturate(engine, *model, means_of(engine, 6, 3));
  REQUIRE(by_budget);
  CHECK(by_budget->limit == BatchLimit::max_num_batched_tokens);
  CHECK(by_budget->requests_a_step == 2);
  CHECK(by_budget->requests_per_s == doctest::Approx(2));
}

TEST_CASE("without a step budget a step takes the prompts of all sequences, and no more") {
  EngineSpec engine = small_engine();
  engine.scheduler = "orca";
  engine.max_num_seqs = 256;
  for (const std::int64_t output : {1, 2, 20, 200}) {
    CAPTURE(output);
    CountingModel model;
    const auto full = saturate(engine, model, means_of(engine, 1, output));
    REQUIRE(full);
    CHECK(full->limit == BatchLimit::max_num_seqs);
    CHECK(model.most_chunks <= 256);
  }
}

TEST_CASE("nothing is said of traffic that is not served, or of steps that take no time") {
  const auto model = probe::make_linear_model({});
  CHECK_FALSE(saturate(small_engine(), *model, TrafficMeans{}));
  const auto instant = probe::make_linear_model({.base = 0, .per_token = 0, .per_kv = 0});
  CHECK_FALSE(saturate(small_engine(), *instant, means_of(small_engine(), 6, 3)));
}

TEST_CASE("the costs of both token types at saturation add up to the steps' time") {
  for (const std::int64_t input : {1, 100, 3000, 20'000}) {
    for (const std::int64_t output : {1, 20, 500}) {
      CAPTURE(input);
      CAPTURE(output);
      const Scenario s = fixtures::scenario();
      const auto model = make_step_model(s);
      const auto full = saturate(s.engine, *model, means_of(s.engine, input, output));
      REQUIRE(full);
      const double sum =
          full->input_tokens_per_s * full->input_ps + full->output_tokens_per_s * full->output_ps;
      CHECK(sum == doctest::Approx(1e12).epsilon(1e-9));
      CHECK(full->input_ps >= 0);
      CHECK(full->output_ps >= 0);
    }
  }
}

TEST_CASE("longer contexts make tokens dearer, larger batches make output cheaper") {
  const Scenario s = fixtures::scenario();
  const auto model = make_step_model(s);
  double input_ps = 0;
  double output_ps = 0;
  for (const std::int64_t input : {256, 1024, 4096, 16'384, 65'536}) {
    CAPTURE(input);
    const auto full = saturate(s.engine, *model, means_of(s.engine, input, 200));
    REQUIRE(full);
    CHECK(full->output_ps > output_ps);
    CHECK((input < 4096 || full->input_ps > input_ps));
    output_ps = full->output_ps;
    input_ps = full->input_ps;
  }
  output_ps = INFINITY;
  for (std::int64_t batch = 1; batch <= 256; batch *= 2) {
    CAPTURE(batch);
    const auto full = saturate(s.engine, *model, means_of(s.engine, 1000, 200), batch);
    REQUIRE(full);
    CHECK(full->output_ps < output_ps);
    output_ps = full->output_ps;
  }
}

TEST_CASE("a position's price is a constant and a slope") {
  // Steps of 1 s and 10 ms a token, 1 ms a KV token read: no attention in prefill.
  const auto model = probe::make_linear_model(
      {.base = 1'000'000'000'000, .per_token = 10'000'000'000, .per_kv = 1'000'000'000});
  EngineSpec engine = small_engine();
  engine.max_num_batched_tokens = 100;
  const PositionPrices prices = price_positions(engine, *model, 10);
  CHECK(prices.output_ps(0) == doctest::Approx(110e9));   // (1 s + 10 · 10 ms) / 10
  CHECK(prices.output_ps(50) == doctest::Approx(160e9));  // + 50 · 1 ms
  const double reads = prices.input_slope_ps * 5050;      // pairs of a full step
  CHECK(prices.input_fixed_ps * 100 + reads ==
        doctest::Approx(static_cast<double>(
            model->cost({.chunks = std::vector<Chunk>{{.q = 100}}, .sampled = 0}).total)));
}

TEST_CASE("the roofline of Llama-3.1-8B on an H100: prefill above the ridge, decode below") {
  const Scenario s = fixtures::scenario();
  const auto phases = roofline_phases(s, means_of(s.engine, 1024, 200), 64);
  REQUIRE(phases);
  CHECK(phases->ridge() == doctest::Approx(989e3 / 3352).epsilon(0.01));
  CHECK(phases->prefill.tokens == 8192);
  CHECK(phases->prefill.intensity() > phases->ridge());
  CHECK(phases->prefill.bound == Resource::compute);
  CHECK(phases->decode.intensity() < phases->ridge());
  CHECK(phases->decode.bound == Resource::memory);
  REQUIRE(phases->gemm_compute_from);
  CHECK(*phases->gemm_compute_from > 100);
  CHECK(*phases->gemm_compute_from < 600);
  Scenario constant = fixtures::constant_step_scenario(SimTime::from_seconds(1));
  CHECK_FALSE(roofline_phases(constant, means_of(constant.engine, 10, 10), 1));
}

}  // namespace penstock::test
