#include "tools/explore/evaluate.h"

#include "sim/simulation.h"
#include "workloads/source.h"

namespace penstock::explore {

Evaluation evaluate(const Scenario& scenario, const SimulationOptions& options,
                    const std::function<bool()>& stop) {
  Evaluation out;
  OpenedSource opened = open_source(scenario.workload, scenario.seed);
  out.diagnostics = std::move(opened.diagnostics);
  if (!opened.source) {
    return out;
  }
  out.notes = std::move(opened.notes);
  out.traffic = std::move(opened.description);
  out.expected = opened.source->expected_requests();
  out.result = simulate(scenario, *opened.source, options,
                        [&stop](const Progress&) { return !stop || !stop(); });
  out.is_complete = out.result.stop == StopReason::finished || out.result.stop == StopReason::until;
  out.summary = summarize(scenario, out.result);
  return out;
}

}  // namespace penstock::explore
