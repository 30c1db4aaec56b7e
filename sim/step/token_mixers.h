#pragma once

#include <vector>

#include "sim/step/roofline_parameters.h"

/// What a model's token mixers (attention of all kinds, linear layers) are to a step: kernels that
/// read caches and states, and projections and elementwise kernels that depend on tokens alone.
namespace penstock {

/// Groups of layers that read alike; at most one of them needs the sum over a window.
std::vector<AttentionLayers> make_attention_layers(const Scenario& scenario);
/// Adds their projections to `mixer_gemms`.
void add_mixer_gemms(const Scenario& scenario, RooflineParameters& out);
/// Adds their kernels and bytes.
void add_mixer_elementwise(const Scenario& scenario, RooflineParameters& out);

}  // namespace penstock
