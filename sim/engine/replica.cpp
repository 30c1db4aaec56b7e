#include "sim/engine/replica.h"

#include <algorithm>

#include "sim/core/assert.h"

namespace penstock {

Replica::Replica(std::uint16_t index, const Scenario& scenario, const SimulationOptions& options,
                 SharedRecords shared)
    : index_(index),
      shared_(shared),
      leaping_(options.leaping),
      finishes_late_(scenario.engine.finishes_late()),
      keeps_finished_(scenario.engine.scheduler == "static"),
      spare_blocks_(find_scheduler(scenario.engine.scheduler)->spare_blocks),
      log_(options.token_log),
      timeline_(options.timeline),
      scheduler_(find_scheduler(scenario.engine.scheduler)->make()),
      engine_(scenario, options, shared.accounts, shared.requests, shared.model, shared.acceptance),
      timeouts_(engine_.sequences),
      recorder_(scenario.timeseries_interval, shared.model.peak_times(),
                scenario.cluster.engines()),
      counter_(recorder_, shared.gaps, shared.result, shared.model,
               scenario.engine.speculative.rows(), engine_.pace()) {
  const int engines = scenario.cluster.engines_per_replica();
  engine_.log_as(static_cast<std::uint16_t>(index % engines), engines);
}

bool Replica::submit(const Arrival& request, const Content& content, SimTime now) {
  see_blocks(now);
  recorder_.advance(now);
  recorder_.count_arrival(shared_.requests[request.id].arrival, now);
  // Behind a head that cannot be admitted before something finishes, an arrival changes nothing.
  const bool changes_nothing =
      engine_.spec().scheduling_policy == SchedulingPolicy::fcfs && !engine_.waiting.empty();
  const Slot slot = engine_.submit(request, content);
  const bool gives_up = request.deadline != SimTime::never();
  if (gives_up) {
    timeouts_.add(request.deadline, slot);
  }
  shared_.requests[request.id].replica = index_;
  recorder_.set_waiting(engine_.waiting.size());
  if (changes_nothing) {
    return gives_up && run_.cut(request.deadline);
  }
  return run_.cut(now);
}

void Replica::schedule(Batch& batch, SimTime now) {
  const std::int64_t preemptions = engine_.preemptions;
  batch.clear();
  batch.step = next_step_;
  engine_.begin_schedule(batch.step, now);
  if (timeouts_.next() <= now) {
    abort_overdue(now);
  }
  scheduler_->schedule(engine_, now, batch);
  if (engine_.has_lanes()) {
    engine_.publish_all();
  }
  admission_was_tried_ = engine_.preemptions == preemptions;
  if (!admission_was_tried_) {
    recorder_.count_preemptions(now, engine_.preemptions - preemptions);
  }
  if (!batch.empty() && !batch.frozen) {
    ++next_step_;
  }
}

void Replica::abort_overdue(SimTime now) {
  while (timeouts_.next() <= now) {
    const Slot slot = timeouts_.pop();
    if (!engine_.abort(slot, next_step_, run_.active() ? run_.end() : SimTime::never())) {
      continue;
    }
    const Sequence& s = engine_.sequences[slot];
    note_unfinished(s);
    RequestRecord& record = shared_.requests[s.id];
    record.status = RequestStatus::aborted;
    record.finish = now;
    aborted_.push_back(s.id);
    if (run_.active() || engine_.has_lanes()) {  // lanes come back in turn, this one last
      gone_.push_back(slot);
    } else {
      engine_.sequences.remove(slot);
    }
  }
}

bool Replica::prepare(SimTime now) {
  recorder_.advance(now);
  const bool async = engine_.spec().async_scheduling;
  if (async && !pending_->empty()) {
    std::swap(batch_, pending_);
    pending_->clear();
  } else {
    // A schedule that only preempted (its victim was the sequence itself) is tried again at once.
    do {
      schedule(*batch_, now);
    } while (batch_->empty() && !admission_was_tried_);
  }
  if (batch_->empty()) {
    update_levels();
  }
  return !batch_->empty();
}

void Replica::start(SimTime now, SimTime limit) {
  if (!prepare(now)) {
    return;
  }
  const std::int64_t own = own_ps();
  run_ = {.start = now, .first = own, .growth = 0, .steps = 1, .seen = 1, .own_first = own};
  launch_work(now);
  if (const std::int64_t steps = longest_leap(); steps > 1) {
    leap(steps, run_.own_growth);
    run_.cut(std::min(limit, leap_limit()));
  }
  update_levels();
}

std::int64_t Replica::own_ps() {
  if (engine_.decoding.has_window()) {
    engine_.cross_window(batch_->step);
    batch_->below_window = engine_.decoding.below_window();
  }
  if (batch_->decode_only()) {
    return shared_.model.decode(batch_->decodes)
        .total(batch_->decodes, batch_->kv_sum, batch_->window_sum);
  }
  cost_ = shared_.model.cost(batch_->load());
  return cost_.total;
}

void Replica::launch(SimTime now, std::int64_t own, std::int64_t duration,
                     const Together& together) {
  run_ = {.start = now, .first = duration, .growth = 0, .steps = 1, .seen = 1, .own_first = own};
  batch_->together = together;
  if (!batch_->empty()) {
    launch_work(now);
  }
  update_levels();
}

void Replica::launch_work(SimTime now) {
  if (batch_->decode_only()) {
    engine_.ledger.charge_decodes(*batch_, batch_->step, batch_->kv_sum, batch_->window_sum, 1);
    engine_.settle_wasted();
    schedule_ahead(now);
    return;
  }
  engine_.ledger.charge(*batch_, cost_);
  engine_.settle_wasted();
  for (const ScheduledChunk& chunk : batch_->chunks) {
    if (chunk.completes) {
      Sequence& s = engine_.sequences[chunk.slot];
      engine_.ledger.join(s);
      s.last_token = run_.end();
    }
  }
  counter_.count_mixed(*batch_, run_, cost_);
  schedule_ahead(now);
}

void Replica::schedule_ahead(SimTime now) {
  if (engine_.spec().async_scheduling) {
    engine_.last_step_end = run_.end();
    engine_.last_decode_end = batch_->frozen ? engine_.last_decode_end : run_.end();
    if (finishes_late_) {
      engine_.expect_finished(batch_->step, batch_->finishing);
    } else {
      engine_.take_finished(batch_->step, now, batch_->finishing);
    }
    schedule(*pending_, now);
  } else if (engine_.has_lanes()) {  // others may take them out while they are in flight
    take_flight(now);
  }
}

void Replica::end(SimTime now, std::vector<std::uint32_t>& finished) {
  see_blocks(now);
  recorder_.advance(now);
  if (batch_->empty()) {  // the rank had nothing to do
    counter_.count_idle(*batch_, run_);
    run_.steps = 0;
    remove_gone();
    update_levels();
    return;
  }
  std::int64_t regular =
      batch_->measured - static_cast<std::int64_t>(batch_->resumed_gaps_from.size());
  for (const LateTokens& late : batch_->late) {
    regular -= late.sequences;
  }
  regular = batch_->frozen ? 0 : regular;
  if (batch_->decode_only()) {
    counter_.count_decodes(*batch_, run_, regular);
  } else {
    shared_.gaps.add(run_.first, 0, 1, regular);
  }
  if (run_.steps > 1) {
    apply_leap();
  }
  if (log_ != nullptr && !batch_->frozen) {
    std::vector<SimTime>& ends = log_->step_ends;
    ends.resize(std::max(ends.size(), engine_.log_index(batch_->step) + 1));
    for (std::int64_t j = 1; j <= run_.steps; ++j) {
      ends[engine_.log_index(batch_->step - run_.steps + j)] = run_.start_of(j);
    }
  }
  if (timeline_ != nullptr) {
    timeline_->add(timeline_step(now));
  }
  const bool leapt = run_.steps > 1;
  run_.steps = 0;
  if (!batch_->chunks.empty() || batch_->resumed > 0 || !batch_->late.empty()) {
    emit(now);
  }
  if (!engine_.spec().async_scheduling) {
    engine_.last_step_end = now;
    engine_.last_decode_end = batch_->frozen ? engine_.last_decode_end : now;
    engine_.take_finished(batch_->step, now, batch_->finishing);
    if (engine_.has_lanes()) {
      engine_.give_back(*batch_);
    }
  } else if (leapt) {
    engine_.last_step_end = engine_.last_decode_end = now;
    if (finishes_late_) {
      engine_.expect_finished(batch_->step, batch_->finishing);
    }
  }
  if (!batch_->finishing.empty()) {
    finish(now, finished);
  }
  remove_gone();
  update_levels();
}

void Replica::remove_gone() {
  for (const Slot slot : gone_) {
    engine_.sequences.remove(slot);
  }
  gone_.clear();
}

void Replica::finish(SimTime now, std::vector<std::uint32_t>& finished) {
  for (const Slot slot : batch_->finishing) {
    finished.push_back(engine_.sequences[slot].id);
    if (finishes_late_) {
      engine_.finish_late(slot, batch_->step, now, *pending_);
    } else if (keeps_finished_) {
      engine_.finish_idle(slot, batch_->step, now);
    } else {
      engine_.finish(slot, batch_->step, now);
    }
    recorder_.count_completion(now);
  }
}

void Replica::emit(SimTime now) {
  for (const LateTokens& late : batch_->late) {
    shared_.gaps.add((now - late.last).ps, 0, 1, late.sequences);
  }
  for (const SimTime last : batch_->resumed_gaps_from) {
    shared_.gaps.add((now - last).ps, 0, 1, 1);
  }
  for (const ScheduledChunk& chunk : batch_->chunks) {
    if (!chunk.completes) {
      continue;
    }
    const std::uint32_t id = engine_.sequences[chunk.slot].id;
    RequestRecord& record = shared_.requests[id];
    const bool is_gone = record.status == RequestStatus::aborted;
    if (log_ != nullptr) {
      const Sequence& s = engine_.sequences[chunk.slot];
      const bool decodes = s.state == SequenceState::decoding || s.state == SequenceState::draining;
      if (decodes || !is_gone) {
        log_->prefill_tokens.push_back(
            {id, decodes ? s.emitted_after(batch_->step) : s.emitted, now});
      }
    }
    if (is_gone) {
      continue;  // nobody takes it
    }
    if (record.first_token < SimTime{}) {
      record.first_token = now;
    } else if (chunk.measured) {
      shared_.gaps.add((now - chunk.last_token).ps, 0, 1, 1);
    }
  }
}

void Replica::see_more_blocks(SimTime now) {
  // Step j's start schedules step batch_->step + j, or the one after it if scheduling runs ahead.
  const std::int64_t first = next_step_ - 1;
  for (; run_.seen < run_.steps; ++run_.seen) {
    const std::int64_t blocks = engine_.decoding.blocks_needed(first + run_.seen);
    if (blocks == 0) {
      continue;
    }
    const SimTime at = run_.start_of(run_.seen);
    if (at >= now) {  // a step that starts now may yet see an arrival
      return;
    }
    run_.blocks += blocks;
    if (shown_in_.empty()) {
      recorder_.add_blocks(at, blocks);
    } else {
      show_blocks(at);
    }
  }
}

ReplicaLoad Replica::load(SimTime now) {
  see_blocks(now);
  return {.waiting = engine_.waiting.size(),
          .running = engine_.running.size(),
          .held_blocks = engine_.pool.used() + (run_.active() ? run_.blocks : 0),
          .pending_tokens = engine_.pending_tokens};
}

TimelineStep Replica::timeline_step(SimTime now) const {
  TimelineStep step{.start = run_.start, .end = now};
  step.steps = static_cast<std::int32_t>(run_.steps);
  step.decodes = static_cast<std::int32_t>(batch_->decodes);
  step.chunks = static_cast<std::int32_t>(batch_->chunks.size());
  for (const Chunk& chunk : batch_->work) {
    step.prompt_tokens += static_cast<std::int32_t>(chunk.q);
  }
  step.running = static_cast<std::int32_t>(engine_.running.size());
  step.waiting = static_cast<std::int32_t>(engine_.waiting.size());
  step.blocks = static_cast<std::int32_t>(engine_.pool.used());
  step.replica = index_;
  return step;
}

void Replica::update_levels() {
  recorder_.set_running(engine_.running.size());
  recorder_.set_waiting(engine_.waiting.size());
  recorder_.set_blocks(engine_.pool.used());
  recorder_.set_busy(run_.active());
}

void Replica::note_unfinished(const Sequence& s) {
  RequestRecord& record = shared_.requests[s.id];
  record.output_tokens = static_cast<std::uint32_t>(s.emitted);
  const std::int64_t computed = std::max(s.high_water, s.from_host > 0 ? 0 : s.computed);
  record.computed_input_tokens =
      static_cast<std::uint32_t>(std::max(s.cached, std::min(s.prompt, computed)) - s.cached);
}

void Replica::close(SimTime end, bool last) {
  engine_.settle_wasted();
  engine_.release_idle(end);
  engine_.ledger.flush();
  counter_.close();
  for (std::size_t i = 0; i < pending_->chunks.size(); ++i) {  // scheduled, never run
    const ScheduledChunk& chunk = pending_->chunks[i];
    Sequence& s = engine_.sequences[chunk.slot];
    s.computed = pending_->work[i].context;
    s.high_water = s.computed + chunk.recomputed;
    if (chunk.completes) {
      engine_.ledger.join(s);  // owes nothing
      s.last_in_flight = pending_->frozen;
    }
  }
  const std::int64_t last_step = batch_->step;
  for (Slot slot = engine_.running.front(); slot != no_slot; slot = engine_.sequences[slot].next) {
    Sequence& s = engine_.sequences[slot];
    const bool decodes = s.state == SequenceState::decoding;
    if (decodes ? engine_.elsewhere(s) : !last) {
      continue;
    }
    if (decodes) {
      engine_.ledger.settle(s);
      s.emitted = s.emitted_after(last_step - (s.last_in_flight ? 1 : 0));
    }
    engine_.ledger.count_output(s.class_index, s.emitted);
    note_unfinished(s);
    engine_.close(slot, end);
  }
  const auto close_queued = [&](Slot slot) {
    const Sequence& s = engine_.sequences[slot];
    engine_.ledger.count_output(s.class_index, s.emitted);
    note_unfinished(s);
    engine_.close(slot, end);
    shared_.requests[s.id].status = RequestStatus::queued;
  };
  if (last) {
    engine_.for_each_queued(close_queued);
  }
  engine_.ledger.close();
}

}  // namespace penstock
