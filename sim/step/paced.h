#pragma once

#include <cstdint>
#include <memory>

#include "sim/step/step_model.h"

namespace penstock {

/// The same model for an engine that counts KV lengths in 1/`unit` tokens, as speculative decoding
/// does (Pace): loads are in these units, as are the costs per KV token and per KV token within the
/// window, which are rounded up to whole picoseconds. window() and useful work stay in tokens.
std::unique_ptr<StepModel> make_paced_model(std::unique_ptr<StepModel> model, std::int64_t unit);

}  // namespace penstock
