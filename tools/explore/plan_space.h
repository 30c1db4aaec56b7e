#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/load.h"
#include "config/plan.h"
#include "sim/scenario.h"
#include "tools/explore/plan_bounds.h"
#include "tools/explore/plan_traffic.h"

namespace penstock::explore {

/// What `penstock plan` is asked.
struct PlanQuestion {
  std::string text;          ///< of the workload file
  std::string name;          ///< its path
  config::LoadOptions load;  ///< --set, --seed, --catalog
  config::PlanSpec spec;
  int jobs = 1;
  std::function<bool()> stop;  ///< asked now and then, by any thread; true: give up
  /// Told how many simulations are done, one call at a time; may be empty.
  std::function<void(std::uint64_t)> progress;
};

/// One replica as a plan may choose it.
struct Shape {
  std::string gpu;
  int tensor_parallel = 1;
  int pipeline_parallel = 1;
  int data_parallel = 1;
  int expert_parallel = 1;
  std::vector<std::string> sets;  ///< what makes the file this one, as --set
  Scenario scenario;              ///< one replica of it, all classes, at the rate planned for
  PlanBounds bounds;

  int gpus() const { return tensor_parallel * pipeline_parallel * data_parallel; }
  double usd_per_hour() const { return scenario.prices.gpu_per_hour * gpus(); }
  /// "l40s", "h100-sxm TP2 PP4", "h200-sxm DP8 EP8", with what the plan varies beside.
  std::string title() const;
  /// False where the step model's parameters of the GPU come from similar ones or a datasheet.
  bool is_measured() const;
};

/// Something of the space that cannot be used, and why.
struct RefusedShape {
  std::string title;
  std::string reason;
};

/// The traffic and the replicas to choose from.
struct Space {
  Diagnostics errors;  ///< what makes the question impossible to ask: nothing else is filled in
  std::vector<std::string> notes;  ///< what was decided for the user
  std::vector<std::string> sets;  ///< rates, length and warm-up of the run that a plan is judged by
  double rate_factor = 1;         ///< judged rate over the file's: growth, peak, headroom
  Traffic traffic;                ///< at the rate that is judged
  std::vector<Shape> shapes;      ///< in the order of the plan section
  std::vector<RefusedShape> refused;
  double seconds = 0;  ///< that it took to make
};

/// What is left out of the judgement where the file does not say: the first tenth, at most two
/// minutes, in whole seconds.
SimTime default_warmup(const Scenario& scenario);

/// Loads the file once for each shape, and counts its traffic.
Space make_space(const PlanQuestion& question);

}  // namespace penstock::explore
