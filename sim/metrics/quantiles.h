#pragma once

#include <cstdint>
#include <span>

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

/// Exact statistics of latencies in ps. Overwrites `values`, sorts nothing. The result does not
/// depend on the order of the values: sums are integers.
///
/// Requires: 0 <= attainment <= 1 (0 = not asked for); fewer than 2^32 - 1 values, none negative.
LatencyStats latency_stats(std::span<std::int64_t> values, double attainment);

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
