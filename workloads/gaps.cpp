#include "workloads/gaps.h"

#include <cmath>

#include "sim/core/assert.h"
#include "sim/core/math.h"
#include "workloads/special.h"

namespace penstock {

Gaps::Gaps(ArrivalSpec::Process process, double cv, double mean_ps, const Rng& rng)
    : rng_(rng), kind_(Kind::exponential), mean_ps_(mean_ps) {
  using Process = ArrivalSpec::Process;
  PENSTOCK_ASSERT(mean_ps > 0 && cv >= 0.01 && cv <= 50);
  if (process == Process::constant) {
    kind_ = Kind::constant;
  } else if (process == Process::weibull) {
    kind_ = Kind::weibull;
    shape_ = weibull_shape(cv);
    scale_ps_ = mean_ps_ / math::exp(log_gamma(1 + 1 / shape_));
  } else if ((process == Process::gamma || process == Process::on_off) && cv != 1) {
    kind_ = Kind::gamma;
    shape_ = 1 / (cv * cv);
    scale_ps_ = mean_ps_ / shape_;
  }
}

double Gaps::next() {
  switch (kind_) {
    case Kind::constant:
      return mean_ps_;
    case Kind::exponential:
      return rng_.exponential(mean_ps_);
    case Kind::gamma:
      return scale_ps_ * draw_gamma(shape_, rng_);
    case Kind::weibull: {
      const double unit = rng_.exponential(1);
      return scale_ps_ * math::pow(unit, 1 / shape_);
    }
  }
  PENSTOCK_ASSERT(false);
}

double draw_gamma(double shape, Rng& rng) {
  if (shape < 1) {
    constexpr double below_every_gap = -690;  // keeps exp in its range
    const double larger = draw_gamma(shape + 1, rng);
    const double exponent = math::log(rng.uniform()) / shape;
    return exponent < below_every_gap ? 0 : larger * math::exp(exponent);
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = rng.normal();
    const double root = 1 + c * x;
    if (root <= 0) {
      continue;
    }
    const double v = root * root * root;
    const double u = rng.uniform();
    if (math::log(u) < 0.5 * x * x + d - d * v + d * math::log(v)) {
      return d * v;
    }
  }
}

}  // namespace penstock
