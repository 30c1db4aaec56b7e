#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include "sim/core/int128.h"

namespace penstock {

struct GapStatistics;

/// Percentiles by linear interpolation (type 7), std with ddof 0; values in ms. Count 0: no value.
struct LatencyStats {
  std::uint64_t count = 0;
  double mean = 0, p50 = 0, p90 = 0, p95 = 0, p99 = 0, max = 0, std = 0;
  /// The quantile at the attainment asked for (SLO line); 0 without one.
  double at_attainment = 0;
};

/// A latency in ms from picoseconds: one division, so that whole numbers stay whole.
inline double to_milliseconds(double ps) { return ps / 1e9; }

/// A sample of latencies in ps that is looked at twice and never kept: at the first look it is
/// counted in log-linear buckets, which tell in which few of them the quantiles lie; at the second
/// only the values in those are collected. All statistics are exact, and do not depend on the order
/// of the values: sums are integers.
class LatencySample {
 public:
  /// Requires: 0 <= attainment <= 1 (0 = not asked for).
  explicit LatencySample(double attainment);

  /// First look: fewer than 2^32 - 1 values, none negative.
  void add(std::int64_t value) {
    ++count_;
    sum_ += value;
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
    ++counts_[bucket_of(value)];
  }
  /// Between the looks.
  void choose();
  /// Second look: the same values.
  void add_again(std::int64_t value) {
    const Int128 difference = std::abs(value - center_) >> shift_;
    squares_ += difference * difference;
    if (counts_[bucket_of(value)] == kept_mark) {
      values_.push_back(value);
    }
  }
  /// After the second look, once.
  LatencyStats stats();

 private:
  /// Buckets of relative width 1/256 to 1/512; below 2^9 ps each value has its own.
  static constexpr int sub_bits = 8;
  static constexpr std::uint32_t kept_mark = UINT32_MAX;

  struct Kept {
    std::size_t bucket = 0;
    std::uint64_t below = 0;       ///< values in lower buckets
    std::uint64_t candidates = 0;  ///< of those, collected
  };

  static std::size_t bucket_of(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    const int exponent = static_cast<int>(std::bit_width(bits)) - 1 - sub_bits;
    if (exponent <= 0) {
      return static_cast<std::size_t>(bits);
    }
    return (static_cast<std::size_t>(exponent) << sub_bits) +
           static_cast<std::size_t>(bits >> exponent);
  }
  /// The bucket alone does not say what is in it.
  bool needs_values(std::size_t bucket) const {
    return bucket >= (std::size_t{2} << sub_bits) && min_ < max_;
  }
  std::int64_t value_of(std::uint64_t rank);
  double quantile(double p);
  /// Population standard deviation around the mean, from integers.
  double deviation() const;

  std::uint64_t count_ = 0;
  Int128 sum_ = 0;
  std::int64_t min_ = INT64_MAX;
  std::int64_t max_ = 0;
  std::vector<std::uint32_t> counts_;  ///< by bucket; kept_mark: collected
  std::vector<std::pair<double, double LatencyStats::*>> asked_;  ///< ascending
  std::vector<Kept> kept_;
  std::uint64_t candidates_ = 0;
  std::int64_t center_ = 0;
  /// Differences from the centre are cut to 2^shift, so that their squares' sum fits 126 bits: 0
  /// for a million latencies of up to two hours.
  int shift_ = 0;
  Int128 squares_ = 0;
  std::vector<std::int64_t> values_;  ///< collected
  std::size_t placed_ = 0;  ///< of those, how many stand where they belong, below all others
};

/// The statistics of a sample that is at hand.
LatencyStats latency_stats(std::span<const std::int64_t> values, double attainment);

/// The same from pooled token gaps: mean, std and max from their sums, percentiles from buckets
/// (<= 0.1 % off).
LatencyStats latency_stats(const GapStatistics& gaps, double attainment);

/// Where the quantile p of n values lies (type 7, index (n - 1) p): at rank `lower`, and `fraction`
/// of the way to the next one.
struct QuantilePosition {
  std::uint64_t lower = 0;
  double fraction = 0;
};
/// Requires: n >= 1, 0 <= p <= 1.
QuantilePosition quantile_position(std::uint64_t n, double p);

}  // namespace penstock
