#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/engine/engine_state.h"
#include "sim/engine/scheduler.h"
#include "sim/engine/step_counter.h"
#include "sim/engine/step_run.h"
#include "sim/engine/timeouts.h"
#include "sim/metrics/gap_histogram.h"
#include "sim/metrics/recorder.h"
#include "sim/metrics/timeline.h"

namespace penstock {

/// What all replicas of a simulation share.
struct SharedRecords {
  RequestRecords& requests;
  Accounts& accounts;
  GapHistogram& gaps;
  Result& result;
  StepModel& model;
  const AcceptanceLaw* acceptance = nullptr;  ///< with speculative decoding
};

/// How busy a replica is.
struct ReplicaLoad {
  std::int64_t waiting = 0;
  std::int64_t running = 0;
  std::int64_t held_blocks = 0;
  std::int64_t pending_tokens = 0;  ///< known tokens, waiting or prefilling, that are not computed
};

/// One replica: queue -> schedule -> step -> progress, as a machine of three events.
///
/// A run (one step, or a leap of many) is in flight between start() and end(). Asynchronous
/// scheduling keeps one more batch, scheduled when the run's step started (scheduler-semantics
/// 1.6.5). Costs are charged when a step starts; tokens, gaps and finishes happen at its end.
class Replica {
 public:
  Replica(std::uint16_t index, const Scenario& scenario, const SimulationOptions& options,
          SharedRecords shared);
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  bool busy() const { return run_.active(); }
  /// End of the run in flight; never() if idle.
  SimTime run_end() const { return busy() ? run_.end() : SimTime::never(); }

  /// A request arrives. Returns true if a leap in flight now ends earlier.
  bool submit(const Arrival& request, const Content& content, SimTime now);
  /// Schedules and starts the next step, if there is anything to do; requests whose clients have
  /// given up leave before. A leap ends at the first step boundary at or after `limit`.
  void start(SimTime now, SimTime limit);
  // Lanes of a pipeline; each is started in pieces too.
  EngineState& engine() { return engine_; }
  void join_lanes(std::span<EngineState* const> lanes, std::uint16_t lane) {
    engine_.join_lanes(lanes, lane);
  }
  /// What lanes share comes from the one that has it.
  void take_shared(Replica& from) {
    engine_.take_shared(from.engine_);
    timeouts_.swap(from.timeouts_);
  }
  /// As prepare(), again as long as it only preempts if it `retries`.
  bool prepare_lane(SimTime now, bool retries);
  /// Leaps show their blocks in this one too.
  void show_blocks_in(Recorder& recorder) { shown_in_.push_back(&recorder); }
  /// By the last schedule.
  bool admission_was_tried() const { return admission_was_tried_; }
  /// Nobody waits or runs.
  bool idle() const { return engine_.waiting.empty() && engine_.running.size() == 0; }
  // Ranks in lock-step: start() in pieces, each of all ranks before the next.
  /// Schedules the next step. False: there is nothing to do.
  bool prepare(SimTime now);
  const Batch& batch() const { return *batch_; }
  /// What the step that was prepared takes of this rank alone.
  std::int64_t own_ps();
  /// Of which the GPUs wait for the CPU.
  std::int64_t cpu_wait_ps() const;
  /// Starts it; it lasts `duration`, of which the rank's own part is `own`. Without work (own is 0)
  /// the rank only takes part in `together`.
  void launch(SimTime now, std::int64_t own, std::int64_t duration, const Together& together);
  /// How many steps like the one in flight may run before anything can change; 1 = no leap. Sets
  /// own_growth().
  std::int64_t longest_leap();
  std::int64_t own_growth() const { return run_.own_growth; }
  /// Makes the step in flight a leap of so many steps, each `growth` longer than the one before.
  void leap(std::int64_t steps, std::int64_t growth);
  /// A leap ends at the first step boundary at or after this time.
  SimTime leap_limit() { return std::min(timeouts_.next(), engine_.next_load()); }
  std::int64_t run_steps() const { return run_.steps; }
  /// Ends a leap in flight after so many steps.
  void shorten(std::int64_t steps) { run_.steps = steps; }

  /// The run in flight ends: emits, finishes, frees. Appends the ids of finished requests, in
  /// order.
  void end(SimTime now, std::vector<std::uint32_t>& finished);
  /// Idle: when to start() again although nothing arrives; never() if there is no need.
  SimTime wake() const { return engine_.next_load(); }
  bool has_aborted() const { return !aborted_.empty(); }
  /// Hands out the ids of the requests aborted since the last call.
  void take_aborted(std::vector<std::uint32_t>& ids) {
    ids.insert(ids.end(), aborted_.begin(), aborted_.end());
    aborted_.clear();
  }
  /// Ends a leap in flight at the first step boundary at or after `now`.
  bool cut(SimTime now) { return run_.cut(now); }

  /// Nothing more happens, up to `end`: settles what is unfinished; of lanes but the `last`, only
  /// their own batches.
  void close(SimTime end, bool last = true);
  /// At `now`, not earlier than the last event.
  ReplicaLoad load(SimTime now);
  /// Leading blocks of a prompt, its first `tokens` tokens, that its prefix cache has; `keys` as
  /// block_keys() gives them.
  std::int64_t cached_blocks(std::span<const std::uint64_t> keys, const Content& content,
                             std::int64_t tokens) const {
    if (engine_.radix) {
      return engine_.radix->match(content, tokens);
    }
    return engine_.pool.cache() == nullptr ? 0 : engine_.pool.cache()->match(keys);
  }
  std::int64_t queued() const { return engine_.waiting.size(); }
  bool waiting() const { return !engine_.waiting.empty(); }
  Recorder& recorder() { return recorder_; }
  std::int64_t busy_ps() const { return counter_.busy_ps(); }
  std::int64_t preemptions() const { return engine_.preemptions; }
  std::int64_t host_hit_tokens() const { return engine_.host_hit_tokens; }

 private:
  void schedule(Batch& batch, SimTime now);
  /// Aborts what has timed out, before a schedule.
  void abort_overdue(SimTime now);
  /// Asynchronous scheduling: the batch after the one in flight.
  void schedule_ahead(SimTime now);
  /// Charges and starts a step with work.
  void launch_work(SimTime now);
  /// How many steps may run before anything can change; 1 = no leap.
  std::int64_t leap_length(const DecodeCost& decode);
  /// How many of the next schedules, from step `first` on, the free blocks allow; at most `wanted`.
  std::int64_t steps_with_blocks(std::int64_t first, std::int64_t wanted) const;
  /// Charges the steps of a leap after its first, and moves on to its last.
  void apply_leap();
  /// By how much the CPU outlasts the GPU in the step in flight, of decodes alone.
  std::int64_t cpu_excess(const DecodeCost& decode) const {
    return decode.cpu_excess(batch_->kv_sum, batch_->window_sum);
  }
  /// Lets the time series see the blocks that a leap's steps take up to `now`.
  void see_blocks(SimTime now) {
    if (run_.seen < run_.steps) {
      see_more_blocks(now);
    }
  }
  void see_more_blocks(SimTime now);
  /// A lane's batch starts.
  [[gnu::noinline]] void take_flight(SimTime now);
  /// Shows the blocks of a leap, at `at`, in the series of all lanes.
  [[gnu::noinline]] void show_blocks(SimTime at);
  /// A batch is back: those aborted since it was scheduled leave.
  void remove_gone();
  void emit(SimTime now);
  void finish(SimTime now, std::vector<std::uint32_t>& finished);
  /// What an unfinished request has got so far.
  void note_unfinished(const Sequence& sequence);
  void update_levels();
  /// The run in flight, which ends now.
  TimelineStep timeline_step(SimTime now) const;

  std::uint16_t index_;
  SharedRecords shared_;
  bool leaping_;
  bool finishes_late_;         ///< EngineSpec::finishes_late()
  bool keeps_finished_;        ///< static batching
  std::int64_t spare_blocks_;  ///< without which a decode step is not like the one before
  TokenLog* log_;
  Timeline* timeline_;
  std::unique_ptr<Scheduler> scheduler_;
  EngineState engine_;
  Timeouts timeouts_;
  std::vector<std::uint32_t> aborted_;  ///< not handed out yet
  std::vector<Slot> gone_;              ///< aborted, but in a batch in flight
  Recorder recorder_;
  std::vector<Recorder*> shown_in_;
  StepCounter counter_;
  std::array<Batch, 2> batches_;
  Batch* batch_ = &batches_[0];    ///< in flight
  Batch* pending_ = &batches_[1];  ///< asynchronous: scheduled, not started
  StepRun run_;
  StepCost cost_;  ///< of the step that was prepared, if it has chunks
  std::int64_t next_step_ = 1;
  bool admission_was_tried_ = true;  ///< by the last schedule
};

}  // namespace penstock
