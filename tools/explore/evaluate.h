#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "sim/core/diagnostic.h"
#include "sim/metrics/summary.h"
#include "sim/result.h"
#include "sim/scenario.h"

namespace penstock::explore {

/// A scenario that has been run.
struct Evaluation {
  Result result;
  Summary summary;
  std::vector<std::string> notes;  ///< of the workload's trace, for the report
  std::string traffic;             ///< "chat 11/s, 3,000 requests"
  std::uint64_t expected = 0;      ///< how many requests were to arrive; 0 = unknown
  Diagnostics diagnostics;         ///< of the workload; with errors nothing was run
  bool is_complete = false;        ///< it ran to its end (or to `scenario.until`)
};

/// Opens the scenario's traffic and plays it to the end, or until `stop` (asked every few thousand
/// events; may be empty) says so. Safe to call from several threads.
Evaluation evaluate(const Scenario& scenario, const SimulationOptions& options,
                    const std::function<bool()>& stop);

}  // namespace penstock::explore
