#include "sim/analysis/load.h"

namespace penstock {

LoadReport assess_load(const Scenario& scenario, const TrafficMeans& traffic,
                       double requests_per_s) {
  LoadReport report;
  if (traffic.weight <= 0) {
    report.reason = "no request completed";
    return report;
  }
  if (scenario.engine.scheduler == "static") {
    report.reason = "saturation is not worked out for static batching";
    return report;
  }
  const auto model = make_step_model(scenario);
  report.saturation = saturate(lane_engine(scenario), *model, traffic);
  if (!report.saturation) {
    report.reason = "steps without a duration have no saturation";
    return report;
  }
  const Saturation& full = *report.saturation;
  report.load = requests_per_s / (full.requests_per_s * scenario.cluster.engines());
  report.input_per_million = per_million(scenario, full.input_ps);
  report.output_per_million = per_million(scenario, full.output_ps);
  return report;
}

}  // namespace penstock
