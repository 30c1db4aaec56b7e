#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/result.h"
#include "sim/scenario.h"

namespace penstock::output {

/// How far the numbers of a run can be trusted: what of the step model was measured nearby, with
/// which error, and what goes beyond it. Figures: docs/validation.md.
struct Confidence {
  std::string label;                 ///< one clause
  std::vector<std::string> nearest;  ///< the measurements that are nearest to this run
  /// Median absolute error seen there, as a share: (what, error). Empty: nothing to compare with.
  std::vector<std::pair<std::string, double>> median_error;
  std::vector<std::string> extrapolated;  ///< what no measurement covers
};

Confidence assess_confidence(const Scenario& scenario, const Result& result);

}  // namespace penstock::output
