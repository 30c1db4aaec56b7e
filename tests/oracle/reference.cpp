#include "tests/oracle/reference.h"

#include <deque>

#include "tests/oracle/reference_scheduler.h"
#include "tests/oracle/reference_stages.h"

namespace penstock::oracle {

// 1.2.1 (sync) and 1.6.5 (async). At one instant: step end, then arrivals, then schedule().
Result Reference::run() {
  prepare();
  std::int64_t now = 0;
  while (true) {
    take_arrivals(now);
    if (running.empty() && waiting.empty() && loads.empty()) {
      if (memory.blocks_in_use() != 0) {  // 7.2-6
        throw std::logic_error("reference: blocks in use when idle");
      }
      if (arrivals.empty()) {
        return result;
      }
      now = requests[arrivals.front()].arrival_ps;
      continue;
    }
    Step step = schedule(now);  // nothing is in flight here: schedule and start coincide
    const bool all_gone = running.empty() && waiting.empty() && loads.empty();  // 1.5.8
    if (step.scheduled.empty() && step.preempted.empty() && !all_gone) {
      now = next_copy_or_arrival();
    }
    while (!step.scheduled.empty()) {
      step.start_ps = now;
      step.duration_ps = step_time(step);
      Step next;  // sync: stays empty, and the outer loop schedules after the update
      if (config.async_scheduling) {
        next = schedule(now);  // schedule(k+1) at the start of step k; if empty, again at its end
      }
      for (std::size_t r = 0; r < state.size(); ++r) {
        result.requests[r].block_ps += std::ssize(state[r].blocks) * step.duration_ps;
      }
      now += step.duration_ps;
      update(step, now);
      result.steps.push_back(step);
      take_arrivals(now);
      step = next;
    }
  }
}

// 1.2.3: up to p batches in flight, which come back in the order in which they were scheduled.
// Arrivals are seen when the oldest one does, or at once if there is none.
Result Reference::run_stages() {
  prepare();
  std::deque<Step> in_flight;
  Stages stages(config.stages);
  std::int64_t now = 0;
  while (true) {
    take_arrivals(now);
    for (bool works = true; works && std::ssize(in_flight) < config.stages;) {
      Step step = schedule(now);
      works = !step.scheduled.empty();
      if (works) {
        step.start_ps = now;
        step.duration_ps = stages.pass(now, step_time(step)) - now;
        in_flight.push_back(step);
      } else if (in_flight.empty()) {
        works = !step.preempted.empty();
      }
    }
    if (in_flight.empty() && arrivals.empty()) {
      return result;
    }
    const std::int64_t then = in_flight.empty()
                                  ? requests[arrivals.front()].arrival_ps
                                  : in_flight.front().start_ps + in_flight.front().duration_ps;
    for (std::size_t r = 0; r < state.size(); ++r) {
      result.requests[r].block_ps += std::ssize(state[r].blocks) * (then - now);
    }
    now = then;
    if (!in_flight.empty()) {
      update(in_flight.front(), now);
      result.steps.push_back(in_flight.front());
      in_flight.pop_front();
    }
  }
}

Result simulate(const Config& config, const std::vector<Request>& requests,
                const StepTime& step_time) {
  if (config.ranks > 1) {
    return simulate_ranks(config, requests, step_time);
  }
  Reference reference{config, requests, step_time};
  return config.stages > 1 ? reference.run_stages() : reference.run();
}

}  // namespace penstock::oracle
