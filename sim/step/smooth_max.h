#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "sim/core/math.h"

namespace penstock {

/// The maximum with a rounded corner, (a^p + b^p + ...)^(1/p), for p fixed and a >= 0, from a
/// table: the smaller term's ratio r decides by which factor (1 + r^p)^(1/p) the larger one is
/// raised. 64 cubics for each octave of r, which its bits select: a mixed step waits for this.
/// Within 1e-9 of the powers for p <= 2.6. More terms are taken two at a time: the operation is
/// associative.
class SmoothMaxTable {
 public:
  /// The plain maximum.
  SmoothMaxTable() = default;
  /// Requires 1.25 <= p <= 64.
  explicit SmoothMaxTable(double p) {
    const auto octaves = static_cast<int>(std::ceil(30 / p));  // below, the factor is 1 + 1e-9
    first_ = index_of(std::ldexp(1.0, -octaves));
    Node from = node(std::ldexp(1.0, -octaves), p);
    for (int octave = -octaves; octave < 0; ++octave) {
      const double width = std::ldexp(1.0, octave - interval_bits);
      for (int i = 1; i <= 1 << interval_bits; ++i) {
        const Node to = node(std::ldexp(1.0, octave) + width * i, p);
        const double rise = to.value - from.value;
        cubics_.push_back({from.value, width * from.slope,
                           3 * rise - width * (2 * from.slope + to.slope),
                           width * (from.slope + to.slope) - 2 * rise});
        from = to;
      }
    }
    cubics_.push_back({from.value, 0, 0, 0});  // r = 1
  }

  double operator()(double a, double b) const {
    const double high = std::max(a, b);
    if (high <= 0) {
      return 0;
    }
    const double r = std::min(a, b) / high;
    const std::uint64_t i = index_of(r) - first_;
    if (i >= cubics_.size()) {
      return high;
    }
    const Cubic& c = cubics_[i];
    constexpr std::uint64_t one = std::bit_cast<std::uint64_t>(1.0);
    const double t =
        std::bit_cast<double>(one | (std::bit_cast<std::uint64_t>(r) << interval_bits & mantissa)) -
        1.0;
    return high * ((c.c0 + t * c.c1) + t * t * (c.c2 + t * c.c3));
  }
  double operator()(double a, double b, double c) const { return (*this)((*this)(a, b), c); }

 private:
  static constexpr int interval_bits = 6;  ///< of the mantissa, that select an interval
  static constexpr std::uint64_t mantissa = 0x000fffffffffffffULL;

  /// Of t in [0, 1).
  struct Cubic {
    double c0, c1, c2, c3;
  };
  struct Node {
    double value, slope;
  };

  static std::uint64_t index_of(double r) {
    return std::bit_cast<std::uint64_t>(r) >> (52 - interval_bits);
  }
  static Node node(double r, double p) {
    const double power = math::pow(r, p);
    const double value = math::pow(1 + power, 1 / p);
    return {value, power / r * value / (1 + power)};
  }

  std::uint64_t first_ = 0;  ///< index of the first interval
  std::vector<Cubic> cubics_;
};

}  // namespace penstock
