#pragma once

#include <array>
#include <cstdint>

#include "sim/core/assert.h"
#include "sim/core/int128.h"
#include "sim/result.h"

namespace penstock {

/// What a run of steps adds to an interval's counters.
struct StepCounts {
  std::int64_t steps = 0;
  std::int64_t sequences = 0;
  std::int64_t tokens = 0;
  std::int64_t all_tokens = 0;
  std::int64_t rows = 0;
  std::int64_t sampling_steps = 0;
  std::int64_t pairs = 0;
  std::int64_t kv_read = 0;
  std::int64_t window_pairs = 0;
  std::int64_t window_read = 0;
  std::int64_t expert_bytes = 0;
  std::array<std::int64_t, resource_count> bound{};  ///< ps, as StepCost::resources
};

/// The time series of one replica: integrals of its levels (requests running and waiting, blocks,
/// busy) and counts of its events, per interval.
///
/// The interval is fixed, or starts at one second and doubles whenever the run outgrows
/// `max_intervals` of them: memory stays constant however long the run.
class Recorder {
 public:
  static constexpr std::size_t max_intervals = 500;
  /// A fixed interval doubles only here: a wish for nanoseconds must not fill the memory.
  static constexpr std::size_t max_fixed_intervals = 100'000;
  /// Of all replicas together: about 200 MB.
  static constexpr std::size_t max_intervals_of_all = 1'000'000;

  /// `interval` 0: chosen as above. `replicas`: how many recorders there are.
  Recorder(SimTime interval, const PeakTimes& peak, int replicas);

  /// Integrates all levels up to `now` (not earlier than the last call).
  void advance(SimTime now) {
    if (now > last_) {
      integrate(now);
    }
  }
  void set_running(std::int64_t value) { running_ = value; }
  void set_waiting(std::int64_t value) { waiting_ = value; }
  void set_blocks(std::int64_t value) {
    blocks_ = value;
    if (value > result_.blocks_peak) {
      result_.blocks_peak = value;
    }
  }
  /// From `at` on, later than all calls of advance(), so many blocks more are held.
  void add_blocks(SimTime at, std::int64_t count) {
    PENSTOCK_ASSERT(at >= last_);
    point(last_);
    if (at >= begin_ + interval_) {
      advance(at);
    }
    risen_ += count;
    risen_before_ += static_cast<Int128>(count) * (at - last_).ps;
    if (blocks() > result_.blocks_peak) {
      result_.blocks_peak = blocks();
    }
  }
  void set_busy(bool busy) { busy_ = busy; }
  std::int64_t blocks() const { return blocks_ + risen_; }

  /// A request has arrived at `at` and has been with the front end, waiting, until `now`.
  void count_arrival(SimTime at, SimTime now) {
    ++point(at).arrivals;
    if (at < now) {
      count_waiting(at, now);
    }
  }
  void count_completion(SimTime now) { ++point(now).completed; }
  void count_preemptions(SimTime now, std::int64_t count) { point(now).preemptions += count; }
  /// Steps that start at `start`, in one interval; the last of them ends at `end`.
  void count_steps(SimTime start, SimTime end, const StepCounts& counts);
  void note_batch(std::int64_t sequences) {
    if (sequences > result_.batch_peak) {
      result_.batch_peak = sequences;
    }
  }
  /// The end of the interval that `now` is in.
  SimTime interval_end(SimTime now);

  SimTime interval() const { return interval_; }
  /// Closes the series at `end` with intervals of `interval` (a power of two times its own).
  ReplicaResult finish(SimTime end, SimTime interval);

 private:
  /// The interval that `now` is in.
  SeriesPoint& point(SimTime now) {
    const auto inside = static_cast<std::uint64_t>((now - begin_).ps);
    return inside < static_cast<std::uint64_t>(interval_.ps) ? result_.series[index_]
                                                             : move_to(now);
  }
  SeriesPoint& move_to(SimTime now);
  void count_waiting(SimTime from, SimTime to);
  /// Shares the work of a step among the intervals that it lasts over.
  void share_work(SimTime start, SimTime end, const StepCounts& counts);
  void share_bound(SimTime start, SimTime end,
                   const std::array<std::int64_t, resource_count>& bound);
  template <typename Counts>
  Int128 flop_time(const Counts& counts) const;
  template <typename Counts>
  Int128 byte_time(const Counts& counts) const;
  void integrate(SimTime now);
  void double_interval();

  /// PeakTimes in 1/1024 ps, as integers.
  struct PeakUnits {
    std::int64_t token_flop, row_flop, pair_flop;
    std::int64_t step_bytes, head_bytes, token_bytes, row_bytes, kv_bytes;
    std::int64_t window_pair_flop, window_kv_bytes, sequence_bytes;
  };

  ReplicaResult result_;
  PeakUnits peak_;
  SimTime interval_;
  std::size_t most_intervals_;
  SimTime begin_;          ///< of the interval last used
  std::size_t index_ = 0;  ///< of that interval
  SimTime last_;
  std::int64_t running_ = 0;
  std::int64_t waiting_ = 0;
  std::int64_t blocks_ = 0;
  bool busy_ = false;
  // Blocks taken since `last_`, in its interval: integrated with the next advance().
  std::int64_t risen_ = 0;
  Int128 risen_before_ = 0;  ///< blocks x ps, from `last_` until each was taken
};

}  // namespace penstock
