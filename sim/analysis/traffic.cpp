#include "sim/analysis/traffic.h"

#include <algorithm>

#include "sim/kv/block_pool.h"
#include "sim/step/step_model.h"

namespace penstock {
namespace {

/// The sum of ceil(x / block) over x = 1 .. n.
double block_sum(std::int64_t n, const BlockSize& block) {
  const std::int64_t whole = full_blocks(n, block);
  const auto full = static_cast<double>(whole);
  return static_cast<double>(block.tokens()) * full * (full + 1) / 2 +
         static_cast<double>(n - whole * block) * (full + 1);
}

}  // namespace

void TrafficAccumulator::add(double weight, std::int64_t input, std::int64_t output,
                             std::int64_t cached, Held held) {
  const std::int64_t room = engine_.max_model_len > 0 ? engine_.max_model_len - input : output;
  const std::int64_t tokens = std::min(output, room);
  const BlockSize& block = engine_.block_size;
  const auto beside = [this](std::int64_t positions) {
    return holds_more_ ? engine_.per_sequence.blocks(positions) : 0;
  };
  const auto fixed = static_cast<double>(beside(input));
  if (tokens < 1 ||
      blocks_for(input + tokens - 1, block) + beside(input + tokens - 1) > engine_.num_gpu_blocks) {
    return;
  }
  const std::int64_t computed = input - cached;
  const std::int64_t own = held == Held::by_request ? input : computed;  // positions that it holds
  const auto steps = static_cast<double>(tokens - 1);
  sums_.weight += weight;
  sums_.input += weight * static_cast<double>(computed);
  sums_.cached += weight * static_cast<double>(cached);
  sums_.output += weight * static_cast<double>(tokens);
  sums_.pairs += weight * static_cast<double>(attention_pairs(cached, input));
  sums_.decode_kv += weight * steps * (static_cast<double>(input) + (steps + 1) / 2);
  sums_.block_steps += weight * (block_sum(own + tokens - 1, block) - block_sum(own - 1, block) +
                                 fixed * static_cast<double>(tokens));
  sums_.first_blocks += weight * (fixed + static_cast<double>(blocks_for(own, block)));
  sums_.last_blocks += weight * (fixed + static_cast<double>(blocks_for(own + tokens - 1, block)));
  sums_.reserve_steps +=
      weight * static_cast<double>(tokens) *
      static_cast<double>(blocks_for(own + tokens, block) + beside(input + tokens));
  sums_.longest = std::max(sums_.longest, input + tokens - 1);
}

void TrafficAccumulator::add_alike() {
  if (count_ > 0) {
    add(static_cast<double>(count_), alike_.input_tokens, alike_.output_tokens,
        alike_.cached_tokens);
  }
  count_ = 0;
}

TrafficMeans TrafficAccumulator::means() {
  add_alike();
  TrafficMeans means = sums_;
  if (means.weight > 0) {
    for (double* sum :
         {&means.input, &means.cached, &means.output, &means.pairs, &means.decode_kv,
          &means.block_steps, &means.first_blocks, &means.last_blocks, &means.reserve_steps}) {
      *sum /= means.weight;
    }
  }
  return means;
}

TrafficMeans means_of(const EngineSpec& engine, std::int64_t input, std::int64_t output,
                      std::int64_t cached) {
  TrafficAccumulator sums(engine);
  sums.add(1, input, output, cached);
  return sums.means();
}

}  // namespace penstock
