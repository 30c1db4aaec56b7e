#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <span>
#include <tuple>
#include <vector>

#include "sim/cost/ledger.h"
#include "sim/engine/acceptance.h"
#include "sim/engine/batch.h"
#include "sim/engine/decode_set.h"
#include "sim/engine/new_token_ratio.h"
#include "sim/engine/sequence.h"
#include "sim/engine/waiting_queue.h"
#include "sim/kv/block_pool.h"
#include "sim/kv/host_tier.h"
#include "sim/kv/radix_cache.h"
#include "sim/result.h"
#include "sim/scenario.h"

namespace penstock {

/// Where a preempted sequence waits (first come, first served).
enum class Requeue { at_the_head, at_the_tail };

/// What one engine knows, and the only ways in which a scheduler may change it. A scheduler
/// decides; these functions keep queues, blocks, sums and accounts in step with each other.
class EngineState {
 public:
  /// `acceptance`: of drafts; null without speculative decoding.
  EngineState(const Scenario& scenario, const SimulationOptions& options, Accounts& accounts,
              RequestRecords& records, StepModel& model, const AcceptanceLaw* acceptance);

  const EngineSpec& spec() const { return spec_; }
  const Pace& pace() const { return pace_; }
  bool fast_path() const { return fast_path_; }

  /// The schedule of step `step` begins.
  void begin_schedule(std::int64_t step, SimTime now) {
    now_ = now;
    step_ = step;
    clock.schedule(step, now);
    if (host) {
      take_loaded();
    }
    if (caches_late_) {
      store_computed();
    }
  }

  /// So many steps of a leap were scheduled after the last one.
  void skip_steps(std::int64_t steps) { step_ += steps; }

  // Several batches in flight: a lane each, whose sequences only that lane schedules.
  /// This becomes one of `lanes`, all of which have this scenario and no request yet.
  void join_lanes(std::span<EngineState* const> lanes, std::uint16_t lane);
  /// What lanes share (sequences, queues, blocks, counts) comes from the one that has it.
  void take_shared(EngineState& from);
  bool has_lanes() const { return !lanes_.empty(); }
  /// It is one of so many engines of the replica.
  void log_as(std::uint16_t engine, int engines) {
    log_engine_ = engine;
    log_engines_ = static_cast<std::size_t>(engines);
  }
  /// Where the token log has the end of a step.
  std::size_t log_index(std::int64_t step) const {
    return static_cast<std::size_t>(step) * log_engines_ + log_engine_;
  }
  /// In the batch of another lane, and so in flight. Of sequences that decode or drain.
  bool elsewhere(const Sequence& sequence) const { return sequence.lane != lane_; }
  /// TensorRT-LLM: a running sequence is in flight, and nothing of it can be scheduled. (Others
  /// schedule the next piece of a prompt all the same.)
  bool in_flight(Slot slot) const;
  /// In TensorRT-LLM, the next piece of a prompt waits until the last one has come back: the
  /// prompts of a batch that starts are not `prefilling` until they are given back.
  void withhold(const Batch& batch);
  void give_back(const Batch& batch);
  /// Publishes what the last schedule has completed, before another lane's.
  void publish_all() { publish_due(next_admission_); }
  /// Sequences that count against the limit of a batch.
  std::int64_t in_batch() const {
    return lanes_.empty() ? running.size() : decoding.size() + std::ssize(prefilling);
  }

  /// SGLang: how many sequences a batch may have beside those that decode in it.
  std::int64_t room_in_batch() const {
    const auto lanes = std::max<std::int64_t>(1, std::ssize(lanes_));
    return std::max<std::int64_t>(1, spec_.max_num_seqs / lanes) - decoding.size();
  }

  /// A request enters the waiting queue; `content` is for the prefix cache.
  Slot submit(const Arrival& request, const Content& content);

  /// What the prefix cache has for the head of the waiting queue, now (scheduler-semantics 1.4.4).
  PrefixCache::Hit lookup_head();
  /// What it has for any sequence that waits.
  PrefixCache::Hit lookup(Slot slot);
  /// Caches that learn of a prompt's blocks when the step that computed them has ended: whether a
  /// started sequence is computing blocks that they have not been told
  /// of, and the first one of those is the block that this one, which waits, would compute first.
  bool is_being_computed(Slot slot, const PrefixCache::Hit& hit) const;

  /// Of the blocks of the waiting queue's head behind those of `hit`, how many the host's memory
  /// has (scheduler-semantics 4.6); 0 without one, or for a head that was loaded already.
  std::int64_t lookup_host(const PrefixCache::Hit& hit) const;
  /// Takes the head out of the waiting queue until so many blocks behind `hit` have come from the
  /// host; the pool must have room for them. True if they are there at once: then it stays.
  bool load_head(const PrefixCache::Hit& hit, std::int64_t blocks);
  /// What has come from the host by now stands at the head of the waiting queue again, with its
  /// blocks.
  void take_loaded();
  /// The last sequence in the queue, but `spared`, that has blocks from the host frees them, to be
  /// looked up again: false if there is none. For where nothing could go on without them.
  /// `turn`: as preempt() has it.
  bool give_back_loaded(Slot spared, std::uint32_t turn);
  /// When a copy is complete that the scheduler waits for; never() if there is none.
  SimTime next_load() const;
  /// Visits the slots of all sequences that wait, for their turn or for their blocks.
  template <typename Visit>
  void for_each_queued(Visit visit) const {
    waiting.for_each(visit);
    for (const Loading& one : loading) {
      visit(one.slot);
    }
  }

  /// Takes a running sequence back to the waiting queue: all its blocks are freed, its KV is lost,
  /// its tokens are kept (scheduler-semantics 1.3.3). `turn`: the admission of the sequence that
  /// needs the blocks; those after it have not been scheduled in this step.
  void preempt(Slot slot, std::int64_t step, std::uint32_t turn,
               Requeue where = Requeue::at_the_head);
  /// Its client has gone: takes a sequence out, wherever it is, before step `step` is scheduled
  /// (scheduler-semantics 1.5.8); the slot is the caller's to remove. A token in flight, of the
  /// step that ends at `in_flight`, is lost. False for a sequence whose last token is in flight: it
  /// finishes.
  bool abort(Slot slot, std::int64_t step, SimTime in_flight);
  /// The batch being scheduled is made of chunks only: sequences that decode stand still, and the
  /// clock of their steps too. Call it before the first chunk is added.
  void freeze(Batch& batch);
  /// Puts all decoding sequences into the batch, whose blocks have been taken; it is not frozen.
  void add_decodes(Batch& batch);
  /// After the last chunk and decode: sequences whose chunk completes join the decode set.
  void complete(Batch& batch) {
    if (!batch.chunks.empty()) {
      batch.kv_max = batch.decodes > 0 ? decoding.kv_max(batch.step) : 0;
      join_completed(batch);
    }
  }
  /// Sets blocks aside for a running sequence, in name only (`reserved`), until it leaves.
  void reserve(Slot slot, std::int64_t blocks) {
    sequences[slot].reserved = blocks;
    reserved += blocks;
  }
  /// A decoding sequence gets no token in step `step`: it leaves the sums.
  void stall(Slot slot, std::int64_t step);
  /// A stalled sequence decodes again, from step `step` on.
  void resume(Slot slot, std::int64_t step);
  /// All steps before `step` are charged: sequences that reach the window in it pay for no more.
  void cross_window(std::int64_t step) {
    for (Slot slot = decoding.cross(step); slot != no_slot; slot = decoding.cross(step)) {
      ledger.cross_window(sequences[slot]);
    }
  }
  /// Moves the head of the waiting queue to the end of the running list, with the cached blocks
  /// that a lookup has found, just now. `now` is the time of the schedule.
  Slot admit_head(SimTime now, const PrefixCache::Hit& hit);
  /// Adds a chunk of `tokens` for a prefilling sequence to the batch; its blocks are taken by the
  /// caller. Its full blocks can be hit from now on (scheduler-semantics 1.4.3).
  void add_chunk(Slot slot, std::int64_t tokens, Batch& batch);
  /// After the schedule of `batch`: sequences whose chunk completes decode from the next step on.
  void join_completed(const Batch& batch);
  /// Before the blocks of a running sequence that does not decode change: counts their time.
  void hold(Sequence& sequence) const;
  /// The decoding sequences, if any, of which step `step` is the last one: they drain.
  void take_finished(std::int64_t step, SimTime now, std::vector<Slot>& finishing) {
    if (decoding.size() > 0 && decoding.first_finish() == step) {
      drain_finished(step, now, finishing);
    }
  }
  /// Nothing more happens to this sequence, which is not through: books what it has held.
  void close(Slot slot, SimTime end);
  /// A sequence has emitted its last token: settles its cost and frees what it holds.
  void finish(Slot slot, std::int64_t step, SimTime now);

  // Engines that learn only from the last token that it was the last (scheduler-semantics 2.5.6).
  /// Step `step` will be the last one of some decoding sequences, which go on as members.
  void expect_finished(std::int64_t step, std::vector<Slot>& finishing) {
    decoding.expect_finished(step, finishing);
  }
  /// As finish(), for one of those. If `next`, scheduled already, has it decode again, it pays for
  /// that: settle_wasted() is due when that step has been charged.
  void finish_late(Slot slot, std::int64_t step, SimTime now, Batch& next);
  void settle_wasted() {
    if (!wasted_.empty()) {
      settle_all_wasted();
    }
  }

  // Static batching (2.3): who has finished keeps slot and row until all have.
  /// As finish(), but the sequence goes on in the batch as a row that emits nothing.
  void finish_idle(Slot slot, std::int64_t step, SimTime now);
  /// Frees what the idle ones hold.
  void release_idle(SimTime now);

  /// The first step whose schedule may find something new for the waiting queue, be it a generated
  /// block that others can hit; INT64_MAX if there is none.
  std::int64_t next_publication() const;

  /// With drafts: positions for which a sequence that waits, and is not preempted later, will hold
  /// blocks at its end.
  std::int64_t longest_held(const Sequence& waiting) const;
  /// Blocks that a running sequence owns before step `step` is scheduled.
  std::int64_t blocks_of(const Sequence& sequence, std::int64_t step) const;
  /// Blocks that a decoding sequence owns once step `step` is scheduled.
  std::int64_t blocks_in(const Sequence& sequence, std::int64_t step) const {
    // A stalled one goes on in this step: its base is counted from it.
    const std::int64_t grown = sequence.state == SequenceState::stalled ? 0 : pace_.advance * step;
    return block_units_.full(clock_base(sequence) + grown + block_units_.tokens() - 1);
  }

 private:
  // What the members below are made with.
  const AcceptanceLaw* acceptance_;
  std::uint64_t seed_;
  Pace pace_;
  BlockSize block_units_;

 public:
  SequenceTable sequences;
  RunningList running{sequences};
  WaitingQueue waiting;
  DecodeSet decoding;
  BlockPool pool;
  BlockClock clock;
  Ledger ledger;
  std::vector<Slot> prefilling;  ///< in running order
  std::optional<HostTier> host;
  std::optional<RadixCache> radix;  ///< SGLang's prefix cache; others are the pool's
  NewTokenRatio new_token_ratio;    ///< SGLang's
  struct Loading {
    SimTime ready;
    Slot slot = no_slot;
  };
  std::deque<Loading> loading;       ///< sequences whose blocks come from the host, in that order
  std::int64_t host_hit_tokens = 0;  ///< of cached input: found on the host
  std::int64_t stalled = 0;          ///< how many sequences are stalled
  /// The scheduler looks at the waiting queue in each step, though nobody leaves.
  bool looks_at_queue = false;
  std::int64_t preemptions = 0;
  std::int64_t departures = 0;     ///< how often a running sequence has left, the lane's own
  std::int64_t reserved = 0;       ///< blocks, see reserve()
  std::int64_t shared_blocks = 0;  ///< by how many the blocks of all sequences outnumber those held
  /// Known tokens of waiting and prefilling sequences that are not computed.
  std::int64_t pending_tokens = 0;
  /// When the last token of every uninterrupted decode was, or will be, emitted: the end of the
  /// previous step, or (asynchronous) of the one in flight.
  SimTime last_step_end;
  /// The same for the last step in which decoding sequences did not stand still.
  SimTime last_decode_end;

 private:
  void drain_finished(std::int64_t step, SimTime now, std::vector<Slot>& finishing);
  void settle_all_wasted();
  /// A decoding sequence completes a generated block that others can hit.
  struct Publication {
    std::int64_t step = 0;  ///< in whose schedule
    std::uint32_t admission = 0;
    Slot slot = no_slot;
    bool operator>(const Publication& other) const {
      return std::tie(step, admission) > std::tie(other.step, other.admission);
    }
  };
  /// Notes when a sequence that decodes will complete its next block that others can hit.
  void expect_publication(Slot slot);
  /// Publishes what decoding sequences have completed before the sequence `admission` had its turn
  /// in the schedule made last.
  void publish_due(std::uint32_t admission);
  /// Positions of a decoding sequence that are computed once step `step` has run.
  std::int64_t positions_in(const Sequence& sequence, std::int64_t step) const {
    const std::int64_t units = sequence.base + pace_.advance * step;
    return pace_.unit == 1 ? units : units / pace_.unit;
  }
  /// Of the positions of a sequence that decodes, up to step `step`, those whose tokens the
  /// scheduler knows.
  std::int64_t known_positions(const Sequence& sequence, std::int64_t step) const {
    // 1.4.3: asynchronously, the token of the step in flight has not come back.
    return spec_.async_scheduling && !caches_late_
               ? std::max(sequence.target, positions_in(sequence, step - 1))
               : positions_in(sequence, step);
  }
  /// Its base, as the blocks see it.
  std::int64_t clock_base(const Sequence& sequence) const {
    return sequence.base + pace_.ahead * pace_.unit;
  }
  /// A sequence has begun to decode in step `step`: sets when it ends.
  void set_finish(Sequence& sequence, std::int64_t step) const {
    const std::int64_t tokens = sequence.prompt + sequence.output - 1 - sequence.target;
    sequence.finish = step + tokens;
    if (acceptance_ != nullptr) {
      sequence.decode_tokens = tokens;
      sequence.decode_steps = draw_steps(sequence, tokens);
      sequence.finish = step + sequence.decode_steps;
    }
  }
  /// The steps for so many tokens, drawn.
  std::int64_t draw_steps(const Sequence& sequence, std::int64_t tokens) const;
  /// As preempt() and abort(), of a sequence that is elsewhere().
  void preempt_elsewhere(Slot slot, std::uint32_t turn, Requeue where);
  bool abort_elsewhere(Slot slot);
  /// The lane that a sequence is in gets what all share.
  EngineState& hand_over(Slot slot);
  /// Frees all blocks of a sequence, of which `positions` are published, at the turn of the
  /// sequence admitted as `turn`. It `returns` to the queue or has finished.
  void release_blocks(Sequence& sequence, std::int64_t positions, std::uint32_t turn, bool returns);
  void loaded(Sequence& sequence);
  void open_holding(Sequence& sequence, const Content& content);
  void close_holding(Sequence& sequence);
  void release_pool_blocks(Sequence& sequence, std::int64_t positions, std::uint32_t turn,
                           bool returns);
  /// The head was admitted with this hit: it holds that.
  void take_hit(Slot slot, const PrefixCache::Hit& hit);
  /// A chunk was scheduled: its full blocks can be hit, now or when the step has ended.
  void publish_chunk(Slot slot, bool completes);
  /// Positions of a started sequence that caches have not been told of yet.
  struct Computed {
    Slot slot = no_slot;
    std::uint32_t admission = 0;
    std::int64_t positions = 0;
  };
  /// Caches that learn of a prompt's blocks when the step that computed them has ended are told of
  /// those.
  void store_computed();
  void store(const std::vector<Computed>& all);
  bool goes_on(Slot slot, std::uint32_t admission) const;
  /// Counts the block-time of a sequence that stops decoding.
  void hold_decode(Sequence& sequence) const;
  /// Books the block-time of a sequence that leaves.
  void book_held(const Sequence& sequence, std::int64_t stored);
  void log_span(const Sequence& sequence, std::int64_t last_step);
  /// Settles and takes a sequence out of the decode set before step `step`.
  void leave_decoding(Sequence& sequence, Slot slot, std::int64_t step);
  /// The next gap of a decoding sequence is not counted.
  void forget_gap(const Sequence& sequence);
  void leave_running(Slot slot);
  /// Writes down that a request is through.
  void record_finish(const Sequence& sequence, SimTime now);

  const EngineSpec& spec_;
  RequestRecords& records_;
  bool fast_path_;
  bool slots_;        ///< EngineSpec::holds_slots()
  bool caches_late_;  ///< EngineSpec::caches_late()
  TokenLog* log_;
  std::uint16_t log_engine_ = 0;
  std::size_t log_engines_ = 1;
  SimTime now_;            ///< of the schedule, or of what came after it
  std::int64_t step_ = 0;  ///< scheduled last
  std::priority_queue<Publication, std::vector<Publication>, std::greater<>> publications_;
  std::uint32_t next_admission_ = 0;
  /// Decoding sequences that have stood still since their last token, by its time, rising.
  std::vector<LateTokens> late_;
  std::vector<Slot> wasted_;               ///< finished, but in the batch that is scheduled
  std::vector<Computed> computed_;         ///< by the batch scheduled last
  std::vector<Computed> computed_before_;  ///< by the one before it
  /// A started sequence computes this block, which others could hit then.
  struct Awaited {
    Slot slot = no_slot;
    std::uint32_t admission = 0;
    std::int64_t block = 0;
  };
  std::vector<Awaited> awaited_;
  std::vector<Slot> idle_;
  std::int64_t idle_base_sum_ = 0;
  std::span<EngineState* const> lanes_;  ///< empty: there are none
  std::uint16_t lane_ = 0;
};

}  // namespace penstock
