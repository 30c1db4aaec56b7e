#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/metrics/summary.h"
#include "sim/result.h"
#include "sim/scenario.h"
#include "tools/output/confidence.h"
#include "tools/output/margins.h"
#include "tools/output/tariff.h"

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
  std::vector<std::string> notes;       ///< what was decided for the user
  std::uint64_t expected_requests = 0;  ///< how many were to arrive; 0 = unknown
  std::optional<Tariff> tariff = {};    ///< with --tariff
  std::vector<Margin> margins = {};     ///< with --margin
  bool cost_tree = false;               ///< with --cost: table and Markdown show the bill by cause
};

/// "stopped at 60 s by --until: 651 of 5,000 requests arrived, 43 still running"; empty for a run
/// that went to its end. `expected`: how many requests were to arrive, 0 = unknown.
std::string stop_text(const Scenario& scenario, const Result& result, std::uint64_t expected);

/// What a reader of the results must know and no number says: a run that stopped early, requests
/// refused or cut. One sentence each.
std::vector<std::string> run_warnings(const Scenario& scenario, const Result& result,
                                      std::uint64_t expected_requests = 0);

}  // namespace penstock::output
