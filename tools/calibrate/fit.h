#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

/// Least squares on the logarithms of a few parameters, held near their priors: damped Gauss–Newton
/// steps (Levenberg, Marquardt), with numerical derivatives wide enough to look past the jumps of
/// a simulation; then parabolas along the principal axes. Deterministic.
namespace penstock::calibrate {

/// A parameter by the logarithm of value over prior: 0 is the prior.
struct FitParameter {
  double prior_sd = 0.2;  ///< how far it may be from the prior, before any data
  double lowest = -2.3;   ///< bounds; lowest <= 0 <= highest
  double highest = 2.3;
};

/// What the data are off by at some parameters: ln(predicted / measured) of each figure, over its
/// weight: a figure of weight 2 may be twice as far off as one of 1. Always as many.
using Residuals = std::function<std::vector<double>(std::span<const double> changes)>;

/// Whether the data say how large a parameter is: to about 1 %, at least twice as well as the prior
/// does, or not.
enum class Identified { yes, weakly, no };
const char* to_string(Identified identified);

struct FittedParameter {
  double change = 0;          ///< ln(value / prior)
  double standard_error = 0;  ///< of `change`, prior included: at most about prior_sd
  Identified identified = Identified::no;
  bool is_at_bound = false;  ///< held by a bound: the data ask for more
  /// The other parameter that it trades off with (correlation above 0.9), as an index; -1 = none.
  int traded_with = -1;
};

struct FitResult {
  std::vector<FittedParameter> parameters;
  std::vector<double> before, after;  ///< residuals
  int evaluations = 0;
};

/// The parameters that minimise sum (residual / sd)^2 + sum (change / prior_sd)^2, where sd is what
/// remains on average after the fit, and at least `least_sd` (a relative error). Requires a
/// parameter and a figure. So many `draws` are made within 1 %, and their mean taken for a point: a
/// simulation's figures jump where its steps fall otherwise. 1: the figures are smooth.
FitResult fit_parameters(std::span<const FitParameter> parameters, const Residuals& residuals,
                         double least_sd, int draws);

/// Root of the mean square; 0 of nothing.
double root_mean_square(std::span<const double> values);

}  // namespace penstock::calibrate
