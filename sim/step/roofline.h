#pragma once

#include <cstdint>
#include <memory>

#include "sim/scenario.h"
#include "sim/step/step_model.h"

namespace penstock {

/// Rows that a decoding sequence is in a step: more than one where drafts are verified.
struct DecodeRows {
  std::int64_t tokens = 1;
  std::int64_t of = 1;  ///< tokens / of rows; fractions are rounded up over the batch
  bool sampled = true;  ///< all of them are; false: one

  std::int64_t count(std::int64_t n) const { return tokens == 1 ? n : (n * tokens + of - 1) / of; }
  std::int64_t heads(std::int64_t n) const { return sampled ? count(n) : n; }
};

/// The default step model: the operators of step/operators.h summed over the layers, rounded to
/// picoseconds part by part, up, so that no floor is undercut.
///
/// What depends on the token count alone is memoised by (padded) token count, the LM head by rows,
/// decode-only steps by their number of sequences: a known load costs a few lookups, and two to
/// three powers for the attention of chunks.
/// A sequence's rows share one reading of its KV; its attention's FLOP grow with them.
std::unique_ptr<StepModel> make_roofline_model(const Scenario& scenario,
                                               const DecodeRows& rows = {});

/// A rank's own part of a step where ranks share the experts: attention, dense projections, head;
/// without the experts, dispatch and combine, and the CPU (step/together.h). peak_times() are those
/// of whole steps.
std::unique_ptr<StepModel> make_rank_model(const Scenario& scenario, const DecodeRows& rows = {});

}  // namespace penstock
