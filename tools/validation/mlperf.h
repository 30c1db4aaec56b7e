#pragma once

#include <vector>

#include "tools/validation/families.h"

namespace penstock {

/// MLPerf Inference: Offline (all requests there at 0), Server and Interactive (Poisson).
ComparedFamily mlperf(const std::vector<PublishedPoint>& points);

}  // namespace penstock
