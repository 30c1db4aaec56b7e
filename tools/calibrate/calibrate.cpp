#include "tools/calibrate/calibrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>

#include "sim/core/math.h"
#include "sim/step/moe.h"
#include "sim/step/roofline_parameters.h"
#include "tools/calibrate/kernel_model.h"

namespace penstock::calibrate {
namespace {

using config::step_parameter;
using config::StepParameter;

// How far a value is from the catalogue's, before any measurement; of ln(value).
constexpr double efficiency_sd = 0.15;
constexpr double latency_sd = 0.3;
constexpr double cpu_sd = 0.5;
constexpr double client_sd = 0.7;

/// A parameter as the fit sees it: (value + shift) / (prior + shift) = exp(change).
struct Candidate {
  std::string_view path;
  double prior_sd = efficiency_sd;
  std::string_view along{};
  double shift = 0;  ///< so that a value may be, or become, 0
};

/// The table of efficiencies by dtype has one entry that decides for these weights (or none).
std::string_view flops_path(const Scenario& scenario, std::string_view table) {
  const auto efficiency = [&](const Scenario& of) {
    const WeightDtypes weights = of.weight_dtypes();
    return table.starts_with("timing.gemm")
               ? gemm_numerics(of.cluster.gpu.timing, weights.dense).flops_efficiency
               : moe_numerics(of.cluster.gpu.timing, of.engine.timing.moe, weights.experts)
                     .flops_efficiency;
  };
  for (const StepParameter& parameter : config::step_parameters()) {
    const double value = parameter.get(scenario);
    if (!parameter.path.starts_with(table) || value == 0) {
      continue;
    }
    Scenario other = scenario;
    parameter.set(other, value / 2);
    if (efficiency(other) != efficiency(scenario)) {
      return parameter.path;
    }
  }
  return {};
}

/// What a run can tell. Fixed times of kernels and of the CPU are the same to it where the CPU's
/// do not hide behind the GPU: then the CPU's are fitted.
std::vector<Candidate> run_candidates(const Scenario& scenario, const Measurement& measurement) {
  std::vector<Candidate> out;
  const bool has_experts = scenario.model.moe_layers() > 0;
  out.push_back({flops_path(scenario, "timing.gemm.flops_efficiency")});
  if (has_experts) {
    out.push_back({flops_path(scenario, "timing.moe_flops_efficiency")});
  }
  out.push_back({"timing.gemm.bandwidth_efficiency", efficiency_sd,
                 "timing.attention_decode.bandwidth_efficiency"});
  out.push_back({"timing.attention_prefill.flops_efficiency"});
  if (scenario.cluster.tensor_parallel > 1 && scenario.cluster.data_parallel == 1) {
    out.push_back({"timing.all_reduce.bandwidth", latency_sd});
  }
  const CpuOverhead& cpu = scenario.engine.cpu_overhead;
  constexpr double hundred_us = 100e6;
  constexpr double one_us = 1e6;
  constexpr double ten_ms = 10e9;
  if (cpu.overlap) {
    out.push_back({"engine_timing.gemm_latency_factor", latency_sd});
  }
  if (!cpu.overlap || cpu.per_step.ps > 0 || cpu.per_sequence.ps > 0) {
    out.push_back({"cpu_overhead.per_step", cpu_sd, {}, hundred_us});
    out.push_back({"cpu_overhead.per_sequence", cpu_sd, {}, one_us});
  }
  if (measurement.by_clients) {
    out.push_back({"front_end_latency", client_sd, {}, ten_ms});
  }
  std::erase_if(out, [&](const Candidate& one) {
    return one.path.empty() || config::is_own(scenario, one.path);
  });
  return out;
}

/// What the measured kernels can tell: each operator has parameters of its own.
std::vector<Candidate> kernel_candidates(const Scenario& scenario,
                                         const std::vector<KernelTime>& kernels) {
  std::vector<Candidate> out;
  KernelModel model(scenario.cluster.gpu.timing);
  for (const StepParameter& parameter : config::step_parameters()) {
    const double value = parameter.get(scenario);
    if (value == 0 || !parameter.path.starts_with("timing.")) {
      continue;
    }
    Scenario other = scenario;
    parameter.set(other, value / 2);
    KernelModel changed(other.cluster.gpu.timing);
    const bool matters = std::any_of(kernels.begin(), kernels.end(), [&](const KernelTime& row) {
      return changed.predicted_ms(row) != model.predicted_ms(row);
    });
    if (matters) {
      const bool is_latency = parameter.unit != config::Unit::fraction;
      out.push_back({parameter.path, is_latency ? cpu_sd : latency_sd});
    }
  }
  return out;
}

FitParameter to_fit(const Scenario& scenario, const Candidate& candidate) {
  const StepParameter& parameter = step_parameter(candidate.path);
  const double prior = parameter.get(scenario);
  FitParameter out;
  out.prior_sd = candidate.prior_sd;
  if (candidate.shift > 0) {
    out.lowest = std::max(out.lowest, math::log(candidate.shift / (prior + candidate.shift)));
  }
  if (parameter.unit == config::Unit::fraction) {
    out.highest = std::min(out.highest, -math::log(prior));
  }
  return out;
}

double value_of(double prior, const Candidate& candidate, double change) {
  return std::max(0.0, (prior + candidate.shift) * math::exp(change) - candidate.shift);
}

Scenario with_changes(const Scenario& scenario, const std::vector<Candidate>& candidates,
                      std::span<const double> changes) {
  Scenario out = scenario;
  for (std::size_t j = 0; j < candidates.size(); ++j) {
    for (const std::string_view path : {candidates[j].path, candidates[j].along}) {
      if (path.empty()) {
        continue;
      }
      const StepParameter& parameter = step_parameter(path);
      const double value = value_of(parameter.get(scenario), candidates[j], changes[j]);
      parameter.set(out, parameter.unit == config::Unit::fraction ? std::min(value, 1.0) : value);
    }
  }
  return out;
}

std::vector<double> residuals_of(const std::vector<Figure>& figures) {
  std::vector<double> out;
  out.reserve(figures.size());
  for (const Figure& figure : figures) {
    out.push_back(figure.error() / figure.weight);
  }
  return out;
}

/// Root mean square of the figures' errors, whatever their weights.
double error_of(const std::vector<Figure>& figures) {
  std::vector<double> errors;
  for (const Figure& figure : figures) {
    errors.push_back(figure.error());
  }
  return root_mean_square(errors);
}

void take_parameters(const Scenario& scenario, const std::vector<Candidate>& candidates,
                     const FitResult& fit, Calibrated& out) {
  std::vector<double> changes;
  for (const FittedParameter& one : fit.parameters) {
    changes.push_back(one.change);
  }
  out.scenario = with_changes(scenario, candidates, changes);
  out.evaluations = fit.evaluations;
  for (std::size_t j = 0; j < candidates.size(); ++j) {
    const Candidate& candidate = candidates[j];
    CalibratedParameter one;
    one.path = candidate.path;
    one.along = candidate.along;
    one.prior = step_parameter(candidate.path).get(scenario);
    one.fitted = step_parameter(candidate.path).get(out.scenario);
    one.fit = fit.parameters[j];
    one.standard_error =
        one.fit.standard_error * (one.fitted > 0 ? (one.fitted + candidate.shift) / one.fitted : 1);
    out.parameters.push_back(one);
  }
}

void add_warnings(Calibrated& out) {
  for (const CalibratedParameter& one : out.parameters) {
    const bool is_share = step_parameter(one.path).unit == config::Unit::fraction;
    const bool is_at_one = is_share && one.fitted > 0.99;
    if (is_at_one && (one.fit.is_at_bound || one.fitted > one.prior + 0.01)) {
      out.warnings.push_back(fmt::format(
          "{} is held at 1: the measurement is faster than the hardware's peak in the catalogue; "
          "are GPU, dtype and lengths right?",
          one.path));
    } else if (one.fit.is_at_bound) {
      out.warnings.push_back(
          fmt::format("{} leaves its physical range: held where it is{}", one.path,
                      one.fitted > 0 ? ", a tenth or ten times of the catalogue's" : ", at 0"));
    } else if (is_share && one.fitted < 0.2) {
      out.warnings.push_back(fmt::format("{} is {:.3f}: hardly physical; something else is slow",
                                         one.path, one.fitted));
    }
    if (one.fit.traded_with >= 0) {
      const CalibratedParameter& other =
          out.parameters[static_cast<std::size_t>(one.fit.traded_with)];
      if (one.path < other.path || other.fit.traded_with < 0) {
        out.warnings.push_back(
            fmt::format("{} and {} trade off: the measurement tells what they do together",
                        one.path, other.path));
      }
    }
  }
}

/// A fit that far off says that something else is wrong.
void warn_if_hopeless(Calibrated& out) {
  constexpr double hopeless = 0.5;
  if (out.error_after > hopeless) {
    out.warnings.push_back(
        fmt::format("the fit is {:.0f} % off: are these figures of this system, in these units?",
                    100 * out.error_after));
  }
}

Calibrated calibrate_to_run(const Scenario& scenario, const Measurement& measurement) {
  constexpr double least_sd = 0.002;
  Calibrated out;
  const RunModel model(scenario, measurement);
  const RunModel::Figures before = model.play(scenario);
  out.before = before.shown;
  out.figures = before.fitted.size();
  out.error_before = error_of(before.fitted);
  const std::size_t measured = measurement.requests.size();
  const int draws = measured <= 1000 ? 8 : measured <= 4000 ? 4 : 2;
  if (measured > 0 && before.unserved == measured) {
    out.scenario = scenario;
    out.after = out.before;
    out.warnings.emplace_back("the simulation refuses all measured requests: nothing is fitted");
    return out;
  }
  const std::vector<Candidate> candidates = run_candidates(scenario, measurement);
  std::vector<FitParameter> parameters;
  for (const Candidate& candidate : candidates) {
    parameters.push_back(to_fit(scenario, candidate));
  }
  const Residuals residuals = [&](std::span<const double> changes) {
    return residuals_of(model.play(with_changes(scenario, candidates, changes)).fitted);
  };
  take_parameters(scenario, candidates, fit_parameters(parameters, residuals, least_sd, draws),
                  out);
  const RunModel::Figures after = model.play(out.scenario);
  out.after = after.shown;
  out.error_after = error_of(after.fitted);
  if (root_mean_square(residuals_of(after.fitted)) <
      root_mean_square(residuals_of(before.fitted))) {
    add_warnings(out);
  } else {
    out.parameters.clear();
    out.scenario = scenario;
    out.after = out.before;
    out.error_after = out.error_before;
    out.warnings.emplace_back(
        "no change of the parameters describes the measurement better: nothing is fitted");
  }
  warn_if_hopeless(out);
  if (before.unserved > 0) {
    out.warnings.push_back(
        fmt::format("{} of {} measured requests are refused or cut short in the simulation: is "
                    "`engine.max_model_len` right?",
                    before.unserved, measured));
  }
  return out;
}

Calibrated calibrate_to_kernels(const Scenario& scenario, const std::vector<KernelTime>& kernels) {
  constexpr double least_sd = 0.005;
  const std::vector<Candidate> candidates = kernel_candidates(scenario, kernels);
  std::vector<FitParameter> parameters;
  for (const Candidate& candidate : candidates) {
    parameters.push_back(to_fit(scenario, candidate));
  }
  const Residuals residuals = [&](std::span<const double> changes) {
    KernelModel model(with_changes(scenario, candidates, changes).cluster.gpu.timing);
    std::vector<double> out;
    for (const KernelTime& row : kernels) {
      out.push_back(math::log(model.predicted_ms(row) / row.measured_ms));
    }
    return out;
  };
  const FitResult fit = fit_parameters(parameters, residuals, least_sd, 1);
  Calibrated out;
  take_parameters(scenario, candidates, fit, out);
  out.figures = kernels.size();
  out.error_before = root_mean_square(fit.before);
  out.error_after = root_mean_square(fit.after);
  std::map<std::string, KernelFigures> by_op;
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    KernelFigures& figures = by_op[kernels[i].op];
    figures.op = kernels[i].op;
    ++figures.count;
    figures.before += fit.before[i] * fit.before[i];
    figures.after += fit.after[i] * fit.after[i];
  }
  for (auto& [op, figures] : by_op) {
    figures.before = std::sqrt(figures.before / static_cast<double>(figures.count));
    figures.after = std::sqrt(figures.after / static_cast<double>(figures.count));
    out.kernels.push_back(figures);
  }
  add_warnings(out);
  warn_if_hopeless(out);
  return out;
}

}  // namespace

Calibrated calibrate_to(const Scenario& scenario, const Measurement& measurement) {
  return measurement.kernels.empty() ? calibrate_to_run(scenario, measurement)
                                     : calibrate_to_kernels(scenario, measurement.kernels);
}

config::Calibration to_file(const Scenario& scenario, const Calibrated& calibrated,
                            std::string measured) {
  config::Calibration out;
  out.gpu = scenario.cluster.gpu.name;
  out.measured = std::move(measured);
  for (const StepParameter& parameter : config::step_parameters()) {
    for (const CalibratedParameter& one : calibrated.parameters) {
      if (one.path == parameter.path || one.along == parameter.path) {
        out.values.emplace_back(parameter.path, parameter.get(calibrated.scenario));
        const bool is_engines = !parameter.path.starts_with("timing.");
        out.engine = is_engines ? scenario.engine.preset : out.engine;
      }
    }
  }
  return out;
}

}  // namespace penstock::calibrate
