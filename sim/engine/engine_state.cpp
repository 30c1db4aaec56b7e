#include "sim/engine/engine_state.h"

#include <algorithm>

#include "sim/core/assert.h"

namespace penstock {

EngineState::EngineState(const Scenario& scenario, const SimulationOptions& options,
                         Accounts& accounts, std::deque<RequestRecord>& records, StepModel& model)
    : waiting(scenario.engine.scheduling_policy, sequences),
      decoding(sequences, running, scenario.engine.block_size),
      pool(scenario.engine.num_gpu_blocks),
      clock(scenario.engine.block_size, options.attribution),
      ledger(accounts, sequences, records, model),
      spec_(scenario.engine),
      records_(records),
      fast_path_(options.fast_path),
      log_(options.token_log) {}

void EngineState::log_span(const Sequence& s, std::int64_t last_step) {
  if (log_ != nullptr) {
    log_->spans.push_back({s.id, s.base, last_step});
  }
}

void EngineState::submit(const Sequence& sequence) {
  waiting.push_arrival(sequences.add(sequence));
}

std::int64_t EngineState::blocks_of(const Sequence& s, std::int64_t step) const {
  return s.state == SequenceState::decoding ? blocks_for(s.base + step - 1, spec_.block_size)
                                            : s.blocks;
}

void EngineState::hold(Sequence& s) const {
  HeldBlocks& held = s.held;
  const std::int64_t time = (now_ - held.since).ps;
  const Int128 blocks = static_cast<Int128>(s.blocks) * time;
  held.all += blocks;
  if (s.blocks >= blocks_for(s.prompt, spec_.block_size)) {
    held.with_prompt += time;
  } else {
    held.partial += blocks;
  }
  held.since = now_;
}

void EngineState::hold_decode(Sequence& s) const {
  const BlockClock::Held held = clock.held_since(s.held.joined, s.base);
  s.held.all += held.blocks;
  s.held.with_prompt += held.time;
  s.held.since = now_;
}

void EngineState::book_held(const Sequence& s, std::int64_t stored) {
  if (!ledger.open()) {
    return;
  }
  // The block that holds the end of the prompt and the first output tokens is split by tokens.
  const std::int64_t block_size = spec_.block_size;
  const std::int64_t in_last = s.prompt % block_size;
  const std::int64_t beside = std::min(block_size - in_last, stored);
  const Int128 shared =
      in_last == 0 ? 0 : static_cast<Int128>(s.held.with_prompt) * beside / (in_last + beside);
  const Int128 prompt =
      s.held.partial + static_cast<Int128>(s.held.with_prompt) * blocks_for(s.prompt, block_size);
  ledger.count_blocks(s, prompt - shared, s.held.all - prompt + shared);
}

void EngineState::take_finished(std::int64_t step, SimTime now, std::vector<Slot>& finishing) {
  const std::size_t before = finishing.size();
  decoding.take_finished(step, finishing);
  if (finishing.size() == before) {
    return;
  }
  now_ = now;
  clock.touch(now);
  for (std::size_t i = before; i < finishing.size(); ++i) {
    Sequence& s = sequences[finishing[i]];
    hold_decode(s);
    s.blocks = blocks_for(s.prompt + s.output - 1, spec_.block_size);
  }
}

void EngineState::close(Slot slot, SimTime end) {
  Sequence& s = sequences[slot];
  now_ = end;
  if (s.state == SequenceState::decoding) {
    clock.touch(end);
    hold_decode(s);
  } else {
    hold(s);
  }
  book_held(s, std::max<std::int64_t>(0, s.emitted - 1));
}

void EngineState::leave_decoding(Sequence& s, Slot slot, std::int64_t step) {
  ledger.settle(s);
  log_span(s, step - 1);
  s.blocks = blocks_of(s, step);
  s.computed = s.base + step - 1;
  s.emitted = s.emitted_after(step - 1);
  s.high_water = std::max(s.high_water, s.computed);
  s.last_token = last_step_end;
  hold_decode(s);
  decoding.leave(slot);
}

void EngineState::preempt(Slot slot, std::int64_t step) {
  Sequence& s = sequences[slot];
  if (s.state == SequenceState::decoding) {
    leave_decoding(s, slot, step);
  } else if (s.state == SequenceState::prefilling) {
    std::erase(prefilling, slot);
    s.high_water = std::max(s.high_water, s.computed);
  } else if (s.state == SequenceState::stalled) {
    --stalled;
  } else {
    // Its last token is in flight: it will finish from the waiting queue.
    PENSTOCK_ASSERT(s.state == SequenceState::draining);
    ledger.settle(s);
    log_span(s, s.finish_step());
    s.emitted = s.output;
  }
  hold(s);
  pool.release(s.blocks);
  s.blocks = 0;
  s.computed = 0;
  s.state = SequenceState::waiting;
  running.erase(slot);
  waiting.push_preempted(slot);
  ++preemptions;
  std::uint16_t& times = records_[s.id].preemptions;
  times = times == UINT16_MAX ? times : static_cast<std::uint16_t>(times + 1);
}

void EngineState::stall(Slot slot, std::int64_t step) {
  Sequence& s = sequences[slot];
  leave_decoding(s, slot, step);
  s.state = SequenceState::stalled;
  ++stalled;
}

void EngineState::resume(Slot slot, std::int64_t step) {
  Sequence& s = sequences[slot];
  PENSTOCK_ASSERT(s.state == SequenceState::stalled);
  --stalled;
  s.base = s.computed + 1 - step;
  hold(s);
  s.held.joined = clock.snapshot(s.base);
  ledger.join(s);
  decoding.join(slot);
}

Slot EngineState::admit_head(SimTime now) {
  const Slot slot = waiting.head();
  waiting.pop_head();
  Sequence& s = sequences[slot];
  s.state = SequenceState::prefilling;
  s.target = s.prompt + s.emitted;
  hold(s);
  s.admission = next_admission_++;
  PENSTOCK_ASSERT(next_admission_ != 0);
  running.push_back(slot);
  prefilling.push_back(slot);
  RequestRecord& record = records_[s.id];
  if (record.first_scheduled < SimTime{}) {
    record.first_scheduled = now;
    record.status = RequestStatus::running;
  }
  return slot;
}

void EngineState::add_chunk(Slot slot, std::int64_t tokens, Batch& batch) {
  Sequence& s = sequences[slot];
  const bool completes = s.computed + tokens == s.target;
  hold(s);  // its blocks change now
  batch.work.push_back({.q = tokens, .context = s.computed});
  batch.chunks.push_back(
      {.slot = slot,
       .recomputed = std::clamp(s.high_water - s.computed, std::int64_t{0}, tokens),
       .measured = s.measured,
       .completes = completes,
       .last_token = s.emitted > 0 ? s.last_token : SimTime{-1}});
  s.computed += tokens;
  batch.sampled += completes ? 1 : 0;
}

void EngineState::join_completed(const Batch& batch) {
  std::size_t completed = 0;
  for (const ScheduledChunk& chunk : batch.chunks) {
    if (chunk.completes) {
      Sequence& s = sequences[chunk.slot];
      s.base = s.target - batch.step;
      s.held.joined = clock.snapshot(s.base);
      s.high_water = std::max(s.high_water, s.target);
      decoding.join(chunk.slot);
      ++completed;
    }
  }
  if (completed > 0) {
    std::erase_if(prefilling,
                  [this](Slot slot) { return sequences[slot].state != SequenceState::prefilling; });
  }
}

void EngineState::finish(Slot slot, std::int64_t step, SimTime now) {
  Sequence& s = sequences[slot];
  now_ = now;
  hold(s);
  if (s.state == SequenceState::waiting) {
    waiting.erase(slot);  // preempted with its last token in flight: settled and freed then
  } else {
    PENSTOCK_ASSERT(s.state == SequenceState::draining && s.base + step == s.prompt + s.output - 1);
    ledger.settle(s);
    log_span(s, step);
    pool.release(s.blocks);
    running.erase(slot);
  }
  RequestRecord& record = records_[s.id];
  record.finish = now;
  record.status = RequestStatus::completed;
  record.output_tokens = static_cast<std::uint32_t>(s.output);
  ledger.count_output(s.class_index, s.output);
  book_held(s, s.output - 1);
  sequences.remove(slot);
}

}  // namespace penstock
