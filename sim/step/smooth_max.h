#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/core/math.h"

namespace penstock {

/// The maximum with a rounded corner, (a^p + b^p + ...)^(1/p), for p fixed and a >= 0, from a
/// table: the smaller term's ratio r decides by which factor (1 + r^p)^(1/p) the larger one is
/// raised. Cubic between 256 nodes in sqrt(r), within 1e-9 of the powers that it replaces (they
/// were a seventh of a simulation's time). More terms are taken two at a time: the operation is
/// associative.
class SmoothMaxTable {
 public:
  SmoothMaxTable() : SmoothMaxTable(2) {}
  /// Requires 1.25 <= p <= 64.
  explicit SmoothMaxTable(double p) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const double u = static_cast<double>(i) / intervals;
      const double power = math::pow(u, 2 * p);
      const double value = math::pow(1 + power, 1 / p);
      const double slope = u > 0 ? 2 * power / u * value / (1 + power) : 0;
      nodes_[i] = {value, slope / intervals};
    }
  }

  double operator()(double a, double b) const {
    const double high = std::max(a, b);
    if (high <= 0) {
      return 0;
    }
    // Correctly rounded everywhere (IEEE 754), as +, -, *, / are.
    const double u = std::sqrt(std::min(a, b) / high) * intervals;
    const auto i = std::min(static_cast<std::size_t>(u), nodes_.size() - 2);
    const double t = u - static_cast<double>(i);
    const Node& from = nodes_[i];
    const Node& to = nodes_[i + 1];
    const double rise = to.value - from.value;
    const double bend = from.slope + to.slope - 2 * rise;
    return high * (from.value + t * (from.slope + t * (rise - from.slope - bend + t * bend)));
  }
  double operator()(double a, double b, double c) const { return (*this)((*this)(a, b), c); }

 private:
  static constexpr int intervals = 256;
  struct Node {
    double value = 1;
    double slope = 0;  ///< per interval
  };
  std::array<Node, intervals + 1> nodes_{};
};

}  // namespace penstock
