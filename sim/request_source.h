#pragma once

#include <cstdint>

#include "sim/core/units.h"
#include "sim/kv/content.h"

namespace penstock {

/// A request as it reaches the server. Lengths in tokens.
struct Request {
  SimTime arrival;
  std::int64_t input_tokens = 0;   ///< >= 1
  std::int64_t output_tokens = 0;  ///< >= 1: the true length, never shown to a policy
  std::int32_t priority = 0;       ///< smaller = more important
  std::uint16_t class_index = 0;   ///< into Scenario::workload.classes
  std::uint64_t session = 0;       ///< conversation that it belongs to; 0 = none
  Content content = {};            ///< for the prefix cache; empty = shared with no request
  std::uint64_t tag = 0;           ///< the source's own; comes back as the request departs
};

/// A request that has left the system.
struct Departure {
  std::uint16_t class_index = 0;
  std::uint64_t tag = 0;  ///< Request::tag
  SimTime at;
  bool rejected = false;  ///< refused as it arrived, or aborted; else completed
};

/// Where requests come from: a trace, generators, closed-loop clients. Pulled, so that a long
/// trace need not be held in memory.
class RequestSource {
 public:
  virtual ~RequestSource() = default;
  /// Arrival of the next request, or SimTime::never() if none is due (a closed loop may get more
  /// after the next completion). Never decreases.
  virtual SimTime next_arrival() = 0;
  /// Takes that request. Requires next_arrival() < never().
  virtual Request pop() = 0;
  /// A request left the system: a closed-loop client sends its next one, a conversation goes on.
  /// Called in order of time.
  virtual void on_departure(const Departure& departure) = 0;
  /// A guess of how many requests will come, to show progress; 0 = unknown.
  virtual std::uint64_t expected_requests() const { return 0; }
  /// Arrivals go on at least this long (`workload.duration`); the clock runs at least to here.
  virtual SimTime horizon() const { return {}; }
};

}  // namespace penstock
