#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/calibration.h"
#include "sim/scenario.h"
#include "tools/calibrate/fit.h"
#include "tools/calibrate/measurement.h"
#include "tools/calibrate/run_model.h"

/// Fits a few physical parameters of the step model to what a user measured (design: the
/// efficiencies of a GPU and dtype, an engine's fixed time a kernel, CPU time), with the
/// catalogue's values as priors.
namespace penstock::calibrate {

/// A parameter that was fitted.
struct CalibratedParameter {
  std::string_view path;         ///< config::StepParameter
  std::string_view along;        ///< another path that changes by the same factor; may be empty
  double prior = 0, fitted = 0;  ///< in its unit
  double standard_error = 0;     ///< relative to `fitted`
  FittedParameter fit;
};

/// How far the kernels of one operator are off: root of the mean square of ln(predicted /
/// measured).
struct KernelFigures {
  std::string op;
  std::size_t count = 0;
  double before = 0, after = 0;
};

struct Calibrated {
  std::vector<CalibratedParameter> parameters;
  std::vector<Figure> before, after;   ///< a run's statistics, same order
  std::vector<KernelFigures> kernels;  ///< where kernels were measured
  std::size_t figures = 0;             ///< that were fitted
  /// Root of the mean square of ln(simulated / measured) over them.
  double error_before = 0, error_after = 0;
  int evaluations = 0;  ///< simulations; of kernels: of all of them
  Scenario scenario;    ///< with the fitted parameters
  std::vector<std::string> warnings;
};

/// Requires: a scenario with the roofline step model, and a measurement that is not empty; kernels
/// of the scenario's GPU alone. Deterministic.
Calibrated calibrate_to(const Scenario& scenario, const Measurement& measurement);

/// The fitted parameters, as a file that a workload file may name. All of them: what two that trade
/// off do together is known, though neither is alone.
config::Calibration to_file(const Scenario& scenario, const Calibrated& calibrated,
                            std::string measured);

}  // namespace penstock::calibrate
