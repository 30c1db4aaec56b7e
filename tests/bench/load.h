#pragma once

#include <cstdint>
#include <vector>

#include "sim/core/rng.h"
#include "sim/request_source.h"
#include "tests/support/fixtures.h"

namespace penstock {

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
inline Scenario llama_70b_fp8() {
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

}  // namespace penstock
