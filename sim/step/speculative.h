#pragma once

#include <memory>

#include "sim/scenario.h"
#include "sim/step/step_model.h"

namespace penstock {

/// The step model of speculative decoding with k drafts (scheduler-semantics 1.8.5):
///   T = T_verify(1 + k rows for each decoding sequence) + T_draft(first) + (k - 1) T_draft(next)
/// One after the other, each the roofline of its model. The drafter's first pass takes all rows of
/// the step, prompts too, as its KV cache needs them; each further one takes a row of every
/// sequence that samples. n-gram drafts take no GPU time. Requires engine.speculative.
std::unique_ptr<StepModel> make_speculative_model(const Scenario& scenario);

/// A rank's own part of such a step, as make_rank_model().
std::unique_ptr<StepModel> make_speculative_rank_model(const Scenario& scenario);

/// The scenario in which the drafter is the model, without CPU time, which steps have once.
Scenario drafter_scenario(const Scenario& scenario);

}  // namespace penstock
