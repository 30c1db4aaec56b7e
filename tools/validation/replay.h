#pragma once

#include <filesystem>
#include <string>

#include "sim/metrics/quantiles.h"
#include "tools/validation/measured.h"

namespace penstock {

/// Latencies of a run, measured or simulated.
struct RunLatencies {
  LatencyStats queue, ttft, tpot, e2e;
  double duration_s = 0;
  double output_tokens_per_s = 0;
};

RunLatencies measured_latencies(const std::vector<MeasuredRequest>& requests);

/// The same requests, on the system on which they were measured.
RunLatencies simulated_latencies(const std::vector<MeasuredRequest>& requests,
                                 bool async_scheduling);

/// The measured run on the RTX PRO 6000 beside its simulations, as Markdown. `data` is the folder
/// of measurements.
std::string replay_section(const std::filesystem::path& data);

/// The same requests on an RTX 4090, where KV memory binds: its published statistics beside
/// simulations.
std::string starved_replay_section(const std::filesystem::path& data);

}  // namespace penstock
