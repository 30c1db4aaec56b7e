#pragma once

#include <cstdint>

#include "sim/result.h"
#include "sim/scenario.h"

namespace penstock {

/// What a steady state depends on: means over the requests of a traffic, as a replica serves them.
struct TrafficMeans {
  double weight = 0;         ///< of all requests added; 0 = no traffic
  double input = 0;          ///< prompt positions computed
  double cached = 0;         ///< prompt positions found in a cache
  double output = 0;         ///< tokens emitted
  double pairs = 0;          ///< attention pairs of the prompt
  double decode_kv = 0;      ///< KV tokens read over all decode steps
  double block_steps = 0;    ///< KV blocks held, summed over the steps of its stay
  double last_blocks = 0;    ///< held at the end
  double first_blocks = 0;   ///< held by the prompt
  double reserve_steps = 0;  ///< as block_steps, were all that it will ever hold held at once
  std::int64_t longest = 0;  ///< KV tokens of the longest request

  /// Mean KV length of a sequence that decodes.
  double context() const { return output > 1 ? decode_kv / (output - 1) : input; }
};

/// Adds requests up to their means. Outputs are cut at the engine's max_model_len; requests that
/// the engine refuses (too long for the model or the KV pool) are left out.
class TrafficAccumulator {
 public:
  explicit TrafficAccumulator(const EngineSpec& engine)
      : engine_(engine), holds_more_(engine.per_sequence.any()) {}

  /// Who holds the blocks that a request finds in a cache while it runs: the cache, for many at
  /// once, or the request alone, as a conversation does its history.
  enum class Held { by_cache, by_request };
  /// `cached` prompt positions are found in a cache.
  void add(double weight, std::int64_t input, std::int64_t output, std::int64_t cached = 0,
           Held held = Held::by_cache);
  /// A completed request. Those of a benchmark are often all alike: in a row they are added at
  /// once.
  void add(const RequestRecord& request) {
    if (request.input_tokens != alike_.input_tokens ||
        request.output_tokens != alike_.output_tokens ||
        request.cached_tokens != alike_.cached_tokens) {
      add_alike();
      alike_ = request;
    }
    ++count_;
  }
  TrafficMeans means();

 private:
  void add_alike();

  const EngineSpec& engine_;
  bool holds_more_;  ///< a sequence, beside the blocks of its tokens
  TrafficMeans sums_;
  RequestRecord alike_;  ///< the last requests were like this one
  std::int64_t count_ = 0;
};

/// Requests all alike.
TrafficMeans means_of(const EngineSpec& engine, std::int64_t input, std::int64_t output,
                      std::int64_t cached = 0);

}  // namespace penstock
