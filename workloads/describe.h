#pragma once

#include <string>

#include "sim/scenario.h"
#include "workloads/replay.h"

namespace penstock {

/// A workload in a few words, for a headline: "conv.csv × 2, 19,366 requests, 29.2 min" or
/// "chat 11/s + code 3/s, 3,000 requests". `trace`: null if there is none.
std::string describe(const WorkloadSpec& spec, const ReplayTrace* trace);

}  // namespace penstock
