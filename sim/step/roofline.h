#pragma once

#include <memory>

#include "sim/scenario.h"
#include "sim/step/step_model.h"

namespace penstock {

/// The default step model: the operators of step/operators.h summed over the layers, rounded to
/// picoseconds part by part, up, so that no floor is undercut.
///
/// What depends on the token count alone is memoised by (padded) token count, the LM head by rows,
/// decode-only steps by their number of sequences: a known load costs a few lookups, and two to
/// three powers for the attention of chunks.
std::unique_ptr<StepModel> make_roofline_model(const Scenario& scenario);

/// A rank's own part of a step where ranks share the experts: attention, dense projections, head;
/// without the experts, dispatch and combine, and the CPU (step/together.h). peak_times() are those
/// of whole steps.
std::unique_ptr<StepModel> make_rank_model(const Scenario& scenario);

}  // namespace penstock
