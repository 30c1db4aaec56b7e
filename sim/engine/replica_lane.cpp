// A replica as one lane of a pipeline: what only lanes do, out of the way of the others.

#include <algorithm>

#include "sim/engine/replica.h"

namespace penstock {

bool Replica::prepare_lane(SimTime now, bool retries) {
  recorder_.advance(now);
  do {
    schedule(*batch_, now);
  } while (batch_->empty() && !admission_was_tried_ && retries);
  if (batch_->empty()) {
    update_levels();
  }
  return !batch_->empty();
}

void Replica::take_flight(SimTime now) {
  // Others may take sequences out while they are in flight.
  engine_.last_step_end = run_.end();
  engine_.last_decode_end = batch_->frozen ? engine_.last_decode_end : run_.end();
  engine_.take_finished(batch_->step, now, batch_->finishing);
  engine_.withhold(*batch_);
}

std::int64_t Replica::cpu_wait_ps() const {
  if (!batch_->decode_only()) {
    return cost_.total - cost_.gpu;
  }
  const DecodeCost& decode = shared_.model.decode(batch_->decodes);
  return decode.total(batch_->decodes, batch_->kv_sum, batch_->window_sum) - decode.fixed.gpu -
         decode.context_cost(batch_->kv_sum, batch_->window_sum);
}

void Replica::show_blocks(SimTime at) {
  recorder_.advance(at);
  recorder_.set_blocks(engine_.pool.used() + run_.blocks);
  for (Recorder* other : shown_in_) {
    other->advance(at);
    other->set_blocks(engine_.pool.used() + run_.blocks);
  }
}

}  // namespace penstock
