#pragma once

#include <cstdint>

#include "sim/core/units.h"

namespace penstock {

/// One step in flight, or a leap: `steps` consecutive decode-only steps with the same members, of
/// which step j lasts first + j · growth.
struct StepRun {
  SimTime start;
  std::int64_t first = 0;   ///< ps
  std::int64_t growth = 0;  ///< ps per step: what one more KV token of each member costs
  std::int64_t steps = 0;   ///< 0 = nothing in flight
  std::int64_t seen = 0;    ///< steps whose blocks are counted in `blocks`
  std::int64_t blocks = 0;  ///< taken by schedules within the leap, not yet from the pool
  /// As first and growth, of the replica's own work: less where it waits for others.
  std::int64_t own_first = 0;
  std::int64_t own_growth = 0;

  bool active() const { return steps > 0; }
  /// When step j starts (j = steps: when the run ends).
  SimTime start_of(std::int64_t j) const {
    return {start.ps + j * first + growth * (j * (j - 1) / 2)};
  }
  SimTime end() const { return start_of(steps); }
  /// The own work of `count` steps from step `from` on.
  std::int64_t own_ps(std::int64_t from, std::int64_t count) const {
    return count * own_first + own_growth * (count * from + count * (count - 1) / 2);
  }

  /// Ends the run at the first step boundary at or after `now`. Returns true if that is earlier.
  bool cut(SimTime now) {
    if (steps <= 1 || start_of(steps - 1) < now) {
      return false;
    }
    std::int64_t low = 1;
    std::int64_t high = steps - 1;
    while (low < high) {
      const std::int64_t middle = (low + high) / 2;
      if (start_of(middle) >= now) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    steps = low;
    return true;
  }
};

}  // namespace penstock
