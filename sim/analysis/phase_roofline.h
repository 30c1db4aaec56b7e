#pragma once

#include <cstdint>
#include <optional>

#include "sim/analysis/traffic.h"
#include "sim/scenario.h"
#include "sim/step/step_model.h"

namespace penstock {

/// One step on the roofline of one GPU.
struct PhaseRoofline {
  std::int64_t tokens = 0;  ///< computed in the step
  double kv_tokens = 0;     ///< read from the cache
  double flop = 0;          ///< per GPU
  double bytes = 0;
  double step_ms = 0;
  Resource bound = Resource::memory;  ///< what most of the step goes to
  double intensity() const { return bytes > 0 ? flop / bytes : 0; }
};

/// Where prefill and decode of a traffic lie against the ridge of a GPU.
struct RooflinePhases {
  double peak_tflops = 0;  ///< of the GEMMs' dtype
  double memory_gb_s = 0;
  PhaseRoofline prefill;  ///< a step full of prompts
  PhaseRoofline decode;   ///< a step of `batch` sequences at the mean context
  /// The smallest batch whose GEMMs are bound by compute; none up to max_num_batched_tokens.
  std::optional<std::int64_t> gemm_compute_from;
  /// The smallest batch, at the mean context, of which most time is not memory's.
  std::optional<std::int64_t> decode_compute_from;

  /// FLOP per byte at which compute and memory take equally long.
  double ridge() const { return memory_gb_s > 0 ? peak_tflops * 1e3 / memory_gb_s : 0; }
};

/// Nothing for the constant step model. Intensity counts useful FLOP, and the bytes of weights,
/// activations of GEMMs and KV.
std::optional<RooflinePhases> roofline_phases(const Scenario& scenario, const TrafficMeans& traffic,
                                              std::int64_t batch);

}  // namespace penstock
