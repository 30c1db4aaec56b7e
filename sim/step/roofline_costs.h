#pragma once

#include <cstdint>

#include "sim/step/step_model.h"

/// What the roofline model remembers: pieces of a step's cost, in ps, engine factor included.
namespace penstock {

/// What a step costs by its token count alone, without the fixed latencies.
struct TokenCost {
  std::int64_t variable = 0;  ///< GEMM and elementwise; never 0 once filled
  std::int64_t weights = 0;   ///< of which streams weights: a single token's, and of more experts
  std::int64_t memory = 0;    ///< of which bound by memory
  std::int64_t communication = 0;
  std::int64_t expert_bytes = 0;  ///< ps at the peak
};

struct HeadCost {
  std::int64_t overhead = 0;  ///< latency and sampler; never 0 once filled
  std::int64_t variable = 0;
  Resource bound = Resource::memory;
};

/// One group of attention layers as a decode-only step sees it, in ps.
struct DecodeKernel {
  std::int64_t latency = 0;
  std::int64_t prefill_latency = 0;
  std::int64_t sequence = 0;
  std::int64_t per_kv = 0;
  std::int64_t per_window = 0;
  Resource reads = Resource::memory;
};

}  // namespace penstock
