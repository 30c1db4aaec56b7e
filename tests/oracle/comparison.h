#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/oracle/reference.h"
#include "tests/support/engine_probe.h"
#include "tests/support/random_load.h"

/// The engine against the naive reference: the same load for both, and the same questions.
namespace penstock::oracle {

/// All that is asked of both. Times in ps.
struct Observation {
  struct Of {
    bool rejected = false;  ///< then nothing else is asked
    bool aborted = false;
    std::vector<std::int64_t> token_ps;
    std::int64_t first_scheduled_ps = 0;
    std::int64_t first_token_ps = 0;
    std::int64_t finish_ps = 0;
    std::int64_t preemptions = 0;
    std::int64_t cached_tokens = 0;  ///< found in the prefix cache at the first admission
  };
  std::vector<Of> requests;
  std::int64_t steps = 0;
  std::int64_t host_tokens = 0;      ///< of the cached ones: reloaded from the host
  std::int64_t computed_tokens = 0;  ///< over all steps, work done again included
};

Result run_reference(const probe::RandomLoad& load);
/// By the reference of the load's scheduler, one of reference_engines.h.
Result run_engine_reference(const probe::RandomLoad& load);
Observation observe(const Result& reference);
/// Of a run with one replica.
Observation observe(const probe::Probe& engine);

/// Empty if both say the same; else the first thing that differs.
std::string difference(const Observation& want, const Observation& got);

}  // namespace penstock::oracle
