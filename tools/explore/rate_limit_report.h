#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/explore/rate_limit.h"

namespace penstock::explore {

/// What `penstock plan --target rate=max` prints.
std::string rate_limit_text(const Scenario& scenario, const RateLimit& limit);
nlohmann::ordered_json rate_limit_json(const Scenario& scenario, const RateLimit& limit);

}  // namespace penstock::explore
