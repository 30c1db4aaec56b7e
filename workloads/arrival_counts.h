#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sim/core/int128.h"
#include "sim/core/units.h"

namespace penstock {

/// Arrivals in windows of one length, one after the other from 0. Only whole windows count: the one
/// of the latest arrival is left out.
class WindowCounts {
 public:
  explicit WindowCounts(SimTime length) : length_(length) {}
  /// Times must not decrease.
  void add(SimTime time);

  /// Most arrivals in a window over its length; nothing without a whole window.
  std::optional<double> peak_per_s() const;
  /// Variance (of the windows, not a sample of them) over mean: 1 for a Poisson process.
  std::optional<double> fano() const;

 private:
  SimTime length_;
  std::int64_t window_ = 0;  // of the latest arrival
  std::int64_t in_window_ = 0;
  std::int64_t most_ = 0;  // in a whole window, as the sums
  Int128 sum_ = 0;
  Int128 sum_of_squares_ = 0;
};

/// Gaps between arrivals.
class GapCounts {
 public:
  GapCounts();
  ~GapCounts();
  GapCounts(const GapCounts&) = delete;
  GapCounts& operator=(const GapCounts&) = delete;

  /// Times must not decrease.
  void add(SimTime time);
  /// Ends the last window. Call once, before cv_in_windows().
  void finish();

  /// Standard deviation over mean; nothing with fewer than 2 gaps, or if all are 0.
  std::optional<double> cv() const;
  /// Median over windows of 300 s of the same within a window, of those with 3 gaps and more.
  std::optional<double> cv_in_windows() const;

 private:
  struct Moments;
  std::unique_ptr<Moments> all_;
  std::unique_ptr<Moments> window_;
  std::vector<double> windows_;
  std::int64_t window_number_ = 0;
  SimTime latest_;
  bool is_first_ = true;
};

}  // namespace penstock
