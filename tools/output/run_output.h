#pragma once

#include <string>
#include <vector>

#include "sim/metrics/summary.h"
#include "sim/result.h"
#include "sim/scenario.h"
#include "tools/output/confidence.h"

namespace penstock::output {

/// One finished run, as every printer takes it. Refers to what the caller keeps alive.
struct RunOutput {
  const Scenario& scenario;
  const Result& result;
  const Summary& summary;
  Confidence confidence;
  std::string scenario_json;  ///< the resolved scenario, a JSON object
  std::string traffic;        ///< "chat 11/s, 3,000 requests"; empty: made from the scenario
  std::vector<std::string> warnings;
  std::vector<std::string> notes;  ///< what was decided for the user
};

/// What a reader of the results must know and no number says: requests refused or cut, a run that
/// was interrupted. One sentence each.
std::vector<std::string> run_warnings(const Scenario& scenario, const Result& result);

}  // namespace penstock::output
