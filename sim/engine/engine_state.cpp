#include "sim/engine/engine_state.h"

#include <algorithm>

#include "sim/core/assert.h"
#include "sim/core/rng.h"

namespace penstock {

namespace {

bool may_abort(const WorkloadSpec& workload) {
  return std::any_of(workload.classes.begin(), workload.classes.end(),
                     [](const ClassSpec& one) { return one.timeout != SimTime::never(); });
}

}  // namespace

EngineState::EngineState(const Scenario& scenario, const SimulationOptions& options,
                         Accounts& accounts, RequestRecords& records, StepModel& model,
                         const AcceptanceLaw* acceptance)
    : acceptance_(acceptance),
      seed_(scenario.seed),
      pace_(acceptance == nullptr ? Pace{} : make_pace(*acceptance, scenario.engine.draft_slots())),
      block_units_(scenario.engine.block_size * pace_.unit),
      waiting(scenario.engine.scheduling_policy, sequences),
      decoding(sequences, running, scenario.engine.block_size, model.window(),
               scenario.engine.finishes_late(), pace_),
      pool(scenario.engine.num_gpu_blocks,
           scenario.engine.enable_prefix_caching && !scenario.engine.has_radix_cache()),
      clock(block_units_.tokens(), options.attribution && !scenario.engine.holds_slots(),
            pace_.advance),
      ledger(accounts, sequences, records, model, may_abort(scenario.workload), pace_),
      new_token_ratio(scenario.engine.sglang.schedule_conservativeness),
      spec_(scenario.engine),
      records_(records),
      fast_path_(options.fast_path),
      slots_(scenario.engine.holds_slots()),
      caches_late_(scenario.engine.caches_late()),
      log_(options.token_log) {
  if (spec_.host_blocks > 0) {
    host.emplace(spec_.host_blocks, spec_.host_block_time);
  }
  if (spec_.has_radix_cache()) {
    radix.emplace(spec_.block_size);
  }
}

void EngineState::log_span(const Sequence& s, std::int64_t last_step) {
  if (log_ != nullptr) {
    log_->spans.push_back({s.id, s.base, last_step, log_engine_});
  }
}

Slot EngineState::submit(const Arrival& request, const Content& content) {
  const Slot slot = sequences.add(request);
  open_holding(sequences[slot], content);
  pending_tokens += request.prompt;
  waiting.push_arrival(slot);
  return slot;
}

void EngineState::hold(Sequence& s) const {
  HeldBlocks& held = s.held;
  const std::int64_t time = (now_ - held.since).ps;
  held.since = now_;
  if (s.blocks == 0) {  // while it waits
    return;
  }
  const Int128 blocks = static_cast<Int128>(s.blocks) * time;
  held.all += blocks;
  if (s.blocks >= blocks_for(s.prompt, spec_.block_size)) {
    held.with_prompt += time;
  } else {
    held.partial += blocks;
    held.partial_time += time;
  }
}

void EngineState::hold_decode(Sequence& s) const {
  if (slots_) {
    hold(s);
    return;
  }
  const BlockClock::Held held = clock.held_since(s.held.joined, clock_base(s));
  s.held.all += held.blocks;
  s.held.with_prompt += held.time;
  s.held.since = now_;
}

void EngineState::book_held(const Sequence& s, std::int64_t stored) {
  if (!ledger.open()) {
    return;
  }
  // The block that holds the end of the prompt and the first output tokens is split by tokens.
  const BlockSize& block_size = spec_.block_size;
  const std::int64_t held = s.held.with_prompt;
  const std::int64_t full = full_blocks(s.prompt, block_size);
  const std::int64_t in_last = s.prompt - full * block_size;
  std::int64_t shared = 0;
  if (in_last > 0) {
    const std::int64_t beside = std::min(block_size - in_last, stored);
    const std::int64_t tokens = in_last + beside;
    shared = held / tokens * beside + held % tokens * beside / tokens;  // held x beside / tokens
  }
  const Int128 prompt = s.held.partial + static_cast<Int128>(held) * (full + (in_last > 0 ? 1 : 0));
  const Int128 input = prompt - shared;
  // A block that several requests use counts for each of them.
  Int128 cached = 0;
  if (s.cached > 0) {
    cached = static_cast<Int128>(held + s.held.partial_time) * full_blocks(s.cached, block_size);
  }
  ledger.count_blocks(s, input, std::min(cached, input), s.held.all - input);
}

void EngineState::drain_finished(std::int64_t step, SimTime now, std::vector<Slot>& finishing) {
  const std::size_t before = finishing.size();
  decoding.take_finished(step, finishing);
  now_ = now;
  clock.touch(now);
  for (std::size_t i = before; i < finishing.size(); ++i) {
    Sequence& s = sequences[finishing[i]];
    hold_decode(s);
    s.blocks = blocks_in(s, step);
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
  s.computed = positions_in(s, step - 1);
  s.emitted = s.emitted_after(step - 1);
  s.high_water = std::max(s.high_water, s.prompt + s.emitted - 1);
  s.last_token = std::max(s.last_token, last_decode_end);
  forget_gap(s);
  hold_decode(s);
  decoding.leave(slot);
}

void EngineState::preempt(Slot slot, std::int64_t step, std::uint32_t turn, Requeue where) {
  Sequence& s = sequences[slot];
  const bool has_batch = s.state == SequenceState::decoding || s.state == SequenceState::draining;
  if (has_batch && elsewhere(s)) {
    preempt_elsewhere(slot, turn, where);
    return;
  }
  // What this step's schedule gave it goes too; its full blocks have been hit-able since then.
  const bool scheduled = s.scheduled_step == step;
  std::int64_t published = s.computed + (scheduled ? s.scheduled_tokens : 0);
  if (s.state == SequenceState::decoding) {
    leave_decoding(s, slot, step);
    published = known_positions(s, scheduled ? step : step - 1);
  } else if (s.state == SequenceState::prefilling) {
    std::erase(prefilling, slot);
    pending_tokens -= s.target - s.computed;
    s.high_water = std::max(s.high_water, s.computed);
  } else if (s.state == SequenceState::stalled) {
    --stalled;
  } else {
    // Its last token is in flight: it will finish from the waiting queue.
    PENSTOCK_ASSERT(s.state == SequenceState::draining);
    ledger.settle(s);
    log_span(s, s.finish);
    s.emitted = s.output;
    published = known_positions(s, s.finish);
  }
  hold(s);
  s.blocks += scheduled ? s.scheduled_blocks : 0;
  s.scheduled_step = -1;
  release_blocks(s, published, turn, true);
  s.computed = 0;
  pending_tokens += s.prompt + s.emitted;
  s.state = SequenceState::waiting;
  leave_running(slot);
  if (where == Requeue::at_the_head) {
    waiting.push_preempted(slot);
  } else {
    waiting.push_arrival(slot);
  }
  ++preemptions;
  std::uint16_t& times = records_[s.id].preemptions;
  times = times == UINT16_MAX ? times : static_cast<std::uint16_t>(times + 1);
}

bool EngineState::abort(Slot slot, std::int64_t step, SimTime in_flight) {
  Sequence& s = sequences[slot];
  if (s.state == SequenceState::draining || s.last_in_flight || s.emitted == s.output) {
    return false;
  }
  if (s.state == SequenceState::decoding && elsewhere(s)) {
    return abort_elsewhere(slot);
  }
  std::int64_t published = s.computed;
  if (s.state == SequenceState::decoding) {
    leave_decoding(s, slot, step);
    s.emitted = s.emitted_after(s.last_token == in_flight ? step - 2 : step - 1);
    published = known_positions(s, step - 1);
  } else if (s.state == SequenceState::prefilling) {
    std::erase(prefilling, slot);
    pending_tokens -= s.target - s.computed;
  } else if (s.state == SequenceState::stalled) {
    --stalled;
  }
  hold(s);
  const bool is_queued = s.state == SequenceState::waiting || s.state == SequenceState::loading;
  if (!is_queued || s.blocks > 0) {
    release_blocks(s, published, 0, false);
  }
  if (s.state == SequenceState::loading) {
    std::erase_if(loading, [slot](const Loading& one) { return one.slot == slot; });
  } else if (s.state == SequenceState::waiting) {
    waiting.erase(slot);
  } else {
    leave_running(slot);
  }
  pending_tokens -= is_queued ? s.prompt + s.emitted : 0;
  if (is_queued && s.last_token > now_) {  // preempted, and still in the batch of another lane
    --s.emitted;
  }
  ledger.write_off(s);
  for (EngineState* lane : lanes_) {
    if (lane != this) {
      lane->ledger.take_back(slot, s);
    }
  }
  close_holding(s);
  return true;
}

void EngineState::stall(Slot slot, std::int64_t step) {
  Sequence& s = sequences[slot];
  leave_decoding(s, slot, step);
  s.base += pace_.advance * step;  // and on, from the step in which it goes on
  s.finish -= step;
  s.state = SequenceState::stalled;
  ++stalled;
}

void EngineState::resume(Slot slot, std::int64_t step) {
  Sequence& s = sequences[slot];
  PENSTOCK_ASSERT(s.state == SequenceState::stalled);
  --stalled;
  s.base -= pace_.advance * step;
  s.finish += step;
  s.target = s.computed + 1;  // its last token has come back meanwhile
  s.lane = lane_;
  if (s.holding != PrefixCache::none && !caches_late_) {
    publish_due(s.admission);
    pool.cache()->publish(s.holding, full_blocks(s.target, spec_.block_size));
  }
  hold(s);
  s.held.joined = clock.snapshot(clock_base(s));
  ledger.join(s);
  decoding.join(slot, step);
  expect_publication(slot);
}

Slot EngineState::admit_head(SimTime now, const PrefixCache::Hit& hit) {
  const Slot slot = waiting.head();
  waiting.pop_head();
  Sequence& s = sequences[slot];
  s.state = SequenceState::prefilling;
  s.target = s.prompt + s.emitted;
  hold(s);
  s.admission = next_admission_++;
  PENSTOCK_ASSERT(next_admission_ != 0);
  take_hit(slot, hit);
  s.fixed_blocks = spec_.per_sequence.blocks(s.target);
  PENSTOCK_ASSERT(pool.allocate(s.fixed_blocks));
  s.blocks += hit.blocks;  // to those that came from the host, if any did
  s.computed = s.blocks * spec_.block_size;
  pending_tokens -= s.computed;
  running.push_back(slot);
  prefilling.push_back(slot);
  RequestRecord& record = records_[s.id];
  if (record.first_scheduled < SimTime{}) {
    s.cached = s.computed;
    host_hit_tokens += s.from_host;
    record.cached_tokens = static_cast<std::uint32_t>(s.cached);
    ledger.count_cached(s.class_index, s.cached);
    record.first_scheduled = now;
    record.status = RequestStatus::running;
  }
  s.from_host = 0;
  return slot;
}

void EngineState::add_chunk(Slot slot, std::int64_t tokens, Batch& batch) {
  Sequence& s = sequences[slot];
  const bool completes = s.computed + tokens == s.target;
  hold(s);  // its blocks change now
  Chunk& work = batch.work.emplace_back();
  work.q = tokens;
  work.context = s.computed;
  ScheduledChunk& chunk = batch.chunks.emplace_back();
  chunk.slot = slot;
  chunk.recomputed = std::clamp(s.high_water - s.computed, std::int64_t{0}, tokens);
  chunk.measured = s.measured;
  chunk.completes = completes;
  chunk.last_token = s.emitted > 0 ? s.last_token : SimTime{-1};
  s.computed += tokens;
  pending_tokens -= tokens;
  if (s.holding != PrefixCache::none) {
    publish_chunk(slot, completes);
  }
  batch.sampled += completes ? 1 : 0;
}

void EngineState::join_completed(const Batch& batch) {
  std::size_t completed = 0;
  for (const ScheduledChunk& chunk : batch.chunks) {
    if (chunk.completes) {
      Sequence& s = sequences[chunk.slot];
      s.base = s.target * pace_.unit - pace_.advance * batch.step;
      s.lane = lane_;
      set_finish(s, batch.step);
      s.held.joined = clock.snapshot(clock_base(s));
      s.high_water = std::max(s.high_water, s.target);
      decoding.join(chunk.slot, batch.step + 1);
      expect_publication(chunk.slot);
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
    pending_tokens -= s.prompt + s.emitted;
  } else {
    PENSTOCK_ASSERT(s.state == SequenceState::draining && s.finish == step);
    ledger.settle(s);
    log_span(s, step);
    release_blocks(s, s.prompt + s.output - 1, next_admission_, false);
    leave_running(slot);
  }
  record_finish(s, now);
  book_held(s, s.output - 1);
  close_holding(s);
  sequences.remove(slot);
}

}  // namespace penstock
