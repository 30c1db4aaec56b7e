// What engines do that let decoding sequences stand still, or finish them late.

#include <algorithm>

#include "sim/core/assert.h"
#include "sim/engine/engine_state.h"

namespace penstock {

void EngineState::freeze(Batch& batch) {
  PENSTOCK_ASSERT(batch.empty() && !batch.frozen);
  batch.frozen = true;
  --batch.step;
  --step_;
  clock.schedule(step_, now_);
  std::int64_t on_time = decoding.measured();
  for (const LateTokens& late : late_) {
    on_time -= late.sequences;
  }
  if (on_time > 0) {
    late_.push_back({last_step_end, on_time});
  }
}

void EngineState::forget_gap(const Sequence& s) {
  const auto late = std::find_if(late_.begin(), late_.end(),
                                 [&s](const LateTokens& l) { return l.last == s.last_token; });
  if (s.measured && late != late_.end()) {
    --late->sequences;
  }
}

void EngineState::add_decodes(Batch& batch) {
  PENSTOCK_ASSERT(!batch.frozen);
  if (pace_.advance != 1 && decoding.has_window()) {  // they may reach beyond it in one step
    cross_window(batch.step);
  }
  const auto idle = static_cast<std::int64_t>(idle_.size());
  batch.decodes = decoding.size() + idle;
  batch.measured = decoding.measured();
  batch.kv_sum = decoding.kv_sum(batch.step) + idle_base_sum_ + idle * batch.step;
  batch.kv_growth = decoding.growth() + idle;
  batch.window_sum = decoding.window_sum(batch.step);
  batch.below_window = decoding.below_window();
  batch.sampled += batch.decodes;
  batch.wasted = idle;
  std::swap(batch.late, late_);
}

void EngineState::leave_running(Slot slot) {
  Sequence& s = sequences[slot];
  running.erase(slot);
  reserved -= s.reserved;
  s.reserved = 0;
  ++departures;
}

void EngineState::record_finish(const Sequence& s, SimTime now) {
  ++departures;
  RequestRecord& record = records_[s.id];
  record.finish = now;
  record.status = RequestStatus::completed;
  record.output_tokens = static_cast<std::uint32_t>(s.output);
  ledger.count_output(s.class_index, s.output);
}

void EngineState::finish_late(Slot slot, std::int64_t step, SimTime now, Batch& next) {
  Sequence& s = sequences[slot];
  if (s.state == SequenceState::waiting) {  // preempted with its last token in flight
    finish(slot, step, now);
    return;
  }
  if (s.state == SequenceState::stalled) {  // left out of the batch after its last
    --stalled;
    ledger.join(s);  // owes nothing more
    s.state = SequenceState::draining;
    s.finish = step;
    finish(slot, step, now);
    return;
  }
  PENSTOCK_ASSERT(s.last_in_flight && s.finish == step);
  now_ = now;
  clock.touch(now);
  s.last_token = std::max(s.last_token, last_decode_end);
  const bool again = next.decodes > 0;
  if (again) {
    ++next.wasted;
    next.measured -= s.measured ? 1 : 0;
    wasted_.push_back(slot);
  } else {
    forget_gap(s);
    ledger.settle(s);
  }
  log_span(s, step);
  hold_decode(s);
  s.blocks = blocks_in(s, again ? step + 1 : step);
  decoding.leave_late(slot);
  s.state = SequenceState::draining;
  release_blocks(s, s.prompt + s.output - 1, next_admission_, false);
  leave_running(slot);
  record_finish(s, now);
  book_held(s, s.output - 1);
  close_holding(s);
  if (!again) {
    sequences.remove(slot);
  }
}

void EngineState::settle_all_wasted() {
  for (const Slot slot : wasted_) {
    ledger.settle(sequences[slot]);
    sequences.remove(slot);
  }
  wasted_.clear();
}

void EngineState::finish_idle(Slot slot, std::int64_t step, SimTime now) {
  Sequence& s = sequences[slot];
  log_span(s, step);
  record_finish(s, now);
  idle_.push_back(slot);
  idle_base_sum_ += s.base;
  decoding.keep_row(slot);
  if (decoding.size() == 0 && prefilling.empty()) {
    release_idle(now);
  }
}

void EngineState::release_idle(SimTime now) {
  now_ = now;
  for (const Slot slot : idle_) {
    Sequence& s = sequences[slot];
    decoding.drop_row(slot);
    hold(s);
    ledger.settle(s);
    release_blocks(s, s.prompt + s.output - 1, next_admission_, false);
    leave_running(slot);
    book_held(s, s.output - 1);
    close_holding(s);
    sequences.remove(slot);
  }
  idle_.clear();
  idle_base_sum_ = 0;
}

}  // namespace penstock
