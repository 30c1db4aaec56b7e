#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/core/diagnostic.h"
#include "sim/request_source.h"
#include "sim/scenario.h"

namespace penstock {

/// A workload, ready to run.
struct OpenedSource {
  std::unique_ptr<RequestSource> source;  ///< null if there are errors
  Diagnostics diagnostics;
  std::vector<std::string> notes;  ///< what its trace left out, moved or met twice, for the report
  std::string description;         ///< "conv.csv × 2, 19,366 requests, 29.2 min", for a headline
  bool follows_answers = false;    ///< what comes depends on when answers end
  std::uint64_t rows = 0;          ///< requests of the trace that are replayed; 0 without a trace
};

/// Opens a workload: reads and checks its trace, starts its generators, merges them.
///
/// A trace is cut by its own keys alone; `requests` and `duration` of the workload bound what is
/// generated. `requests` counts over all classes in order of arrival; offline classes divide it
/// by their shares. Each class draws from random streams of its own, named after it, so that adding
/// a class never changes the requests of another.
///
/// Requires a spec made by config/ (numbers in range). What only the trace shows, and mixes that
/// make no sense, come back as errors, all at once.
OpenedSource open_source(const WorkloadSpec& spec, std::uint64_t seed);

}  // namespace penstock
