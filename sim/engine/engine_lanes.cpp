// Engines with several batches in flight: each lane is an engine state with the decoding sequences
// of one batch. What they share (queues, sequences, blocks) is with one of them at a time.

#include <algorithm>
#include <utility>

#include "sim/engine/engine_state.h"

namespace penstock {

void EngineState::join_lanes(std::span<EngineState* const> lanes, std::uint16_t lane) {
  lanes_ = lanes;
  lane_ = lane;
  decoding.set_lane(lane);
}

void EngineState::take_shared(EngineState& from) {
  std::swap(sequences, from.sequences);
  running.swap(from.running);
  waiting.swap(from.waiting);
  std::swap(pool, from.pool);
  std::swap(prefilling, from.prefilling);
  std::swap(stalled, from.stalled);
  std::swap(preemptions, from.preemptions);
  std::swap(reserved, from.reserved);
  std::swap(shared_blocks, from.shared_blocks);
  std::swap(radix, from.radix);
  std::swap(new_token_ratio, from.new_token_ratio);
  std::swap(pending_tokens, from.pending_tokens);
  std::swap(next_admission_, from.next_admission_);
  std::swap(awaited_, from.awaited_);
}

bool EngineState::in_flight(Slot slot) const {
  const Sequence& s = sequences[slot];
  switch (s.state) {
    case SequenceState::draining:
      return true;
    case SequenceState::decoding:
      return elsewhere(s);
    default:
      return std::find(prefilling.begin(), prefilling.end(), slot) == prefilling.end();
  }
}

void EngineState::withhold(const Batch& batch) {
  if (spec_.scheduler != "tensorrt_llm") {
    return;
  }
  for (const ScheduledChunk& chunk : batch.chunks) {
    std::erase(prefilling, chunk.slot);
  }
}

void EngineState::give_back(const Batch& batch) {
  if (spec_.scheduler != "tensorrt_llm") {
    return;
  }
  for (const ScheduledChunk& chunk : batch.chunks) {
    const bool goes_on = records_[sequences[chunk.slot].id].status != RequestStatus::aborted;
    if (!chunk.completes && goes_on) {
      const auto behind = std::find_if(prefilling.begin(), prefilling.end(), [&](Slot other) {
        return sequences[other].admission > sequences[chunk.slot].admission;
      });
      prefilling.insert(behind, chunk.slot);
    }
  }
}

EngineState& EngineState::hand_over(Slot slot) {
  EngineState& owner = *lanes_[sequences[slot].lane];
  owner.take_shared(*this);
  owner.now_ = now_;
  owner.clock.touch(now_);
  return owner;
}

bool EngineState::abort_elsewhere(Slot slot) {
  EngineState& owner = hand_over(slot);
  const bool aborted = owner.abort(slot, owner.step_ + 1, owner.last_step_end);
  take_shared(owner);
  return aborted;
}

void EngineState::preempt_elsewhere(Slot slot, std::uint32_t turn, Requeue where) {
  EngineState& owner = hand_over(slot);
  Sequence& s = owner.sequences[slot];
  // Its token is in flight: until it is back it cannot be admitted again.
  const SimTime back = owner.last_decode_end;
  owner.preempt(slot, owner.step_ + 1, turn, where);
  s.last_token = std::max(s.last_token, back);
  take_shared(owner);
}

}  // namespace penstock
