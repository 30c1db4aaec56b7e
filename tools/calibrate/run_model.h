#pragma once

#include <string>
#include <vector>

#include "sim/scenario.h"
#include "tools/calibrate/measurement.h"

namespace penstock::calibrate {

/// A number that was measured and simulated.
struct Figure {
  std::string name;  ///< as in `summary.json`: "ttft_ms.mean"
  double measured = 0;
  double simulated = 0;
  /// It may be so many times further off than a figure of weight 1, before that counts as much.
  double weight = 1;

  /// ln(simulated / measured), at most 3 either way: what is missing is far off.
  double error() const;
};

/// A measured run beside simulations of it.
class RunModel {
 public:
  /// `scenario` gives all but the requests where the measurement has them. Requires requests or
  /// statistics; keeps references to both.
  RunModel(const Scenario& scenario, const Measurement& measurement);

  struct Figures {
    std::vector<Figure> fitted;  ///< always as many
    std::vector<Figure> shown;
    std::size_t unserved = 0;  ///< measured requests that the simulation did not complete
  };
  /// Plays the run with another scenario's parameters.
  Figures play(const Scenario& scenario) const;

 private:
  Figures play_requests(const Scenario& scenario) const;
  Figures play_workload(const Scenario& scenario) const;

  const Measurement& measurement_;
  WorkloadSpec workload_;  ///< of equal requests without limits, where the requests are measured
  std::vector<double> lengths_, companies_;  ///< of requests: prompts, others as each arrives
};

}  // namespace penstock::calibrate
