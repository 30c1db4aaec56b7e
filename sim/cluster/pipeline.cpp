#include "sim/cluster/pipeline.h"

#include <algorithm>

#include "sim/core/assert.h"

namespace penstock {

Pipeline::Pipeline(Lanes lanes, std::size_t stages, TogetherModel* together,
                   const EngineSpec& engine)
    : balance_(lanes.size() / stages, engine.scheduler),
      in_turn_(engine.scheduler == "sglang"),
      free_(stages + 1) {
  for (std::size_t first = 0; first < lanes.size(); first += stages) {
    Rank& rank = ranks_.emplace_back();
    rank.lanes = lanes.subspan(first, stages);
    for (const auto& lane : rank.lanes) {
      rank.engines.push_back(&lane->engine());
    }
  }
  for (const Rank& rank : ranks_) {  // that stay where they are
    for (std::size_t i = 0; i < stages; ++i) {
      rank.lanes[i]->join_lanes(rank.engines, static_cast<std::uint16_t>(i));
      for (const auto& other : rank.lanes) {
        if (other != rank.lanes[i]) {
          rank.lanes[i]->show_blocks_in(other->recorder());
        }
      }
    }
  }
  for (std::size_t i = 0; i < stages; ++i) {
    std::vector<Replica*> all;
    for (const Rank& rank : ranks_) {
      all.push_back(rank.lanes[i].get());
    }
    steps_.emplace_back(std::move(all), together, engine);
  }
}

Replica& Pipeline::hold(Rank& rank, std::size_t lane) {
  if (lane != rank.holder) {
    rank.lanes[lane]->take_shared(holder(rank));
    rank.holder = lane;
  }
  return holder(rank);
}

bool Pipeline::waiting() const {
  return std::any_of(ranks_.begin(), ranks_.end(),
                     [](const Rank& rank) { return holder(rank).waiting(); });
}

std::size_t Pipeline::choose(SimTime now) {
  if (ranks_.size() == 1) {
    return 0;
  }
  if (balance_.looks_now()) {
    publish(now);
  }
  return balance_.choose();
}

void Pipeline::publish(SimTime at) {
  for (std::size_t r = 0; r < ranks_.size(); ++r) {
    balance_.publish(r, holder(ranks_[r]).load(at));
  }
}

bool Pipeline::submit(std::size_t rank, const Arrival& request, const Content& content,
                      SimTime now) {
  // It waits for the batch that comes back next.
  const std::size_t lane = busy() ? in_flight_.front() : returned_;
  const bool cut = hold(ranks_[rank], lane).submit(request, content, now);
  if (cut) {
    steps_[lane].follow(rank);
  }
  show_levels(ranks_[rank], now);
  return cut;
}

SimTime Pipeline::pass(SimTime now, std::int64_t gpu_ps, std::int64_t cpu_ps) {
  const auto stages = static_cast<std::int64_t>(steps_.size());
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
  bool works = false;
  for (Rank& rank : ranks_) {
    Replica& replica = hold(rank, lane);
    // A schedule that only preempted is tried again at once if there is nothing to wait for.
    works = replica.prepare_lane(now, !busy()) || works;
    rank.admission_was_tried = replica.admission_was_tried();
  }
  if (!works) {
    return false;
  }
  LockStep& step = steps_[lane];
  step.price();
  const std::int64_t cpu = step.cpu_wait_ps();
  const SimTime back = pass(now, step.total_ps() - cpu, cpu);
  PENSTOCK_ASSERT(!busy() || back >= steps_[in_flight_.back()].run_end());
  step.launch(now, (back - now).ps);
  in_flight_.push_back(lane);
  return true;
}

void Pipeline::leap(SimTime limit) {
  LockStep& step = steps_[in_flight_.front()];
  if (step.wait_ps() != 0) {
    return;
  }
  for (const Rank& rank : ranks_) {
    // The schedules of empty lanes may have taken out what is in flight, and tried no admission.
    const Replica& lane = holder(rank);
    const bool alike =
        rank.admission_was_tried &&
        (lane.batch().empty() ? lane.idle()
                              : rank.engines[rank.holder]->decoding.size() == lane.batch().decodes);
    if (!alike) {
      return;
    }
  }
  step.leap(limit);
}

void Pipeline::start(SimTime now, SimTime limit) {
  const bool goes_on = launch(returned_, now);
  bool works = goes_on;
  for (std::size_t i = 1; i < steps_.size() && (works || in_turn_); ++i) {
    const std::size_t lane = (returned_ + i) % steps_.size();
    if (in_turn_ && steps_[lane].busy()) {
      break;
    }
    works = steps_[lane].busy() || launch(lane, now);
  }
  for (Rank& rank : ranks_) {
    if (busy()) {
      hold(rank, in_flight_.front());
    }
  }
  // Who does not fit in a batch alone may yet fit in a smaller piece, beside what decodes.
  if (in_flight_.size() == 1 && ((goes_on && !in_turn_) || !waiting())) {
    leap(limit);
  }
  for (const Rank& rank : ranks_) {
    show_levels(rank, now);
  }
}

void Pipeline::end(SimTime now, std::vector<std::uint32_t>& finished) {
  returned_ = in_flight_.front();
  in_flight_.erase(in_flight_.begin());
  wait_ += Int128{steps_[returned_].wait_ps()} * static_cast<Int128>(ranks_.size());
  for (Rank& rank : ranks_) {
    hold(rank, returned_).end(now, finished);
    show_levels(rank, now);
  }
}

void Pipeline::close(SimTime end) {
  for (Rank& rank : ranks_) {
    show_levels(rank, end);
    for (std::size_t i = 0; i < rank.lanes.size(); ++i) {
      hold(rank, i).close(end, i + 1 == rank.lanes.size());
    }
    hold(rank, 0);
  }
}

void Pipeline::show_levels(const Rank& rank, SimTime now) {
  const ReplicaLoad load = holder(rank).load(now);
  for (std::size_t i = 0; i < rank.lanes.size(); ++i) {
    Recorder& recorder = rank.lanes[i]->recorder();
    recorder.advance(now);
    recorder.set_blocks(load.held_blocks);
    recorder.set_running(i == 0 ? load.running : 0);
    recorder.set_waiting(i == 0 ? load.waiting : 0);
  }
}

}  // namespace penstock
