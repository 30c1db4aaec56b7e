#include "workloads/special.h"

#include <algorithm>
#include <cmath>

#include "sim/core/assert.h"
#include "sim/core/math.h"

namespace penstock {

double normal_cdf(double z) {
  constexpr double half_log_two_pi = 0.918938533204672741780;
  constexpr double lowest = 0x1p-53;
  if (z < -8.2 || z > 8.2) {
    return z < 0 ? lowest : 1 - lowest;
  }
  // Φ(z) = 1/2 + φ(z) (z + z³/3 + z⁵/(3·5) + ...)
  double sum = z;
  double before = 0;
  double term = z;
  for (int odd = 3; sum != before; odd += 2) {
    before = sum;
    term *= z * z / odd;
    sum += term;
  }
  const double p = 0.5 + sum * math::exp(-0.5 * z * z - half_log_two_pi);
  return std::clamp(p, lowest, 1 - lowest);
}

double log_gamma(double x) {
  PENSTOCK_ASSERT(x > 0 && x < 1e6);
  constexpr double half_log_two_pi = 0.918938533204672741780;
  double product = 1;
  for (; x < 12; x += 1) {
    product *= x;
  }
  const double r = 1 / (x * x);
  const double series =
      (1.0 / 12 - r * (1.0 / 360 - r * (1.0 / 1260 - r * (1.0 / 1680 - r * (1.0 / 1188))))) / x;
  return (x - 0.5) * math::log(x) - x + half_log_two_pi + series - math::log(product);
}

double weibull_shape(double cv) {
  PENSTOCK_ASSERT(cv >= 0.01 && cv <= 50);
  const double wanted = math::log(1 + cv * cv);
  double low = 0.1;  // a cv of 429
  double high = 200;
  for (int i = 0; i < 80; ++i) {
    const double k = 0.5 * (low + high);
    const bool is_wide = log_gamma(1 + 2 / k) - 2 * log_gamma(1 + 1 / k) > wanted;
    (is_wide ? low : high) = k;
  }
  return 0.5 * (low + high);
}

double normal_correlation(double rank) {
  constexpr double pi_sixth = 0.523598775598298873077;
  const double x = pi_sixth * rank;
  double sum = x;
  double term = x;
  for (int n = 2; n < 20; n += 2) {
    term *= -x * x / (n * (n + 1));
    sum += term;
  }
  return 2 * sum;
}

}  // namespace penstock
