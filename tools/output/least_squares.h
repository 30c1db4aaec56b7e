#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "sim/core/int128.h"

namespace penstock::output {

/// Normal equations of a least-squares problem with few unknowns.
struct NormalEquations {
  static constexpr std::size_t most = 5;

  std::size_t size = 0;
  std::array<std::array<Int128, most>, most> products{};  ///< of columns: symmetric
  std::array<Int128, most> right{};                       ///< of columns with the value to explain
};

/// The x >= 0 with the least squares, by trying every set of unknowns that may be above 0: exact
/// corner cases, at most 2^5 small systems. Nothing if the columns determine no single answer: one
/// of them is (within 1e-9 of its squares) a sum of others. Columns of zeros get 0.
std::optional<std::vector<double>> solve_non_negative(const NormalEquations& equations);

}  // namespace penstock::output
