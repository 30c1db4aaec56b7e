#include "sim/kv/block_clock.h"

#include <algorithm>

#include "sim/core/assert.h"

namespace penstock {

void BlockClock::leap(SimTime start, std::int64_t first, std::int64_t growth, std::int64_t count) {
  if (!running_) {
    return;
  }
  PENSTOCK_ASSERT(start == since_ && count >= 1);
  // The period of step_ + j lasts first + j · growth, j = 0 .. count - 1.
  const std::int64_t pairs = count * (count - 1) / 2;
  const std::int64_t time = count * first + growth * pairs;
  const Int128 squares = static_cast<Int128>(pairs) * (2 * count - 1) / 3;
  time_ += time;
  step_time_ +=
      static_cast<Int128>(step_) * time + static_cast<Int128>(pairs) * first + squares * growth;
  const std::int64_t residues = std::min(count, block_size_);
  const std::int64_t rounds = count / block_size_;
  const std::int64_t rest = count - rounds * block_size_;
  std::size_t at = residue(step_);
  for (std::int64_t j = 0; j < residues; ++j) {
    // Steps j, j + B, j + 2 B, ...
    const std::int64_t n = rounds + (j < rest ? 1 : 0);
    by_residue_[at] += n * (first + j * growth) + growth * block_size_ * (n * (n - 1) / 2);
    at = at + 1 == by_residue_.size() ? 0 : at + 1;
  }
  step_ += count;
  since_ = start + SimTime{time};
}

BlockClock::Snapshot BlockClock::snapshot(std::int64_t base) const {
  Snapshot out{.time = time_, .step_time = step_time_, .rounding = 0};
  if (!running_) {
    return out;
  }
  // -(base + j) mod B for j = 0, 1, ...: falls by one from j to j + 1, and starts again at B - 1.
  std::int64_t missing = -base % block_size_;
  missing = missing < 0 ? missing + block_size_ : missing;
  for (const std::int64_t time : by_residue_) {
    out.rounding += static_cast<Int128>(missing) * time;
    missing = missing == 0 ? block_size_ - 1 : missing - 1;
  }
  return out;
}

BlockClock::Held BlockClock::held_since(const Snapshot& then, std::int64_t base) const {
  const Snapshot now = snapshot(base);
  const Int128 positions = static_cast<Int128>(base) * (now.time - then.time) +
                           (now.step_time - then.step_time) + (now.rounding - then.rounding);
  const Int128 blocks = positions / block_size_;
  PENSTOCK_ASSERT(positions >= 0 && blocks * block_size_ == positions);
  return {.blocks = blocks, .time = now.time - then.time};
}

}  // namespace penstock
