#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "sim/cost/ledger.h"
#include "sim/engine/batch.h"
#include "sim/engine/decode_set.h"
#include "sim/engine/sequence.h"
#include "sim/engine/waiting_queue.h"
#include "sim/kv/block_pool.h"
#include "sim/result.h"
#include "sim/scenario.h"

namespace penstock {

/// What one engine knows, and the only ways in which a scheduler may change it. A scheduler
/// decides; these functions keep queues, blocks, sums and accounts in step with each other.
class EngineState {
 public:
  EngineState(const Scenario& scenario, const SimulationOptions& options, Accounts& accounts,
              std::deque<RequestRecord>& records, StepModel& model);

  const EngineSpec& spec() const { return spec_; }
  bool fast_path() const { return fast_path_; }

  /// The schedule of step `step` begins.
  void begin_schedule(std::int64_t step, SimTime now) {
    now_ = now;
    clock.schedule(step, now);
  }

  /// A request enters the waiting queue.
  void submit(const Sequence& sequence);

  /// Takes a running sequence back to the waiting queue: all its blocks are freed, its KV is lost,
  /// its tokens are kept (scheduler-semantics 1.3.3).
  void preempt(Slot slot, std::int64_t step);
  /// A decoding sequence gets no token in step `step`: it leaves the sums.
  void stall(Slot slot, std::int64_t step);
  /// A stalled sequence decodes again, from step `step` on.
  void resume(Slot slot, std::int64_t step);
  /// Moves the head of the waiting queue to the end of the running list. `now` is the time of the
  /// schedule.
  Slot admit_head(SimTime now);
  /// Adds a chunk of `tokens` for a prefilling sequence to the batch; its blocks are taken by the
  /// caller. Returns true if the chunk reaches the last known token.
  void add_chunk(Slot slot, std::int64_t tokens, Batch& batch);
  /// After the schedule of `batch`: sequences whose chunk completes decode from the next step on.
  void join_completed(const Batch& batch);
  /// Before the blocks of a running sequence that does not decode change: counts their time.
  void hold(Sequence& sequence) const;
  /// Step `step` is the last one of some decoding sequences: they drain.
  void take_finished(std::int64_t step, SimTime now, std::vector<Slot>& finishing);
  /// Nothing more happens to this sequence, which is not through: books what it has held.
  void close(Slot slot, SimTime end);
  /// A sequence has emitted its last token: settles its cost and frees what it holds.
  void finish(Slot slot, std::int64_t step, SimTime now);

  /// Blocks that a running sequence owns before step `step` is scheduled.
  std::int64_t blocks_of(const Sequence& sequence, std::int64_t step) const;

  SequenceTable sequences;
  RunningList running{sequences};
  WaitingQueue waiting;
  DecodeSet decoding;
  BlockPool pool;
  BlockClock clock;
  Ledger ledger;
  std::vector<Slot> prefilling;  ///< in running order
  std::int64_t stalled = 0;      ///< how many sequences are stalled
  std::int64_t preemptions = 0;
  /// When the last token of every uninterrupted decode was, or will be, emitted: the end of the
  /// previous step, or (asynchronous) of the one in flight.
  SimTime last_step_end;

 private:
  /// Counts the block-time of a sequence that stops decoding.
  void hold_decode(Sequence& sequence) const;
  /// Books the block-time of a sequence that leaves.
  void book_held(const Sequence& sequence, std::int64_t stored);
  void log_span(const Sequence& sequence, std::int64_t last_step);
  /// Settles and takes a sequence out of the decode set before step `step`.
  void leave_decoding(Sequence& sequence, Slot slot, std::int64_t step);

  const EngineSpec& spec_;
  std::deque<RequestRecord>& records_;
  bool fast_path_;
  TokenLog* log_;
  SimTime now_;  ///< of the schedule, or of what came after it
  std::uint32_t next_admission_ = 0;
};

}  // namespace penstock
