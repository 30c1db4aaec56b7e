#pragma once

#include <optional>
#include <string>

#include "sim/analysis/saturation.h"
#include "sim/analysis/traffic.h"
#include "sim/scenario.h"

namespace penstock {

/// How far a run was from what its replicas could have served of the same traffic.
struct LoadReport {
  std::optional<Saturation> saturation;  ///< of one replica, under the run's completed requests
  double load = 0;                       ///< completed requests/s over those at saturation
  double input_per_million = 0;          ///< at saturation, rule `phase`
  double output_per_million = 0;
  std::string reason;  ///< why there is no saturation
};
/// `traffic`: of the completed requests. `requests_per_s`: completed.
LoadReport assess_load(const Scenario& scenario, const TrafficMeans& traffic,
                       double requests_per_s);

}  // namespace penstock
