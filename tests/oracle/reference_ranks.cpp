// Ranks in lock-step (attention data parallelism): a scheduler, a queue and a pool each.

#include <deque>

#include "tests/oracle/reference_scheduler.h"
#include "tests/oracle/reference_stages.h"

namespace penstock::oracle {

namespace {

constexpr std::int64_t kPublicationPs = 100'000'000'000;

struct Ranks {
  const Config& config;
  std::vector<Reference> ranks;
  std::vector<std::size_t> arrivals = {};
  std::vector<std::size_t> rank_of = {};  // each request's
  std::vector<std::int64_t> scores = {};  // as published last, and what was sent since
  std::int64_t next_publication = 0;

  Result run();

  // 5.1-9: every 100 ms, as things stood before anything that happens at that very moment.
  void look(std::int64_t now) {
    if (now < next_publication) {
      return;
    }
    for (std::size_t r = 0; r < ranks.size(); ++r) {
      scores[r] = 4 * std::ssize(ranks[r].waiting) + std::ssize(ranks[r].running);
    }
    next_publication = (now / kPublicationPs + 1) * kPublicationPs;
  }

  void take_arrivals(std::int64_t before) {
    const std::vector<Request>& requests = ranks[0].requests;
    while (!arrivals.empty() && requests[arrivals.front()].arrival_ps < before) {
      const std::size_t request = arrivals.front();
      arrivals.erase(arrivals.begin());
      look(requests[request].arrival_ps);
      const Reject reason = ranks[0].reject_reason(request);  // the limits of all are alike
      std::size_t chosen = 0;
      for (std::size_t r = 1; r < ranks.size(); ++r) {
        chosen = scores[r] < scores[chosen] ? r : chosen;
      }
      rank_of[request] = chosen;
      if (reason == Reject::kNone) {
        scores[chosen] += 4;
      }
      ranks[chosen].arrivals = {request};
      ranks[chosen].take_arrivals(requests[request].arrival_ps);
    }
  }

  // 1.2.4: one batch of each rank, which all take as long as the slowest; empty if none has any.
  std::vector<Step> schedule(std::int64_t now, bool nothing_in_flight) {
    std::vector<Step> slot;
    bool works = false;
    for (Reference& rank : ranks) {
      Step step = rank.schedule(now);
      while (nothing_in_flight && step.scheduled.empty() && !step.preempted.empty()) {
        step = rank.schedule(now);
      }
      works = works || !step.scheduled.empty();
      slot.push_back(step);
    }
    return works ? slot : std::vector<Step>();
  }

  std::int64_t slowest(const std::vector<Step>& slot) const {
    std::int64_t time = 0;
    for (const Step& step : slot) {
      time = std::max(time, step.scheduled.empty() ? 0 : ranks[0].step_time(step));
    }
    return time;
  }

  Result all() const {
    Result out = ranks[0].result;
    for (std::size_t request = 0; request < rank_of.size(); ++request) {
      out.requests[request] = ranks[rank_of[request]].result.requests[request];
    }
    for (std::size_t r = 1; r < ranks.size(); ++r) {
      const std::vector<Step>& steps = ranks[r].result.steps;
      out.steps.insert(out.steps.end(), steps.begin(), steps.end());
    }
    return out;
  }
};

// 1.2.3 and 1.2.4: up to p batches of all ranks in flight, which come back in the order in which
// they were scheduled.
Result Ranks::run() {
  for (Reference& rank : ranks) {
    rank.prepare();
    arrivals.swap(rank.arrivals);
    rank.arrivals.clear();
  }
  rank_of.resize(arrivals.size());
  scores.resize(ranks.size());
  std::deque<std::vector<Step>> in_flight;
  Stages stages(config.stages);
  std::int64_t now = 0;
  take_arrivals(1);
  while (true) {
    for (bool works = true; works && std::ssize(in_flight) < config.stages;) {
      std::vector<Step> slot = schedule(now, in_flight.empty());
      works = !slot.empty();
      if (works) {
        slot[0].start_ps = now;
        slot[0].duration_ps = stages.pass(now, slowest(slot)) - now;
        in_flight.push_back(slot);
      }
    }
    if (in_flight.empty() && arrivals.empty()) {
      return all();
    }
    const std::int64_t then =
        in_flight.empty() ? ranks[0].requests[arrivals.front()].arrival_ps
                          : in_flight.front()[0].start_ps + in_flight.front()[0].duration_ps;
    take_arrivals(then);
    for (Reference& rank : ranks) {
      for (std::size_t r = 0; r < rank.state.size(); ++r) {
        rank.result.requests[r].block_ps += std::ssize(rank.state[r].blocks) * (then - now);
      }
    }
    now = then;
    if (!in_flight.empty()) {
      look(now);
      for (std::size_t r = 0; r < ranks.size(); ++r) {
        const Step& step = in_flight.front()[r];
        if (!step.scheduled.empty()) {
          ranks[r].update(step, now);
          ranks[r].result.steps.push_back(step);
        }
      }
      in_flight.pop_front();
    }
    take_arrivals(now + 1);
  }
}

}  // namespace

Result simulate_ranks(const Config& config, const std::vector<Request>& requests,
                      const StepTime& step_time) {
  Ranks all{config, std::vector<Reference>(static_cast<std::size_t>(config.ranks),
                                           Reference{config, requests, step_time})};
  return all.run();
}

}  // namespace penstock::oracle
