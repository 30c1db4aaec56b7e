#include "sim/kv/block_clock.h"

#include <algorithm>
#include <numeric>

#include "sim/core/assert.h"

namespace penstock {

void BlockClock::leap(SimTime start, std::int64_t first, std::int64_t growth, std::int64_t count) {
  if (!running_) {
    return;
  }
  PENSTOCK_ASSERT(start == since_ && count >= 1);
  if (advance_ != 1) {
    leap_by_pace(first, growth, count);
    return;
  }
  // The period of step_ + j lasts first + j · growth, j = 0 .. count - 1.
  const std::int64_t block = size_.tokens();
  const std::int64_t begin = size_.rest(step_);
  const std::int64_t time = count * first + growth * (count * (count - 1) / 2);

  // q grows by one where a round begins, at j = k · block - begin: what comes after counts again.
  const std::int64_t rounds = size_.full(begin + count - 1);
  const std::int64_t ks = rounds * (rounds + 1) / 2;
  const std::int64_t k_squares = ks * (2 * rounds + 1) / 3;
  const std::int64_t js = block * ks - begin * rounds;
  const std::int64_t j_squares =
      block * block * k_squares - 2 * begin * block * ks + begin * begin * rounds;
  round_time_ += static_cast<Int128>(size_.full(step_) + rounds) * time -
                 static_cast<Int128>(first) * js -
                 static_cast<Int128>(growth) * ((j_squares - js) / 2);

  // Residues in the order of the steps: the first `rest` of them have one step more.
  const std::int64_t each = size_.full(count);
  const std::int64_t rest = size_.rest(count);
  auto at = static_cast<std::size_t>(begin);
  const auto add = [&](std::int64_t from, std::int64_t to, std::int64_t n) {
    // Steps j, j + block, j + 2 block, ...: n of them.
    std::int64_t amount = n * (first + from * growth) + growth * block * (n * (n - 1) / 2);
    for (std::int64_t j = from; j < to; ++j, amount += n * growth) {
      by_residue_[at] += amount;
      at = at + 1 == by_residue_.size() ? 0 : at + 1;
    }
  };
  add(0, rest, each + 1);
  if (each > 0) {
    add(rest, block, each);
  }
  time_ += time;
  step_ += count;
  since_ = start + SimTime{time};
}

void BlockClock::leap_by_pace(std::int64_t first, std::int64_t growth, std::int64_t count) {
  // Steps that lie a whole number of blocks apart have the same r: taken together.
  const std::int64_t block = size_.tokens();
  const std::int64_t cycle = block / std::gcd(block, advance_);
  const std::int64_t blocks = cycle * advance_ / block;  // by which q grows meanwhile
  for (std::int64_t j = 0; j < std::min(count, cycle); ++j) {
    const std::int64_t n = (count - j - 1) / cycle + 1;  // steps j, j + cycle, ...
    const std::int64_t is = n * (n - 1) / 2;
    const std::int64_t i_squares = is * (2 * n - 1) / 3;
    const std::int64_t at = step_ + j * advance_;
    const std::int64_t shortest = first + j * growth;
    const std::int64_t time = n * shortest + growth * cycle * is;
    time_ += time;
    by_residue_[static_cast<std::size_t>(size_.rest(at))] += time;
    round_time_ += static_cast<Int128>(size_.full(at)) * time +
                   static_cast<Int128>(blocks) * shortest * is +
                   static_cast<Int128>(blocks) * growth * cycle * i_squares;
  }
  step_ += count * advance_;
  since_ += SimTime{count * first + growth * (count * (count - 1) / 2)};
}

BlockClock::Snapshot BlockClock::snapshot(std::int64_t base) const {
  const std::size_t residues = by_residue_.size();
  const std::int64_t* mask = beyond_.data() + residues - 1 - size_.rest(-base);
  std::int64_t beyond = 0;
  for (std::size_t r = 0; r < residues; ++r) {
    beyond += by_residue_[r] & mask[r];
  }
  return {.time = time_, .beyond = beyond, .round_time = round_time_};
}

BlockClock::Held BlockClock::held_since(const Snapshot& then, std::int64_t base) const {
  const Snapshot now = snapshot(base);
  const std::int64_t time = now.time - then.time;
  const std::int64_t blocks = size_.full(base + size_.rest(-base));
  return {.blocks = static_cast<Int128>(blocks) * time + (now.round_time - then.round_time) +
                    (now.beyond - then.beyond),
          .time = time};
}

}  // namespace penstock
