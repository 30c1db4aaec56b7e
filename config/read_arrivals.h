#pragma once

#include "config/report.h"
#include "config/section.h"
#include "sim/scenario.h"

namespace penstock::config {

/// The keys of `arrivals` in a workload file, or of `like` in a profile: all but the rate. Keys
/// that contradict each other are reported.
ArrivalSpec read_arrivals(const Section& section, Reporter& reporter);

}  // namespace penstock::config
