#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/core/int128.h"
#include "sim/core/units.h"
#include "sim/kv/block_size.h"

namespace penstock {

/// The block-time (blocks x ps) that decoding sequences hold, without touching them.
///
/// From the schedule of step s to that of the next one, a sequence holds the blocks of base + s
/// positions. With s = q B + r and m = -base mod B these are
///   ceil((base + s) / B) = (base + m) / B + q + [r > m].
/// So running sums over these periods of the time, of q x time, and of the time by r, taken when a
/// sequence begins and ends to decode, give its integral exactly. Where a step adds `advance` units
/// (Pace), s counts those, and B is a block in them.
class BlockClock {
 public:
  /// `running`: see SimulationOptions::attribution; a stopped clock counts nothing.
  BlockClock(std::int64_t block_size, bool running, std::int64_t advance = 1)
      : size_(block_size),
        running_(running),
        advance_(advance),
        by_residue_(static_cast<std::size_t>(block_size)),
        beyond_(static_cast<std::size_t>(2 * block_size)) {
    std::fill(beyond_.begin() + block_size, beyond_.end(), -1);
  }

  /// Step `step` is scheduled.
  void schedule(std::int64_t step, SimTime now) {
    touch(now);
    step_ = step * advance_;
  }
  /// The period of the step scheduled last has lasted until `now`.
  void touch(SimTime now) {
    if (!running_) {
      return;
    }
    const std::int64_t time = (now - since_).ps;
    if (time == 0) {
      return;
    }
    time_ += time;
    round_time_ += static_cast<Int128>(size_.full(step_)) * time;
    by_residue_[static_cast<std::size_t>(size_.rest(step_))] += time;
    since_ = now;
  }
  /// `count` >= 1 further steps are scheduled, the first one `first` ps after `start`, the time of
  /// the last schedule, each next one `growth` ps later than the one before was.
  void leap(SimTime start, std::int64_t first, std::int64_t growth, std::int64_t count);

  /// The sums as a sequence with this base sees them, up to the last touch.
  struct Snapshot {
    std::int64_t time = 0;
    std::int64_t beyond = 0;  ///< time of the steps with r > m
    Int128 round_time = 0;
  };
  Snapshot snapshot(std::int64_t base) const;
  struct Held {
    Int128 blocks = 0;  ///< blocks x ps
    std::int64_t time = 0;
  };
  /// What a sequence has held since `then`, and for how long; `base` as in the snapshot.
  Held held_since(const Snapshot& then, std::int64_t base) const;

 private:
  void leap_by_pace(std::int64_t first, std::int64_t growth, std::int64_t count);

  BlockSize size_;
  bool running_;
  std::int64_t advance_;
  std::int64_t step_ = 0;  ///< scheduled last, times advance
  SimTime since_;
  std::int64_t time_ = 0;
  Int128 round_time_ = 0;                 ///< sum of q x time
  std::vector<std::int64_t> by_residue_;  ///< time, by r
  /// As many zeros as residues, then as many masks of all bits: r > m without a branch.
  std::vector<std::int64_t> beyond_;
};

}  // namespace penstock
