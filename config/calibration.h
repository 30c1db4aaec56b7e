#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/load_parts.h"
#include "config/quantity.h"
#include "config/schema.h"
#include "sim/scenario.h"

/// Files that put the user's own values in the place of some of the step model's parameters: what
/// `penstock calibrate` writes and `calibration:` of a workload file names.
namespace penstock::config {

/// A number of the step model that such a file may hold.
struct StepParameter {
  std::string_view path;  ///< dotted, in the file: "timing.gemm.flops_efficiency.bf16"
  std::string_view doc;
  Unit unit = Unit::fraction;
  /// In that unit; 0 where the scenario has none (a dtype that its GPU was not fitted with).
  double (*get)(const Scenario& scenario) = nullptr;
  void (*set)(Scenario& scenario, double value) = nullptr;
};

/// All of them.
std::span<const StepParameter> step_parameters();
/// True if the workload file gives it itself.
bool is_own(const Scenario& scenario, std::string_view path);
/// Requires: one of their paths.
const StepParameter& step_parameter(std::string_view path);

/// What the file says of itself, and its values.
struct Calibration {
  std::string gpu;       ///< catalogue names of what it was fitted on
  std::string engine;    ///< empty: any
  std::string measured;  ///< to what it was fitted
  std::vector<std::pair<std::string_view, double>> values;  ///< path of a parameter, value
};

/// The file's text.
std::string calibration_text(const Calibration& calibration);

Schema calibration_schema();

/// `calibration:` of the workload file, if it is given. Needs a GPU and a preset. What the workload
/// file itself says of `engine.cpu_overhead` and `engine.front_end_latency` stands.
void load_calibration(const LoadContext& context, Scenario& scenario);

}  // namespace penstock::config
