#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace penstock {

/// A measurement and what the simulation says instead, in the same unit.
struct Compared {
  double measured = 0;
  double simulated = 0;

  /// Relative: positive = simulated too large.
  double error() const { return simulated / measured - 1; }
};

struct ErrorStats {
  std::size_t count = 0;
  double median = 0;  ///< of absolute relative errors, as p90
  double p90 = 0;
  double bias = 0;  ///< mean relative error
};

ErrorStats error_stats(const std::vector<Compared>& pairs);

/// A relative error as signed percent: "+1.2"; a dash where nothing was measured.
std::string error_text(const Compared& pair);

}  // namespace penstock
