#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "sim/core/int128.h"

namespace penstock {

/// How often each length occurs: exact quantiles and ranks of any number of values, in memory that
/// grows with the different lengths, not with the values.
class LengthCounts {
 public:
  /// Requires 0 <= value <= max_request_tokens.
  void add(std::int64_t value);

  std::uint64_t count() const { return count_; }
  std::int64_t sum() const { return sum_; }
  /// Requires count() > 0, as the others below.
  double mean() const { return static_cast<double>(sum_) / static_cast<double>(count_); }
  std::int64_t lowest() const;
  std::int64_t highest() const;
  /// Linear between neighbours (type 7). Requires 0 <= p <= 1.
  double quantile(double p) const;

  /// Calls visit(value, how often) in ascending order.
  void for_each(const std::function<void(std::int64_t, std::uint64_t)>& visit) const;

  /// Lengths below stand in a table, the rare longer ones in a map.
  static constexpr std::int64_t dense_limit = 1 << 18;

 private:
  std::vector<std::uint64_t> dense_;
  std::map<std::int64_t, std::uint64_t> sparse_;
  std::uint64_t count_ = 0;
  std::int64_t sum_ = 0;
};

/// Ranks of lengths: the mean rank of equal ones.
class LengthRanks {
 public:
  explicit LengthRanks(const LengthCounts& counts);
  /// Twice the rank (from 1), so that it is whole. Requires a value that was counted.
  std::int64_t twice_rank(std::int64_t value) const;
  /// Sum of the squares of all values' twice_rank.
  Int128 sum_of_squares() const { return sum_of_squares_; }

 private:
  std::vector<std::int64_t> dense_;
  std::map<std::int64_t, std::int64_t> sparse_;
  Int128 sum_of_squares_ = 0;
};

}  // namespace penstock
