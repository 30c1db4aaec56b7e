#include "tools/calibrate/matrix.h"

#include <algorithm>
#include <cmath>

#include "sim/core/assert.h"

namespace penstock::calibrate {
namespace {

/// Jacobi: turns axes p and q so that the matrix has a zero between them.
void rotate(Rows& a, std::vector<Axis>& axes, std::size_t p, std::size_t q) {
  if (a[p][q] == 0) {
    return;
  }
  const double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
  const double t = (theta < 0 ? -1 : 1) / (std::fabs(theta) + std::sqrt(theta * theta + 1));
  const double c = 1 / std::sqrt(t * t + 1);
  const double s = t * c;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const double kp = a[k][p];
    a[k][p] = c * kp - s * a[k][q];
    a[k][q] = s * kp + c * a[k][q];
  }
  for (std::size_t k = 0; k < a.size(); ++k) {
    const double pk = a[p][k];
    a[p][k] = c * pk - s * a[q][k];
    a[q][k] = s * pk + c * a[q][k];
    const double one = axes[p].direction[k];
    axes[p].direction[k] = c * one - s * axes[q].direction[k];
    axes[q].direction[k] = s * one + c * axes[q].direction[k];
  }
}

}  // namespace

// Gauss and Jordan, who need no pivots where a matrix is positive definite.
Rows inverse(Rows a) {
  const std::size_t n = a.size();
  Rows out(n, Vector(n, 0.0));
  for (std::size_t i = 0; i < n; ++i) {
    out[i][i] = 1;
  }
  for (std::size_t i = 0; i < n; ++i) {
    PENSTOCK_ASSERT(a[i][i] > 0);
    const double pivot = a[i][i];
    for (std::size_t j = 0; j < n; ++j) {
      a[i][j] /= pivot;
      out[i][j] /= pivot;
    }
    for (std::size_t row = 0; row < n; ++row) {
      const double factor = row == i ? 0 : a[row][i];
      for (std::size_t j = 0; j < n && factor != 0; ++j) {
        a[row][j] -= factor * a[i][j];
        out[row][j] -= factor * out[i][j];
      }
    }
  }
  return out;
}

std::vector<Axis> principal_axes(Rows a) {
  constexpr int sweeps = 12;
  const std::size_t n = a.size();
  std::vector<Axis> axes(n);
  for (std::size_t i = 0; i < n; ++i) {
    axes[i].direction.assign(n, 0.0);
    axes[i].direction[i] = 1;
  }
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        rotate(a, axes, p, q);
      }
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    axes[i].curvature = a[i][i];
  }
  std::stable_sort(axes.begin(), axes.end(),
                   [](const Axis& x, const Axis& y) { return x.curvature < y.curvature; });
  return axes;
}

}  // namespace penstock::calibrate
