// What not all loads have: batches in flight at once, and clients that give up.

#include <deque>
#include <iterator>

#include "tests/oracle/reference_engines.h"
#include "tests/oracle/reference_stages.h"

namespace penstock::oracle {

// 1.2.3, as in reference.cpp; [i] TensorRT-LLM does not go on with a prompt of which a chunk is in
// flight, and its limit of sequences is that of a batch.
Result EngineReference::run_stages() {
  std::deque<Step> in_flight;
  Stages stages(config.stages);
  std::int64_t now = 0;
  while (true) {
    take_arrivals(now);
    for (bool works = true; works && std::ssize(in_flight) < config.stages;) {
      Step step = make_step(now);
      works = !step.scheduled.empty();
      if (works) {
        step.start_ps = now;
        step.duration_ps = stages.pass(now, step_time_(step)) - now;
        for (const ScheduledRequest& entry : step.scheduled) {
          state[entry.request].in_batch = true;
        }
        in_flight.push_back(step);
      } else if (in_flight.empty()) {
        works = !step.preempted.empty();
      }
    }
    if (in_flight.empty() && arrivals_.empty()) {
      return result_;
    }
    const std::int64_t then = in_flight.empty()
                                  ? requests_[arrivals_.front()].arrival_ps
                                  : in_flight.front().start_ps + in_flight.front().duration_ps;
    for (std::size_t r = 0; r < state.size(); ++r) {
      result_.requests[r].block_ps += state[r].blocks * (then - now);
    }
    now = then;
    if (!in_flight.empty()) {
      for (const ScheduledRequest& entry : in_flight.front().scheduled) {
        state[entry.request].in_batch = false;
      }
      update(in_flight.front(), now);
      result_.steps.push_back(in_flight.front());
      in_flight.pop_front();
    }
  }
}

// 1.5.8, as in reference_scheduler.h.
void EngineReference::abort_overdue(std::int64_t now) {
  for (std::size_t r = 0; r < state.size(); ++r) {
    EngineSequence& s = state[r];
    Outcome& outcome = result_.requests[r];
    const bool is_here = outcome.reject == Reject::kNone && !s.done;
    if (!is_here || requests_[r].deadline_ps > now || s.generated + s.in_flight == s.output) {
      continue;
    }
    if (runs(r)) {
      give_up(r);
    }
    std::erase(running, r);
    std::erase(waiting, r);
    s.done = true;
    outcome.finish_ps = now;
    outcome.aborted = true;
  }
}

}  // namespace penstock::oracle
