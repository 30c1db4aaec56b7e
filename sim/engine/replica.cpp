#include "sim/engine/replica.h"

#include <algorithm>

#include "sim/core/assert.h"

namespace penstock {

namespace {

/// Longest leap, and the longest step (a minute) in one: keeps every product of a leap's closed
/// forms within 64 bits, and its end within what SimTime holds beyond SimTime::max().
constexpr std::int64_t max_leap = 8192;
constexpr std::int64_t max_leap_step_ps = 60'000'000'000'000;

enum Phase : std::size_t { decode_phase, prefill_phase, mixed_phase };

}  // namespace

Replica::Replica(std::uint16_t index, const Scenario& scenario, const SimulationOptions& options,
                 SharedRecords shared)
    : index_(index),
      shared_(shared),
      leaping_(options.leaping),
      log_(options.token_log),
      scheduler_(find_scheduler(scenario.engine.scheduler)->make()),
      engine_(scenario, options, shared.accounts, shared.requests, shared.model),
      timeouts_(engine_.sequences),
      recorder_(scenario.timeseries_interval, shared.model.peak_times(),
                scenario.cluster.replicas) {}

bool Replica::submit(const Sequence& sequence, const Content& content, SimTime now) {
  see_blocks(now);
  recorder_.advance(now);
  recorder_.count_arrival(now);
  // Behind a head that cannot be admitted before something finishes, an arrival changes nothing.
  const bool changes_nothing =
      engine_.spec().scheduling_policy == SchedulingPolicy::fcfs && !engine_.waiting.empty();
  const Slot slot = engine_.submit(sequence, content);
  const bool gives_up = sequence.deadline != SimTime::never();
  if (gives_up) {
    timeouts_.add(sequence.deadline, slot);
  }
  shared_.requests[sequence.id].replica = index_;
  recorder_.set_waiting(static_cast<std::int64_t>(engine_.waiting.size()));
  if (changes_nothing) {
    return gives_up && run_.cut(sequence.deadline);
  }
  return run_.cut(now);
}

void Replica::schedule(Batch& batch, SimTime now) {
  const std::int64_t preemptions = engine_.preemptions;
  batch.clear();
  batch.step = next_step_;
  engine_.begin_schedule(batch.step, now);
  abort_overdue(now);
  scheduler_->schedule(engine_, now, batch);
  admission_was_tried_ = engine_.preemptions == preemptions;
  if (!batch.empty()) {
    ++next_step_;
  }
}

void Replica::abort_overdue(SimTime now) {
  while (timeouts_.next() <= now) {
    const Slot slot = timeouts_.pop();
    if (!engine_.abort(slot, next_step_, run_.active())) {
      continue;
    }
    const Sequence& s = engine_.sequences[slot];
    note_unfinished(s);
    RequestRecord& record = shared_.requests[s.id];
    record.status = RequestStatus::aborted;
    record.finish = now;
    aborted_.push_back(s.id);
    if (run_.active()) {
      gone_.push_back(slot);
    } else {
      engine_.sequences.remove(slot);
    }
  }
}

void Replica::start(SimTime now, SimTime limit) {
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
  if (!batch_->empty()) {
    launch(now, limit);
  }
  update_levels();
}

void Replica::launch(SimTime now, SimTime limit) {
  const StepCost cost = shared_.model.cost(batch_->load());
  engine_.ledger.charge(*batch_, cost);
  for (const ScheduledChunk& chunk : batch_->chunks) {
    if (chunk.completes) {
      engine_.ledger.join(engine_.sequences[chunk.slot]);
    }
  }
  run_ = {.start = now, .first = cost.total, .growth = 0, .steps = 1, .seen = 1, .blocks = 0};
  count_first_step(now, cost);
  if (engine_.spec().async_scheduling) {
    engine_.last_step_end = run_.end();
    engine_.take_finished(batch_->step, now, batch_->finishing);
    schedule(*pending_, now);
  }
  if (leaping_ && batch_->decode_only() && cost.total > 0) {
    const DecodeCost& decode = shared_.model.decode(batch_->decodes);
    run_.growth = batch_->kv_sum < decode.gpu_bound_from() ? 0 : decode.per_kv * batch_->decodes;
    if (run_.first + run_.growth * max_leap < max_leap_step_ps) {
      run_.steps = leap_length(decode);
      run_.cut(std::min({limit, timeouts_.next(), engine_.next_load()}));
    }
  }
}

std::int64_t Replica::leap_length(const DecodeCost& decode) {
  if (batch_->resumed > 0 || engine_.stalled > 0 || !engine_.prefilling.empty() ||
      !admission_was_tried_) {
    return 1;
  }
  const bool async = engine_.spec().async_scheduling;
  if (async &&
      (!pending_->decode_only() || pending_->decodes != batch_->decodes || pending_->resumed > 0)) {
    return 1;
  }
  // The last step may finish sequences; asynchronously, the batch after it must not miss them.
  const std::int64_t until_finish =
      engine_.decoding.first_finish() - batch_->step + (async ? 0 : 1);
  std::int64_t steps = std::min(max_leap, until_finish);
  if (!engine_.waiting.empty()) {
    // The head may fit as soon as it hits a block that is being generated.
    steps = std::min(steps, std::max<std::int64_t>(1, engine_.next_publication() - next_step_ + 1));
  }
  if (batch_->kv_sum < decode.gpu_bound_from()) {
    const std::int64_t below = decode.gpu_bound_from() - batch_->kv_sum;
    steps = std::min(steps, (below - 1) / batch_->decodes + 1);
  }
  return steps <= 1 ? 1 : 1 + steps_with_blocks(next_step_, steps - 1);
}

std::int64_t Replica::steps_with_blocks(std::int64_t first, std::int64_t wanted) const {
  const std::int64_t block_size = engine_.spec().block_size;
  const std::int64_t members = engine_.decoding.size();
  std::int64_t free = engine_.pool.free();
  // Each member takes one block in block_size steps.
  if (blocks_for(wanted, block_size) * members <= free) {
    return wanted;
  }
  const std::int64_t rounds = free / members;
  free -= rounds * members;
  std::int64_t steps = rounds * block_size;
  while (steps < wanted) {
    free -= engine_.decoding.blocks_needed(first + steps);
    if (free < 0) {
      break;
    }
    ++steps;
  }
  return std::min(steps, wanted);
}

void Replica::count_first_step(SimTime now, const StepCost& cost) {
  StepCounts counts{.steps = 1,
                    .sequences = batch_->sequences(),
                    .tokens = batch_->decodes,
                    .all_tokens = batch_->decodes,
                    .rows = batch_->sampled,
                    .sampling_steps = batch_->sampled > 0 ? 1 : 0,
                    .pairs = batch_->kv_sum,
                    .kv_read = batch_->kv_sum};
  Result& result = shared_.result;
  for (std::size_t i = 0; i < batch_->chunks.size(); ++i) {
    const auto [q, context] = batch_->work[i];
    const std::int64_t recomputed = batch_->chunks[i].recomputed;
    const std::int64_t end = context + q;
    counts.tokens += q - recomputed;
    counts.all_tokens += q;
    counts.pairs += attention_pairs(context + recomputed, end);
    counts.kv_read += end;
    result.max_chunk_context = std::max(result.max_chunk_context, end);
  }
  recorder_.count_steps(now, run_.end(), counts);
  recorder_.note_batch(batch_->sequences());
  const Phase phase = batch_->chunks.empty() ? decode_phase
                      : batch_->decodes == 0 ? prefill_phase
                                             : mixed_phase;
  for (std::size_t r = 0; r < resource_count; ++r) {
    bound_[phase][r] += cost.resources[r];
  }
  result.max_decode_batch = std::max(result.max_decode_batch, batch_->decodes);
  busy_ps_ += cost.total;
}

void Replica::end(SimTime now, std::vector<std::uint32_t>& finished) {
  see_blocks(now);
  recorder_.advance(now);
  const std::int64_t regular =
      batch_->measured - static_cast<std::int64_t>(batch_->resumed_gaps_from.size());
  shared_.gaps.add(run_.first, run_.growth, run_.steps, regular);
  if (run_.steps > 1) {
    apply_leap();
  }
  for (std::int64_t j = 1; log_ != nullptr && j <= run_.steps; ++j) {
    log_->step_ends.push_back(run_.start_of(j));
  }
  run_.steps = 0;
  emit(now);
  if (!engine_.spec().async_scheduling) {
    engine_.last_step_end = now;
    engine_.take_finished(batch_->step, now, batch_->finishing);
  }
  for (const Slot slot : batch_->finishing) {
    finished.push_back(engine_.sequences[slot].id);
    engine_.finish(slot, batch_->step, now);
    recorder_.count_completion(now);
  }
  for (const Slot slot : gone_) {
    engine_.sequences.remove(slot);
  }
  gone_.clear();
  update_levels();
}

void Replica::emit(SimTime now) {
  for (const SimTime last : batch_->resumed_gaps_from) {
    shared_.gaps.add((now - last).ps, 0, 1, 1);
  }
  for (const ScheduledChunk& chunk : batch_->chunks) {
    if (!chunk.completes) {
      continue;
    }
    RequestRecord& record = shared_.requests[engine_.sequences[chunk.slot].id];
    if (record.status == RequestStatus::aborted) {
      continue;  // nobody takes it
    }
    if (record.first_token < SimTime{}) {
      record.first_token = now;
    } else if (chunk.measured) {
      shared_.gaps.add((now - chunk.last_token).ps, 0, 1, 1);
    }
  }
}

void Replica::apply_leap() {
  const std::int64_t more = run_.steps - 1;
  const std::int64_t kv_sum = batch_->kv_sum + batch_->decodes;
  engine_.ledger.charge_decodes(*batch_, batch_->step + 1, kv_sum, more);
  count_leap(more, kv_sum);
  PENSTOCK_ASSERT(engine_.pool.allocate(run_.blocks));
  engine_.clock.leap(run_.start, run_.first, run_.growth, more);
  engine_.skip_steps(more);  // what they completed is published in its order
  next_step_ += more;
  batch_->step += more;
  batch_->kv_sum += batch_->decodes * more;
  if (!pending_->empty()) {
    pending_->step += more;
    pending_->kv_sum += pending_->decodes * more;
  }
}

void Replica::count_leap(std::int64_t steps, std::int64_t kv_sum) {
  const std::int64_t n = batch_->decodes;
  const DecodeCost& decode = shared_.model.decode(n);
  const std::int64_t all_kv = steps * kv_sum + n * (steps * (steps - 1) / 2);
  const std::int64_t time = (run_.end() - run_.start_of(1)).ps;
  const std::int64_t kv_time = decode.per_kv * all_kv;
  auto& bound = bound_[decode_phase];
  for (std::size_t r = 0; r < resource_count; ++r) {
    bound[r] += decode.fixed.resources[r] * steps;
  }
  bound[static_cast<std::size_t>(Resource::memory)] += kv_time;
  bound[static_cast<std::size_t>(Resource::cpu)] += time - kv_time - decode.fixed.total * steps;
  busy_ps_ += time;
  for (std::int64_t j = 1; j <= steps;) {
    // All steps that start in the interval in which step j starts.
    const SimTime end = recorder_.interval_end(run_.start_of(j));
    std::int64_t low = j;
    std::int64_t high = steps;
    while (low < high) {
      const std::int64_t middle = (low + high + 1) / 2;
      if (run_.start_of(middle) < end) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    // All but the last of them end in it too.
    count_decodes(j, low - j, kv_sum + n * (j - 1));
    count_decodes(low, 1, kv_sum + n * (low - 1));
    j = low + 1;
  }
}

void Replica::count_decodes(std::int64_t first, std::int64_t steps, std::int64_t kv_sum) {
  if (steps == 0) {
    return;
  }
  const std::int64_t n = batch_->decodes;
  const std::int64_t kv = steps * kv_sum + n * (steps * (steps - 1) / 2);
  recorder_.count_steps(run_.start_of(first), run_.start_of(first + steps),
                        {.steps = steps,
                         .sequences = steps * n,
                         .tokens = steps * n,
                         .all_tokens = steps * n,
                         .rows = steps * n,
                         .sampling_steps = steps,
                         .pairs = kv,
                         .kv_read = kv});
}

void Replica::see_blocks(SimTime now) {
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
    recorder_.advance(at);
    run_.blocks += blocks;
    recorder_.set_blocks(engine_.pool.used() + run_.blocks);
  }
}

ReplicaLoad Replica::load(SimTime now) {
  see_blocks(now);
  return {.waiting = static_cast<std::int64_t>(engine_.waiting.size()),
          .running = engine_.running.size(),
          .held_blocks = engine_.pool.used() + run_.blocks,
          .pending_tokens = engine_.pending_tokens};
}

void Replica::update_levels() {
  recorder_.set_running(engine_.running.size());
  recorder_.set_waiting(static_cast<std::int64_t>(engine_.waiting.size()));
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

void Replica::close(SimTime end) {
  for (std::size_t phase = 0; phase < bound_.size(); ++phase) {
    for (std::size_t r = 0; r < resource_count; ++r) {
      shared_.result.bound[phase][r] += bound_[phase][r];
    }
  }
  for (std::size_t i = 0; i < pending_->chunks.size(); ++i) {  // scheduled, never run
    const ScheduledChunk& chunk = pending_->chunks[i];
    Sequence& s = engine_.sequences[chunk.slot];
    s.computed = pending_->work[i].context;
    s.high_water = s.computed + chunk.recomputed;
    if (chunk.completes) {
      engine_.ledger.join(s);  // owes nothing
    }
  }
  const std::int64_t last_step = batch_->step;
  for (Slot slot = engine_.running.front(); slot != no_slot; slot = engine_.sequences[slot].next) {
    Sequence& s = engine_.sequences[slot];
    if (s.state == SequenceState::decoding) {
      engine_.ledger.settle(s);
      s.emitted = s.emitted_after(last_step);
    }
    engine_.ledger.count_output(s.class_index, s.emitted);
    note_unfinished(s);
    engine_.close(slot, end);
  }
  engine_.for_each_queued([&](Slot slot) {
    const Sequence& s = engine_.sequences[slot];
    engine_.ledger.count_output(s.class_index, s.emitted);
    note_unfinished(s);
    engine_.close(slot, end);
    shared_.requests[s.id].status = RequestStatus::queued;
  });
}

}  // namespace penstock
