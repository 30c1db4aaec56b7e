#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "sim/core/units.h"

namespace penstock {

/// One step in flight, or a leap: `steps` consecutive decode-only steps with the same members, of
/// which step j lasts first + j · growth.
struct StepRun {
  /// Most steps, and the longest of them (a minute), in a leap: keep every product of its closed
  /// forms within 64 bits, and its end within what SimTime holds beyond SimTime::max().
  static constexpr std::int64_t max_steps = 8192;
  static constexpr std::int64_t max_step_ps = 60'000'000'000'000;

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
    // j is where first · j + growth · j (j - 1) / 2 reaches `now`; then exactly, in integers.
    const auto b = static_cast<double>(first) - static_cast<double>(growth) / 2;
    const auto wait = static_cast<double>((now - start).ps);
    const double root = std::sqrt(b * b + 2 * static_cast<double>(growth) * std::max(wait, 0.0));
    std::int64_t j = b + root > 0 ? static_cast<std::int64_t>(2 * wait / (b + root)) : 1;
    j = std::clamp(j, std::int64_t{1}, steps - 1);
    while (start_of(j) < now) {
      ++j;
    }
    while (j > 1 && start_of(j - 1) >= now) {
      --j;
    }
    steps = j;
    return true;
  }
};

}  // namespace penstock
