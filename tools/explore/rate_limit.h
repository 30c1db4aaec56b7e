#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "sim/scenario.h"
#include "tools/explore/plan_trial.h"

namespace penstock::explore {

/// How much traffic a cluster bears.
struct RateLimit {
  double factor = 0;                ///< of the scenario's rates, up to which every limit is met
  std::optional<LimitLine> breaks;  ///< just beyond; nothing if none does within `most_factor`
  /// A lower rate missed a limit although a higher one did not: `factor` is below the first miss.
  bool is_ragged = false;
  std::uint64_t simulations = 0;  ///< that it took to find
};

inline constexpr double most_factor = 1024;
/// RateLimit::factor is found to this precision.
inline constexpr double rate_precision = 0.005;

/// Multiplies the scenario's rates until a limit breaks: the same requests, closer together. Looks
/// at lower rates too, instead of taking it for granted that they are fine. Nothing for a workload
/// without a rate (closed loops, offline classes alone), without a limit, or when `stop` says so.
/// A factor of 0: not even a thousandth of the rate is borne.
std::optional<RateLimit> find_rate_limit(const Scenario& scenario, int jobs,
                                         const std::function<bool()>& stop);

}  // namespace penstock::explore
