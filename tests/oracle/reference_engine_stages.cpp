// What not all loads have: batches in flight at once, ranks, and clients that give up.

#include <deque>
#include <iterator>

#include "tests/oracle/reference_engines.h"
#include "tests/oracle/reference_stages.h"

namespace penstock::oracle {

// 1.2.3 and 1.2.4, as in reference_ranks.cpp; [i] TensorRT-LLM does not go on with a prompt of
// which a chunk is in flight, and its limit of sequences is that of a batch. SGLang's batches take
// turns: none is scheduled before the one that is next.
class EngineRanks {
 public:
  EngineRanks(const EngineConfig& config, std::vector<std::unique_ptr<EngineReference>> ranks)
      : config_(config),
        ranks_(std::move(ranks)),
        stages_(config.stages),
        is_in_flight_(static_cast<std::size_t>(config.stages), false) {
    arrivals_ = ranks_.front()->arrivals_;
    rank_of_.resize(arrivals_.size());
    for (const auto& rank : ranks_) {
      rank->arrivals_.clear();
    }
  }

  Result run() {
    std::int64_t now = 0;
    take_arrivals(1);
    while (true) {
      launch(now);
      if (in_flight_.empty() && arrivals_.empty()) {
        return all();
      }
      const std::int64_t then = in_flight_.empty() ? arrival_ps() : in_flight_.front().end_ps;
      take_arrivals(then);
      for (const auto& rank : ranks_) {
        for (std::size_t r = 0; r < rank->state.size(); ++r) {
          rank->result_.requests[r].block_ps += rank->state[r].blocks * (then - now);
        }
      }
      now = then;
      if (!in_flight_.empty()) {
        end();
      }
      take_arrivals(now + 1);
    }
  }

 private:
  // One batch of each rank.
  struct Slot {
    std::size_t place = 0;
    std::int64_t end_ps = 0;
    std::vector<Step> steps = {};
  };

  std::int64_t arrival_ps() const {
    return ranks_.front()->requests_[arrivals_.front()].arrival_ps;
  }

  void take_arrivals(std::int64_t before) {
    while (!arrivals_.empty() && arrival_ps() < before) {
      const std::size_t r = arrivals_.front();
      arrivals_.erase(arrivals_.begin());
      rank_of_[r] = ranks_.front()->reject_reason(r) == Reject::kNone ? choose() : 0;
      EngineReference& rank = *ranks_[rank_of_[r]];
      rank.arrivals_ = {r};
      rank.take_arrivals(rank.requests_[r].arrival_ps);
    }
  }

  // 4.4: SGLang's in turn; TensorRT-LLM's to the first of those with the fewest requests.
  std::size_t choose() {
    if (config_.kind == EngineConfig::Kind::sglang) {
      return turn_++ % ranks_.size();
    }
    const auto requests = [this](std::size_t rank) {
      return ranks_[rank]->waiting.size() + ranks_[rank]->running.size();
    };
    std::size_t chosen = 0;
    for (std::size_t rank = 1; rank < ranks_.size(); ++rank) {
      chosen = requests(rank) < requests(chosen) ? rank : chosen;
    }
    return chosen;
  }

  void launch(std::int64_t now) {
    const bool in_turn = config_.kind == EngineConfig::Kind::sglang;
    for (std::size_t i = 0; i < is_in_flight_.size(); ++i) {
      const std::size_t place = (returned_ + i) % is_in_flight_.size();
      if (is_in_flight_[place] && in_turn) {
        return;
      }
      if (!is_in_flight_[place] && !launch_at(place, now) && !in_turn) {
        return;
      }
    }
  }

  bool launch_at(std::size_t place, std::int64_t now) {
    Slot slot{place};
    std::int64_t slowest = 0;
    for (const auto& rank : ranks_) {
      rank->place = place;
      Step step = rank->make_step(now);
      while (in_flight_.empty() && step.scheduled.empty() && !step.preempted.empty()) {
        step = rank->make_step(now);
      }
      if (!step.scheduled.empty()) {
        slowest = std::max(slowest, rank->step_time_(step));
      }
      slot.steps.push_back(step);
    }
    if (slowest == 0) {
      return false;
    }
    slot.end_ps = stages_.pass(now, slowest);
    for (std::size_t i = 0; i < ranks_.size(); ++i) {
      slot.steps[i].start_ps = now;
      slot.steps[i].duration_ps = slot.end_ps - now;
      for (const ScheduledRequest& entry : slot.steps[i].scheduled) {
        ranks_[i]->state[entry.request].in_batch = true;
      }
    }
    is_in_flight_[place] = true;
    in_flight_.push_back(slot);
    return true;
  }

  void end() {
    const Slot slot = in_flight_.front();
    in_flight_.pop_front();
    returned_ = slot.place;
    is_in_flight_[slot.place] = false;
    for (std::size_t i = 0; i < ranks_.size(); ++i) {
      for (const ScheduledRequest& entry : slot.steps[i].scheduled) {
        ranks_[i]->state[entry.request].in_batch = false;
      }
      if (!slot.steps[i].scheduled.empty()) {
        ranks_[i]->update(slot.steps[i], slot.end_ps);
        ranks_[i]->result_.steps.push_back(slot.steps[i]);
      }
    }
  }

  Result all() const {
    Result out = ranks_.front()->result_;
    for (std::size_t r = 0; r < rank_of_.size(); ++r) {
      out.requests[r] = ranks_[rank_of_[r]]->result_.requests[r];
    }
    for (std::size_t i = 1; i < ranks_.size(); ++i) {
      const std::vector<Step>& steps = ranks_[i]->result_.steps;
      out.steps.insert(out.steps.end(), steps.begin(), steps.end());
    }
    return out;
  }

  const EngineConfig config_;
  std::vector<std::unique_ptr<EngineReference>> ranks_;
  Stages stages_;
  std::deque<Slot> in_flight_;
  std::vector<bool> is_in_flight_;  // by place
  std::size_t returned_ = 0;        // place of the batch that came back last
  std::size_t turn_ = 0;
  std::vector<std::size_t> arrivals_;
  std::vector<std::size_t> rank_of_;  // each request's
};

Result simulate_ranks(const EngineConfig& config, const std::vector<Request>& requests,
                      const StepTime& step_time) {
  std::vector<std::unique_ptr<EngineReference>> ranks;
  for (std::int64_t rank = 0; rank < config.ranks; ++rank) {
    ranks.push_back(config.kind == EngineConfig::Kind::sglang
                        ? make_sglang_reference(config, requests, step_time)
                        : make_tensorrt_reference(config, requests, step_time));
  }
  return config.stages == 1 && config.ranks == 1 ? ranks.front()->run()
                                                 : EngineRanks(config, std::move(ranks)).run();
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
      abort(r);
    }
    std::erase(running, r);
    std::erase(waiting, r);
    s.done = true;
    outcome.finish_ps = now;
    outcome.aborted = true;
  }
}

}  // namespace penstock::oracle
