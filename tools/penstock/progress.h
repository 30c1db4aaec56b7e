#pragma once

#include <chrono>
#include <cstdint>

#include "sim/request_source.h"
#include "sim/scenario.h"
#include "sim/simulation.h"

namespace penstock::cli {

/// A line on standard error that shows how far a run is: from half a second on, five times a
/// second, on a terminal only.
class ProgressLine {
 public:
  ProgressLine(const RequestSource& source, const Scenario& scenario, bool enabled);
  /// Clears the line.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void update(const Progress& progress);

 private:
  using Clock = std::chrono::steady_clock;
  double share_done(const Progress& progress) const;

  bool enabled_;
  bool shown_ = false;
  std::uint64_t expected_;  ///< requests; 0 = unknown
  SimTime horizon_;         ///< of arrivals; 0 = unknown
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_ = start_ + std::chrono::milliseconds(500);
};

}  // namespace penstock::cli
