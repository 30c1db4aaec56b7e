#pragma once

#include <cstddef>
#include <cstdint>

#include "sim/core/diagnostic.h"
#include "sim/scenario.h"

namespace penstock {

/// True if the requests of class `index` are generated, not read from the trace.
bool is_generated(const WorkloadSpec& spec, std::size_t index);

bool is_offline(const ClassSpec& spec);

/// True if the class's requests, or its conversations, come at `rate`, whatever the system does.
bool has_rate(const ClassSpec& spec);

/// What makes no sense, or would never end, in a workload as a whole. Without positions: the
/// messages name the class.
Diagnostics check_workload(const WorkloadSpec& spec);

/// How many requests will come, roughly; 0 = unknown. `trace_rows`: requests of the trace.
std::uint64_t expected_requests(const WorkloadSpec& spec, std::uint64_t trace_rows);

}  // namespace penstock
