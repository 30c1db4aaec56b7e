#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tools/output/sweep_output.h"

namespace penstock::cli {

/// A line on standard error that shows how far a sweep is: from half a second on, five times a
/// second, on a terminal only.
class SweepProgress {
 public:
  /// `total` runs are to be done, `done` of them were done before.
  SweepProgress(std::vector<std::string> paths, std::size_t total, std::size_t done, bool enabled);
  /// Clears the line.
  ~SweepProgress();
  SweepProgress(const SweepProgress&) = delete;
  SweepProgress& operator=(const SweepProgress&) = delete;

  bool is_enabled() const { return enabled_; }
  /// One more run is done.
  void finished(const output::SweepPoint& point);
  /// Shows the line if it is time. Safe to call from several threads, cheap.
  void tick();

 private:
  using Clock = std::chrono::steady_clock;
  std::string line(Clock::time_point now) const;

  bool enabled_;
  std::mutex mutex_;
  output::SweepOutput shape_;  ///< the varied paths, for the names of values
  std::size_t total_;
  std::size_t done_;
  std::size_t done_before_;
  std::size_t failed_ = 0;
  std::optional<output::SweepPoint> best_;
  bool shown_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_ = start_ + std::chrono::milliseconds(500);
};

}  // namespace penstock::cli
