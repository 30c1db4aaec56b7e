#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/request_source.h"
#include "sim/result.h"
#include "sim/scenario.h"
#include "sim/simulation.h"
#include "sim/step/step_model.h"

/// Runs the engine on hand-made or random loads and shows what users never see: every token.
namespace penstock::probe {

/// Requests from a list, in order of arrival.
class ListSource final : public RequestSource {
 public:
  explicit ListSource(std::vector<Request> requests) : requests_(std::move(requests)) {}
  SimTime next_arrival() override {
    return next_ < requests_.size() ? requests_[next_].arrival : SimTime::never();
  }
  Request pop() override { return requests_[next_++]; }
  void on_departure(const Departure&) override {}

 private:
  std::vector<Request> requests_;
  std::size_t next_ = 0;
};

/// A step lasts base + per_token · tokens + per_kv · (KV tokens read) + per_window · (KV tokens
/// read by layers with a window), in ps, whoever the tokens belong to: nothing that a naive
/// simulator would have to know about the engine's bookkeeping.
struct LinearStep {
  std::int64_t base = 1'000'000'000'000;
  std::int64_t per_token = 0;
  std::int64_t per_kv = 0;
  std::int64_t per_window = 0;
  std::int64_t window = 0;

  std::int64_t reads(std::int64_t context) const {
    return per_kv * context + per_window * std::min(context, window);
  }
};
std::unique_ptr<StepModel> make_linear_model(const LinearStep& step);

/// One replica of an engine with the given limits, one class, price $1 per GPU-hour.
struct EngineLimits {
  std::int64_t max_num_batched_tokens = 8192;
  std::int64_t max_num_seqs = 1024;
  std::int64_t block_size = 16;
  std::int64_t usable_blocks = 100'000;
  std::int64_t long_prefill_token_threshold = 0;
  std::int64_t max_model_len = 1'000'000;
  bool chunked_prefill = true;
  bool priority = false;
  bool async = false;
  bool gate = true;
  double watermark = 0;
  bool prefix_caching = false;
  std::int64_t host_blocks = 0;  ///< of the host-memory tier; 0 = none
  std::int64_t host_block_ps = 0;
  std::string scheduler = "vllm_v1";
  EngineSpec::PerSequence per_sequence = {};
  SglangSpec sglang = {};
  TensorRtSpec tensorrt_llm = {};
  int stages = 1;               ///< pipeline_parallel
  int ranks = 1;                ///< data_parallel
  std::int64_t timeout_ps = 0;  ///< of all clients; 0 = none
  SpeculativeSpec speculative = {};
};
Scenario scenario(const EngineLimits& limits);

struct Probe {
  Result result;
  std::vector<std::vector<SimTime>> tokens;  ///< emission times by request
};
/// Runs and reconstructs every token's time (one replica).
Probe run(const Scenario& scenario, std::vector<Request> requests, const LinearStep& step,
          bool fast_path = true, bool leaping = true);

/// Everything that must not depend on the switches of SimulationOptions, as text.
std::string fingerprint(const Result& result);

/// Whole seconds, for golden traces with T = 1.
inline Request request(double arrival_s, std::int64_t input, std::int64_t output,
                       std::int32_t priority = 0) {
  return {.arrival = SimTime::from_seconds(arrival_s),
          .input_tokens = input,
          .output_tokens = output,
          .priority = priority};
}

}  // namespace penstock::probe
