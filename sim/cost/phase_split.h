#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "sim/step/step_model.h"

namespace penstock {

/// The parts of a step that prefill and decode share; the head's parts belong to output alone.
inline constexpr std::array shared_parts{Part::weights, Part::compute, Part::attention,
                                         Part::communication, Part::overhead};

/// What decode pays of a mixed step under rule `phase` (cost.md §3), ps; prefill pays the rest.
struct PhaseSplit {
  std::array<std::int64_t, shared_parts.size()> decode{};  ///< in the order of shared_parts
  std::int64_t decode_attention = 0;                       ///< of a step of the decodes alone
  std::int64_t decode_window = 0;  ///< of which reads in layers with a window
};

/// The Shapley value of decode against prefill, part by part: half of what it adds first and of
/// what it adds last, clamped to the part (kernels differ between mixed and pure steps). `both` is
/// the cost of the whole step; requires decodes and chunks.
PhaseSplit split_phases(StepModel& model, const StepCost& both, const StepLoad& load);

}  // namespace penstock
