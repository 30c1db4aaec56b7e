#pragma once

#include "tools/explore/sweep.h"
#include "tools/output/sweep_output.h"

namespace penstock::explore {

/// What the printers take, from what is done: points of which all runs are there. Averages several
/// runs; marks the Pareto front (cost per token of all kinds against the median of end-to-end
/// latency) and the cheapest point. Leaves `given`, `is_sample` and `seed` to the caller.
output::SweepOutput collect(const SweepSpec& spec, const Records& records);

/// One finished run as a point of its own, for progress.
output::SweepPoint point_of(const SweepSpec& spec, const Record& record);

/// True if `a` is to be called cheaper: it meets the SLO and `b` does not, or costs less per token.
bool is_cheaper(const output::SweepPoint& a, const output::SweepPoint& b);

}  // namespace penstock::explore
