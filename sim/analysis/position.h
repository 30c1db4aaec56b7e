#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/scenario.h"
#include "sim/step/step_model.h"

namespace penstock {

/// What one token more costs at a position of the context, in replica time: a constant and a slope.
/// Prompt tokens are computed in steps full to max_num_batched_tokens, output tokens in decode
/// steps of `batch` sequences; each kind pays for its own steps.
struct PositionPrices {
  std::int64_t prefill_tokens = 0;  ///< of a full step
  std::int64_t batch = 0;
  double input_fixed_ps = 0;   ///< a token's share of a full step but its attention
  double input_slope_ps = 0;   ///< per earlier token: one (query, key) pair
  double output_fixed_ps = 0;  ///< a sequence's share of a step but its KV reads
  double output_slope_ps = 0;  ///< per KV token read

  // Layers with a window: the same per token within it.
  double input_window_ps = 0;
  double output_window_ps = 0;
  double window = 0;
  double input_ps(double context) const {
    return input_fixed_ps + input_slope_ps * context + input_window_ps * std::min(context, window);
  }
  double output_ps(double context) const {
    return output_fixed_ps + output_slope_ps * context +
           output_window_ps * std::min(context, window);
  }
  /// The prompt of which attention (slope · n² / 2) costs as much as all else (fixed · n).
  double quadratic_from() const {
    return input_slope_ps > 0 ? 2 * input_fixed_ps / input_slope_ps : 0;
  }
};
PositionPrices price_positions(const EngineSpec& engine, StepModel& model, std::int64_t batch);

}  // namespace penstock
