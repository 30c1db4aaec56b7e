#pragma once

#include <functional>

#include "sim/request_source.h"
#include "sim/result.h"
#include "sim/scenario.h"

namespace penstock {

/// How far a run is; for a progress line.
struct Progress {
  SimTime now;
  std::uint64_t arrived = 0;
  std::uint64_t finished = 0;
};

/// Called every few thousand events; returning false stops the run (StopReason::interrupted).
using ProgressCallback = std::function<bool(const Progress&)>;

/// Plays the source's requests through the scenario's cluster. Deterministic: the same scenario
/// and source give the same result on every machine.
///
/// Requires a scenario made by config/ (all values in range). Throws InternalError on a bug of
/// ours, never on input.
Result simulate(const Scenario& scenario, RequestSource& source,
                const SimulationOptions& options = {}, const ProgressCallback& progress = {});

}  // namespace penstock
