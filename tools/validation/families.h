#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/validation/errors.h"
#include "tools/validation/measured.h"

/// Simulations of published systems, family by family.
namespace penstock {

struct ComparedMetric {
  std::string name;  ///< with its unit
  Compared value;
};

struct ComparedPoint {
  std::string label;
  std::vector<ComparedMetric> metrics;
};

/// Points of one source, simulated under the same assumptions.
struct ComparedFamily {
  std::string title;
  std::string assumptions;  ///< source and conditions; empty: those of the family before
  std::vector<ComparedPoint> points;
  bool listed = true;  ///< every point is shown; otherwise statistics only
};

/// Why a point cannot be simulated; empty if it can.
std::string_view why_not(const PublishedPoint& point);

/// Simulates all points that can be.
std::vector<ComparedFamily> compare_families(const std::vector<PublishedPoint>& points);

}  // namespace penstock
