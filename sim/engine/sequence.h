#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "sim/core/int128.h"
#include "sim/core/units.h"
#include "sim/kv/block_clock.h"
#include "sim/kv/prefix_cache.h"

namespace penstock {

/// Index of a live sequence in its replica's SequenceTable.
using Slot = std::uint32_t;
inline constexpr Slot no_slot = UINT32_MAX;
inline constexpr std::uint32_t no_request = UINT32_MAX;

/// States of a sequence in an engine. Legal transitions:
///   waiting <-> loading;  waiting -> prefilling -> decoding <-> stalled;  prefilling, decoding,
///   stalled, draining
///   -> waiting (preemption);  decoding -> draining -> gone (finished).
enum class SequenceState : std::uint8_t {
  waiting,     ///< in the waiting queue; no blocks, computed = 0, unless it was loaded
  loading,     ///< out of the queue, with blocks that come from the host's memory
  prefilling,  ///< running, more than one position behind
  decoding,    ///< running, a member of the DecodeSet: one position a step
  stalled,     ///< running, would decode but got no token in the last schedule
  draining,    ///< running, its last token is in flight: never scheduled again
};

/// Running sums of cost at the moment a sequence joined the decode set; see cost/ledger.h.
struct CostSnapshot {
  std::array<std::uint64_t, 5> per_sequence{};
  std::uint64_t per_kv = 0;
  std::uint64_t per_kv_step = 0;
  std::uint64_t per_window = 0;
  std::uint64_t per_window_step = 0;
};

/// The block-time that a sequence has held so far (occupancy). Prompt blocks: those that its prompt
/// needs, the last one perhaps shared with its output.
struct HeldBlocks {
  SimTime since;                  ///< up to when it is counted, unless decoding
  Int128 all = 0;                 ///< blocks x ps
  Int128 partial = 0;             ///< of which with fewer blocks than the prompt's
  std::int64_t partial_time = 0;  ///< ps with some blocks, but fewer
  std::int64_t with_prompt = 0;   ///< ps with the prompt's blocks or more
  BlockClock::Snapshot joined;    ///< decoding: when it began to
};

/// A request as it reaches a replica.
struct Arrival {
  std::uint32_t id = 0;  ///< index of its RequestRecord
  std::uint16_t class_index = 0;
  bool measured = true;  ///< arrived after the warm-up
  std::int32_t priority = 0;
  std::int64_t prompt = 0;
  std::int64_t output = 0;  ///< cut at max_model_len
  SimTime at;
  SimTime deadline = SimTime::never();
};

/// One live request inside a replica.
///
/// A decoding sequence is not touched by the steps that it takes part in. Its KV length in step s
/// is base + s, so that its computed positions, emitted tokens and last step follow from `base`.
/// With speculative decoding all grow by the mean number of tokens a step (Pace), in whose units
/// `base` is then, and how many steps each needs is drawn when it begins to decode.
struct Sequence {
  // What steps look at stands first: one cache line.
  std::int64_t base = 0;    ///< decoding: KV length in step s is base + s (Pace: + advance · s)
  std::int64_t finish = 0;  ///< decoding: the step in which it emits its last token
  std::int64_t prompt = 0;  ///< P
  std::uint32_t admission = 0;  ///< order of (re)admission: the order of the running list
  std::uint32_t id = 0;         ///< index of its RequestRecord
  Slot previous = no_slot;      ///< neighbours in the running list
  Slot next = no_slot;
  Slot finish_previous = no_slot;  ///< neighbours in the finish calendar
  Slot finish_next = no_slot;
  std::uint16_t class_index = 0;
  SequenceState state = SequenceState::waiting;
  bool measured = true;       ///< arrived after the warm-up: its token gaps count
  bool below_window = false;  ///< decoding: shorter than the model's window
  /// Decoding: its last token is in flight, and the engine does not know that it is the last.
  bool last_in_flight = false;
  bool keeps_row = false;  ///< finished, and read on until its batch ends (static batching)
  std::uint16_t lane = 0;  ///< decoding, draining: whose batch it is in (EngineState::lane)
  std::int32_t priority = 0;

  std::int64_t output = 0;  ///< G, cut at max_model_len
  CostSnapshot cost;
  HeldBlocks held;
  std::int64_t computed = 0;  ///< C, unless decoding
  std::int64_t emitted = 0;   ///< O, unless decoding; a token in flight counts
  /// Prefilling: positions to reach, P + O at admission. Decoding: those whose tokens were known
  /// when it began or went on to.
  std::int64_t target = 0;
  std::int64_t high_water = 0;    ///< positions ever computed: below it, work is done again
  std::int64_t blocks = 0;        ///< owned or shared, unless decoding
  std::int64_t fixed_blocks = 0;  ///< of states and windows: EngineSpec::per_sequence
  std::int64_t cached = 0;        ///< positions hit at the first admission
  std::int64_t from_host = 0;     ///< waiting or loading: positions that the host gives or gave
  std::uint32_t holding = PrefixCache::none;  ///< with prefix caching: what it holds of the cache
  SimTime arrival;
  SimTime deadline = SimTime::never();  ///< when its client gives up
  SimTime last_token{-1};            ///< last emission, unless a later step of all that decode was
  std::int64_t reserved = 0;         ///< running: blocks set aside for it, see EngineState::reserve
  std::int64_t scheduled_step = -1;  ///< rule-by-rule path: the last step that gave it tokens
  std::int64_t scheduled_tokens = 0;
  std::int64_t scheduled_blocks = 0;
  std::int64_t visited_step = -1;  ///< rule-by-rule path: the last step that looked at it

  /// Speculative decoding: tokens to emit when it began to decode, and the steps drawn for them,
  /// over which it emits them evenly. Else 0: one a step.
  std::int64_t decode_tokens = 0;
  std::int64_t decode_steps = 0;

  /// Tokens emitted once step `step`, not later than `finish`, has ended, if it decoded in it.
  std::int64_t emitted_after(std::int64_t step) const {
    const std::int64_t steps = finish - step;
    if (steps >= decode_steps) {  // of which one token each, if it did not decode in them
      return output - decode_tokens - (steps - decode_steps);
    }
    return output - (decode_tokens * steps + decode_steps - 1) / decode_steps;
  }
};

/// Live sequences by slot; slots are reused.
class SequenceTable {
 public:
  Slot add(const Arrival& request) {
    if (free_.empty()) {
      free_.push_back(static_cast<Slot>(sequences_.size()));
      sequences_.emplace_back();
    }
    const Slot slot = free_.back();
    free_.pop_back();
    Sequence& s = *std::construct_at(&sequences_[slot]);
    s.id = request.id;
    s.class_index = request.class_index;
    s.measured = request.measured;
    s.priority = request.priority;
    s.prompt = request.prompt;
    s.output = request.output;
    s.arrival = request.at;
    s.deadline = request.deadline;
    return slot;
  }
  void remove(Slot slot) {
    sequences_[slot].id = no_request;
    free_.push_back(slot);
  }
  /// Of a sequence in the table.
  Slot slot_of(const Sequence& sequence) const {
    return static_cast<Slot>(&sequence - sequences_.data());
  }
  Sequence& operator[](Slot slot) { return sequences_[slot]; }
  const Sequence& operator[](Slot slot) const { return sequences_[slot]; }

 private:
  std::vector<Sequence> sequences_;
  std::vector<Slot> free_;
};

/// The running sequences in admission order: an intrusive list over the table.
class RunningList {
 public:
  explicit RunningList(SequenceTable& table) : table_(table) {}

  Slot front() const { return front_; }
  Slot back() const { return back_; }
  std::int64_t size() const { return size_; }

  void push_back(Slot slot) {
    table_[slot].previous = back_;
    table_[slot].next = no_slot;
    (back_ == no_slot ? front_ : table_[back_].next) = slot;
    back_ = slot;
    ++size_;
  }
  /// Swaps with the list over another table.
  void swap(RunningList& other) {
    std::swap(front_, other.front_);
    std::swap(back_, other.back_);
    std::swap(size_, other.size_);
  }
  void erase(Slot slot) {
    const Sequence& sequence = table_[slot];
    (sequence.previous == no_slot ? front_ : table_[sequence.previous].next) = sequence.next;
    (sequence.next == no_slot ? back_ : table_[sequence.next].previous) = sequence.previous;
    --size_;
  }

 private:
  SequenceTable& table_;
  Slot front_ = no_slot;
  Slot back_ = no_slot;
  std::int64_t size_ = 0;
};

}  // namespace penstock
