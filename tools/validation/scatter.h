#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tools/validation/errors.h"

namespace penstock {

/// Points of one colour.
struct ScatterGroup {
  std::string name;
  std::vector<Compared> points;
};

/// Simulated against measured, both axes logarithmic and alike, as an SVG that stands alone: the
/// diagonal, and 20 % either way. Points that are not above 0 are left out.
std::string scatter_svg(const std::string& title, const std::vector<ScatterGroup>& groups);

}  // namespace penstock
