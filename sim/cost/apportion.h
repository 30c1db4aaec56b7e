#pragma once

#include <vector>

#include "sim/core/int128.h"

namespace penstock {

/// Splits `total` in proportion to `weights` by largest remainder, ties to the lower index: the
/// parts sum to `total` exactly. All zeros if the weights are.
///
/// Requires: total >= 0, no negative weight, total and the sum of the weights below 2^125.
std::vector<Int128> apportion(Int128 total, const std::vector<Int128>& weights);

}  // namespace penstock
