#pragma once

#include "sim/core/rng.h"
#include "sim/scenario.h"

namespace penstock {

/// Draws the gaps between arrivals, in ps: of a given mean, independent of each other.
class Gaps {
 public:
  /// For gamma, weibull and on_off, std over mean is `cv`, 0.01 to 50; gamma and on_off with a cv
  /// of 1 are poisson. Constant gaps draw no number.
  Gaps(ArrivalSpec::Process process, double cv, double mean_ps, const Rng& rng);

  double next();

 private:
  enum class Kind { constant, exponential, gamma, weibull };

  Rng rng_;
  Kind kind_;
  double mean_ps_;
  double shape_ = 1;
  double scale_ps_ = 0;  // gamma, weibull
};

/// Gamma-distributed with this shape > 0 and scale 1. Source: Marsaglia and Tsang, "A simple method
/// for generating gamma variables" (2000); below shape 1, by a power of a uniform number.
double draw_gamma(double shape, Rng& rng);

}  // namespace penstock
