#pragma once

#include <cstdint>

#include "sim/step/step_model.h"

namespace penstock {

/// What decode pays of a mixed step under rule `phase` (cost.md §3), ps; prefill pays the rest.
struct PhaseSplit {
  SharedParts decode{};
  std::int64_t decode_attention = 0;  ///< of a step of the decodes alone
  std::int64_t decode_sequences = 0;  ///< of which terms per sequence
  std::int64_t decode_window = 0;     ///< of which reads in layers with a window
};

/// The Shapley value of decode against prefill, part by part: half of what it adds first and of
/// what it adds last, clamped to the part (kernels differ between mixed and pure steps). `both` is
/// the cost of the whole step; requires decodes and chunks.
PhaseSplit split_phases(StepModel& model, const StepCost& both, const StepLoad& load);

}  // namespace penstock
