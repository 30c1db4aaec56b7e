// Many decode-only steps at once: how many, and what they come to.

#include <algorithm>

#include "sim/core/assert.h"
#include "sim/engine/replica.h"

namespace penstock {

std::int64_t Replica::longest_leap() {
  if (!leaping_ || run_.first == 0) {
    return 1;
  }
  if (batch_->empty()) {
    return StepRun::max_steps;
  }
  if (!batch_->decode_only()) {
    return 1;
  }
  const DecodeCost& decode = shared_.model.decode(batch_->decodes);
  run_.own_growth =
      cpu_excess(decode) > 0 ? 0 : decode.context_cost(batch_->kv_growth, batch_->below_window);
  return run_.first + run_.own_growth * StepRun::max_steps < StepRun::max_step_ps
             ? leap_length(decode)
             : 1;
}

void Replica::leap(std::int64_t steps, std::int64_t growth) {
  run_.steps = steps;
  run_.growth = growth;
}

std::int64_t Replica::leap_length(const DecodeCost& decode) {
  if (batch_->resumed > 0 || !batch_->late.empty() || engine_.stalled > 0 ||
      !engine_.prefilling.empty() || !admission_was_tried_ || !batch_->finishing.empty()) {
    return 1;
  }
  const bool async = engine_.spec().async_scheduling;
  if (async && (!pending_->decode_only() || pending_->decodes != batch_->decodes ||
                pending_->resumed > 0 || pending_->below_window != batch_->below_window)) {
    return 1;
  }
  // The last step may finish sequences; asynchronously, the batch after it must not miss them.
  const std::int64_t until_finish =
      engine_.decoding.first_finish() - batch_->step + (async && !finishes_late_ ? 0 : 1);
  std::int64_t steps = std::min(StepRun::max_steps, until_finish);
  if (!engine_.waiting.empty()) {
    // The head may fit as soon as it hits a block that is being generated.
    steps = std::min(steps, std::max<std::int64_t>(1, engine_.next_publication() - next_step_ + 1));
  }
  // With a pace a step may reach beyond the window: the batch ahead must not be that one.
  const std::int64_t first = batch_->step + (async && engine_.pace().advance != 1 ? 1 : 0);
  steps = std::min(steps, engine_.decoding.next_crossing() - first);
  if (const std::int64_t excess = cpu_excess(decode); excess > 0) {
    const std::int64_t growth = decode.context_cost(batch_->kv_growth, batch_->below_window);
    if (growth % batch_->decodes != 0) {
      return 1;  // steps that the CPU decides would not be equally long
    }
    steps = growth > 0 ? std::min(steps, (excess - 1) / growth + 1) : steps;
  }
  return steps <= 1 ? 1 : 1 + steps_with_blocks(next_step_, steps - 1);
}

std::int64_t Replica::steps_with_blocks(std::int64_t first, std::int64_t wanted) const {
  const Pace& pace = engine_.pace();
  const std::int64_t block_size = engine_.spec().block_size * pace.unit;
  const std::int64_t members = engine_.decoding.size();
  std::int64_t free = engine_.pool.free() - spare_blocks_;
  if (free < 0 || engine_.spec().holds_slots()) {
    return free < 0 ? 0 : wanted;
  }
  // Each member takes one block in as many steps as it needs to grow by one.
  if (blocks_for(wanted * pace.advance, block_size) * members <= free) {
    return wanted;
  }
  const std::int64_t rounds = free / members;
  free -= rounds * members;
  std::int64_t steps = full_blocks(rounds * block_size, pace.advance);
  while (steps < wanted) {
    free -= engine_.decoding.blocks_needed(first + steps);
    if (free < 0) {
      break;
    }
    ++steps;
  }
  return std::min(steps, wanted);
}

void Replica::apply_leap() {
  const std::int64_t more = run_.steps - 1;
  const std::int64_t kv_sum = batch_->kv_sum + batch_->kv_growth;
  const std::int64_t window_sum = batch_->window_sum + batch_->below_window;
  engine_.ledger.charge_decodes(*batch_, batch_->step + 1, kv_sum, window_sum, more);
  PENSTOCK_ASSERT(engine_.pool.allocate(run_.blocks));
  engine_.clock.leap(run_.start, run_.first, run_.growth, more);
  engine_.skip_steps(more);  // what they completed is published in its order
  next_step_ += more;
  batch_->step += more;
  batch_->kv_sum += batch_->kv_growth * more;
  batch_->window_sum += batch_->below_window * more;
  if (!pending_->empty()) {
    pending_->step += more;
    pending_->kv_sum += pending_->kv_growth * more;
    pending_->window_sum += pending_->below_window * more;
  }
}

}  // namespace penstock
