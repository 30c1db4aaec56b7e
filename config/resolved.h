#pragma once

#include <nlohmann/json_fwd.hpp>

#include "sim/scenario.h"

namespace penstock::config {

/// The scenario as `summary.json` shows it: everything resolved, units at the end of the keys, keys
/// in a fixed order.
nlohmann::ordered_json to_json(const Scenario& scenario);

}  // namespace penstock::config
