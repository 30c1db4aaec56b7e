#pragma once

#include <cstdint>
#include <vector>

#include "sim/core/int128.h"
#include "sim/result.h"

namespace penstock {

/// Gaps between consecutive tokens, weighted, in log-linear buckets of relative width 1/512: a
/// bucket's middle is within 0.1 % of every gap in it. Counts, mean and extremes are exact.
class GapHistogram {
 public:
  GapHistogram() : counts_(std::size_t{64} << sub_bits) {}

  /// `weight` gaps of `first`, first + step, ... (`gaps` of them, at most a million, in ps;
  /// step >= 0).
  void add(std::int64_t first, std::int64_t step, std::int64_t gaps, std::int64_t weight);
  GapStatistics statistics() const;

 private:
  static constexpr int sub_bits = 9;

  static std::size_t bucket_of(std::int64_t gap);
  /// The smallest gap of the next bucket.
  static std::int64_t end_of(std::size_t bucket);

  std::vector<std::int64_t> counts_;
  std::int64_t count_ = 0;
  Int128 sum_ = 0;
  Int128 sum_squares_ = 0;  ///< ps^2
  std::int64_t min_ = INT64_MAX;
  std::int64_t max_ = 0;
};

}  // namespace penstock
