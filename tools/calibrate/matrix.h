#pragma once

#include <vector>

/// Small symmetric matrices.
namespace penstock::calibrate {

using Vector = std::vector<double>;
using Rows = std::vector<Vector>;

/// The inverse of a symmetric positive definite matrix.
Rows inverse(Rows a);

/// An eigenvector, and its eigenvalue: of a cost, half its second derivative along it.
struct Axis {
  Vector direction;
  double curvature = 0;
};

/// The eigenvectors of a symmetric matrix, the smallest eigenvalue first.
std::vector<Axis> principal_axes(Rows a);

}  // namespace penstock::calibrate
