#pragma once

#include <memory>

#include "sim/core/units.h"
#include "sim/step/step_model.h"

namespace penstock {

/// Every step takes `step`, whatever its load: for tests and for queueing theory. All of it is
/// overhead; there is no useful work to measure.
std::unique_ptr<StepModel> make_constant_model(SimTime step);

}  // namespace penstock
