#include "sim/cluster/pipeline.h"

#include <algorithm>

#include "sim/core/assert.h"

namespace penstock {

Pipeline::Pipeline(Lanes lanes) : lanes_(lanes), free_(lanes.size() + 1) {
  for (const auto& lane : lanes_) {
    engines_.push_back(&lane->engine());
  }
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    lanes_[i]->join_lanes(engines_, static_cast<std::uint16_t>(i));
    for (const auto& other : lanes_) {
      if (other != lanes_[i]) {
        lanes_[i]->show_blocks_in(other->recorder());
      }
    }
  }
}

Replica& Pipeline::hold(std::size_t lane) {
  if (lane != holder_) {
    lanes_[lane]->take_shared(*lanes_[holder_]);
    holder_ = lane;
  }
  return *lanes_[lane];
}

bool Pipeline::submit(const Arrival& request, const Content& content, SimTime now) {
  // It waits for the batch that comes back next.
  const bool cut = hold(busy() ? in_flight_.front() : returned_).submit(request, content, now);
  show_levels(now);
  return cut;
}

SimTime Pipeline::pass(SimTime now, std::int64_t gpu_ps, std::int64_t cpu_ps) {
  const auto stages = static_cast<std::int64_t>(lanes_.size());
  SimTime at = now;
  for (std::int64_t s = 0; s < stages; ++s) {
    SimTime& free = free_[static_cast<std::size_t>(s)];
    const SimTime share{gpu_ps * (s + 1) / stages - gpu_ps * s / stages};
    at = free = std::max(at, free) + share;
  }
  if (cpu_ps > 0) {
    at = free_.back() = std::max(at, free_.back()) + SimTime{cpu_ps};
  }
  return at;
}

bool Pipeline::launch(std::size_t lane, SimTime now) {
  Replica& replica = hold(lane);
  // A schedule that only preempted is tried again at once if there is nothing to wait for.
  const bool works = replica.prepare_lane(now, !busy());
  admission_was_tried_ = replica.admission_was_tried();
  if (!works) {
    return false;
  }
  const std::int64_t own = replica.own_ps();
  const std::int64_t cpu = replica.cpu_wait_ps();
  const SimTime back = pass(now, own - cpu, cpu);
  PENSTOCK_ASSERT(!busy() || back >= lanes_[in_flight_.back()]->run_end());
  replica.launch(now, own, (back - now).ps, {});
  in_flight_.push_back(lane);
  return true;
}

void Pipeline::leap(SimTime limit) {
  Replica& lane = *lanes_[in_flight_.front()];
  // The schedules of empty lanes may have taken out what is in flight, and tried no admission.
  const bool alike = admission_was_tried_ && lane.in_time() &&
                     engines_[in_flight_.front()]->decoding.size() == lane.batch().decodes;
  if (!alike) {
    return;
  }
  if (const std::int64_t steps = lane.longest_leap(); steps > 1) {
    lane.leap(steps, lane.own_growth());
    lane.cut(std::min(limit, lane.leap_limit()));
  }
}

void Pipeline::start(SimTime now, SimTime limit) {
  const bool goes_on = launch(returned_, now);
  bool works = goes_on;
  for (std::size_t i = 0; i < lanes_.size() && works; ++i) {
    works = lanes_[i]->busy() || launch(i, now);
  }
  if (busy()) {
    hold(in_flight_.front());
  }
  // Who does not fit in a batch alone may yet fit in a smaller piece, beside what decodes.
  if (in_flight_.size() == 1 && (goes_on || !waiting())) {
    leap(limit);
  }
  show_levels(now);
}

void Pipeline::end(SimTime now, std::vector<std::uint32_t>& finished) {
  returned_ = in_flight_.front();
  in_flight_.erase(in_flight_.begin());
  hold(returned_).end(now, finished);
  show_levels(now);
}

void Pipeline::close(SimTime end) {
  show_levels(end);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    hold(i).close(end, i + 1 == lanes_.size());
  }
  hold(0);
}

void Pipeline::show_levels(SimTime now) {
  const ReplicaLoad load = lanes_[holder_]->load(now);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    Recorder& recorder = lanes_[i]->recorder();
    recorder.advance(now);
    recorder.set_blocks(load.held_blocks);
    recorder.set_running(i == 0 ? load.running : 0);
    recorder.set_waiting(i == 0 ? load.waiting : 0);
  }
}

}  // namespace penstock
