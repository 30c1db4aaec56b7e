// Many decode-only steps at once: how many, and what they come to.

#include <algorithm>

#include "sim/core/assert.h"
#include "sim/engine/replica.h"

namespace penstock {

std::int64_t Replica::leap_length(const DecodeCost& decode) {
  if (batch_->resumed > 0 || !batch_->late.empty() || engine_.stalled > 0 ||
      !engine_.prefilling.empty() || !admission_was_tried_ || !batch_->finishing.empty()) {
    return 1;
  }
  const bool async = engine_.spec().async_scheduling;
  if (async &&
      (!pending_->decode_only() || pending_->decodes != batch_->decodes || pending_->resumed > 0)) {
    return 1;
  }
  // The last step may finish sequences; asynchronously, the batch after it must not miss them.
  const std::int64_t until_finish =
      engine_.decoding.first_finish() - batch_->step + (async && !finishes_late_ ? 0 : 1);
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
  std::int64_t free = engine_.pool.free() - spare_blocks_;
  if (free < 0 || engine_.spec().holds_slots()) {
    return free < 0 ? 0 : wanted;
  }
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

void Replica::apply_leap() {
  const std::int64_t more = run_.steps - 1;
  const std::int64_t kv_sum = batch_->kv_sum + batch_->decodes;
  engine_.ledger.charge_decodes(*batch_, batch_->step + 1, kv_sum, more);
  count_leap(more, kv_sum);
  PENSTOCK_ASSERT(engine_.pool.allocate(run_.blocks));
  engine_.clock.leap(run_.start, run_.first, run_.growth, more);
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
                         .tokens = steps * (n - batch_->wasted),
                         .all_tokens = steps * n,
                         .rows = steps * n,
                         .sampling_steps = steps,
                         .pairs = kv,
                         .kv_read = kv});
}

}  // namespace penstock
