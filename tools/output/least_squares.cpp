#include "tools/output/least_squares.h"

#include <algorithm>
#include <utility>

#include "sim/core/assert.h"

namespace penstock::output {
namespace {

using Matrix = std::array<std::array<double, NormalEquations::most + 1>, NormalEquations::most>;

/// Solves for the unknowns in `chosen`, the others are 0. Nothing if the columns are not
/// independent.
std::optional<std::vector<double>> solve(const NormalEquations& equations,
                                         std::span<const std::size_t> chosen) {
  constexpr double least_pivot = 1e-9;  // of a column's squares, what others do not explain
  const std::size_t n = chosen.size();
  Matrix rows{};
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      rows[i][j] = to_double(equations.products[chosen[i]][chosen[j]]);
    }
    rows[i][n] = to_double(equations.right[chosen[i]]);
  }
  for (std::size_t i = 0; i < n; ++i) {
    const double whole = to_double(equations.products[chosen[i]][chosen[i]]);
    if (!(rows[i][i] > least_pivot * whole)) {
      return std::nullopt;
    }
    for (std::size_t below = i + 1; below < n; ++below) {
      const double factor = rows[below][i] / rows[i][i];
      for (std::size_t j = i; j <= n; ++j) {
        rows[below][j] -= factor * rows[i][j];
      }
    }
  }
  std::vector<double> x(equations.size, 0.0);
  for (std::size_t i = n; i-- > 0;) {
    double value = rows[i][n];
    for (std::size_t j = i + 1; j < n; ++j) {
      value -= rows[i][j] * x[chosen[j]];
    }
    x[chosen[i]] = value / rows[i][i];
  }
  return x;
}

/// How much less the squared error is than that of zeros; of a solution of the normal equations.
double explained(const NormalEquations& equations, const std::vector<double>& x) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += x[i] * to_double(equations.right[i]);
  }
  return sum;
}

}  // namespace

std::optional<std::vector<double>> solve_non_negative(const NormalEquations& equations) {
  PENSTOCK_ASSERT(equations.size <= NormalEquations::most);
  std::vector<std::size_t> unknowns;
  for (std::size_t i = 0; i < equations.size; ++i) {
    if (equations.products[i][i] > 0) {
      unknowns.push_back(i);
    }
  }
  if (!solve(equations, unknowns)) {
    return std::nullopt;
  }
  std::vector<double> best(equations.size, 0.0);
  double most_explained = 0;
  for (std::size_t set = 1; set < std::size_t{1} << unknowns.size(); ++set) {
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < unknowns.size(); ++i) {
      if ((set >> i & 1U) != 0) {
        chosen.push_back(unknowns[i]);
      }
    }
    std::optional<std::vector<double>> x = solve(equations, chosen);
    if (!x || std::any_of(x->begin(), x->end(), [](double value) { return value < 0; })) {
      continue;
    }
    const double gain = explained(equations, *x);
    if (gain > most_explained) {
      most_explained = gain;
      best = std::move(*x);
    }
  }
  return best;
}

}  // namespace penstock::output
