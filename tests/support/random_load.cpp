#include "tests/support/random_load.h"

#include <algorithm>
#include <sstream>

#include "sim/core/rng.h"

namespace penstock::probe {

namespace {

/// Draws with names, one per call.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : rng_(seed, "random_load") {}
  std::int64_t in(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(high - low + 1)));
  }
  bool one_in(std::int64_t n) { return in(1, n) == 1; }
  template <typename T>
  T of(std::initializer_list<T> choices) {
    return *(choices.begin() + in(0, static_cast<std::int64_t>(choices.size()) - 1));
  }

 private:
  Rng rng_;
};

void draw_limits(Dice& dice, EngineLimits& limits) {
  limits.block_size = dice.of<std::int64_t>({1, 2, 3, 4, 8, 16});
  limits.max_num_seqs = dice.in(1, 12);
  limits.max_num_batched_tokens = dice.of<std::int64_t>({1, 2, 4, 8, 16, 64, 1000});
  limits.long_prefill_token_threshold = dice.one_in(4) ? dice.in(1, 12) : 0;
  limits.chunked_prefill = !dice.one_in(6);
  limits.priority = dice.one_in(3);
  limits.async = dice.one_in(2);
  limits.gate = dice.one_in(2);
  limits.watermark = dice.one_in(4) ? 0.1 : 0.0;
  limits.max_model_len = dice.one_in(3) ? dice.in(5, 60) : 1000;
  if (!limits.chunked_prefill) {
    limits.max_num_batched_tokens = std::max(limits.max_num_batched_tokens, limits.max_model_len);
  }
}

}  // namespace

RandomLoad random_load(std::uint64_t seed) {
  Dice dice(seed);
  RandomLoad load;
  load.seed = seed;
  draw_limits(dice, load.limits);
  const std::int64_t longest = dice.of<std::int64_t>({6, 20, 60});
  load.limits.usable_blocks =
      (dice.one_in(3) ? 100'000 : dice.in(longest, 4 * longest)) / load.limits.block_size + 1;
  load.step.base = dice.of<std::int64_t>({1'000'000'000'000, 10'000'000'007, 3'333'333'333});
  load.step.per_token = dice.of<std::int64_t>({0, 1, 7'000'003});
  load.step.per_kv = dice.of<std::int64_t>({0, 1, 40'001, 5'000'001});
  const std::int64_t count = dice.in(1, 14);
  SimTime now;
  for (std::int64_t i = 0; i < count; ++i) {
    // Often at the same instant, or exactly on a step boundary.
    const std::int64_t gap = dice.of<std::int64_t>({0, 0, 1, 2, 5});
    now += SimTime{gap * load.step.base / dice.of<std::int64_t>({1, 1, 2, 3})};
    Request r;
    r.arrival = now;
    r.input_tokens = dice.in(1, longest);
    r.output_tokens = dice.in(1, dice.one_in(3) ? 3 * longest : 8);
    r.priority = static_cast<std::int32_t>(dice.in(0, 2));
    load.requests.push_back(r);
  }
  return load;
}

std::string RandomLoad::describe() const {
  std::ostringstream out;
  out << "seed " << seed << ": M " << limits.max_num_batched_tokens << " S " << limits.max_num_seqs
      << " B " << limits.block_size << " blocks " << limits.usable_blocks << " L "
      << limits.long_prefill_token_threshold << " max_model_len " << limits.max_model_len
      << (limits.chunked_prefill ? "" : " unchunked") << (limits.priority ? " priority" : "")
      << (limits.async ? " async" : "") << (limits.gate ? " gate" : "") << " watermark "
      << limits.watermark << " step " << step.base << '+' << step.per_token << "/token+"
      << step.per_kv << "/kv;";
  for (const Request& r : requests) {
    out << " (" << r.arrival.ps << ',' << r.input_tokens << ',' << r.output_tokens << ','
        << r.priority << ')';
  }
  return out.str();
}

}  // namespace penstock::probe
