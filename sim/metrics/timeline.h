#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/core/units.h"

namespace penstock {

/// A step, or a leap over several decode-only steps with the same members.
struct TimelineStep {
  SimTime start;
  SimTime end;
  std::int32_t steps = 0;
  std::int32_t decodes = 0;        ///< sequences that decode, of each step
  std::int32_t chunks = 0;         ///< pieces of prompts
  std::int32_t prompt_tokens = 0;  ///< in them
  std::int32_t running = 0;        ///< requests, as it ends
  std::int32_t waiting = 0;
  std::int32_t blocks = 0;  ///< KV blocks referenced
  std::uint16_t replica = 0;
};

/// The steps of all replicas from `from` on, in the order in which they end, as many as there is
/// room for.
class Timeline {
 public:
  Timeline(SimTime from, std::size_t most) : from_(from), most_(most) {}

  void add(const TimelineStep& step) {
    if (step.end < from_) {
      return;
    }
    if (steps_.size() < most_) {
      steps_.push_back(step);
    } else {
      ++left_out_;
    }
  }
  SimTime from() const { return from_; }
  const std::vector<TimelineStep>& steps() const { return steps_; }
  /// Steps and leaps that found no room: all that end after those in steps().
  std::size_t left_out() const { return left_out_; }

 private:
  SimTime from_;
  std::size_t most_;
  std::vector<TimelineStep> steps_;
  std::size_t left_out_ = 0;
};

}  // namespace penstock
