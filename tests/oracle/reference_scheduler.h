#pragma once

// The rules of vLLM V1 as the naive reference applies them (tests/oracle/reference.h).
#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <tuple>

#include "tests/oracle/reference_memory.h"

namespace penstock::oracle {

struct Reference {
  const Config& config;
  const std::vector<Request>& requests;
  const StepTime& step_time;
  std::vector<State> state = {};
  std::vector<std::size_t> arrivals = {};  // not yet arrived, in order of (arrival, index)
  std::vector<std::size_t> waiting = {};
  std::vector<std::size_t> running = {};  // in order of admission
  int fruitless_schedules = 0;
  Identities identities = {};
  Memory memory = Memory(config);
  struct Load {
    std::int64_t ready_ps = 0;
    std::size_t request = 0;
  };
  std::vector<Load> loads = {};  // 4.6: neither waiting nor running
  Result result = {};

  Result run();
  Result run_stages();

  // When something may come of another schedule(), where the last one found nothing to do.
  std::int64_t next_copy_or_arrival() const {
    std::int64_t next = arrivals.empty() ? INT64_MAX : requests[arrivals.front()].arrival_ps;
    next = loads.empty() ? next : std::min(next, loads.front().ready_ps);
    next = waiting.empty() ? next : std::min(next, memory.host.next_store());
    if (next == INT64_MAX) {
      throw std::logic_error("reference: nothing can ever be scheduled again");
    }
    return next;
  }

  void prepare() {
    if (config.max_num_seqs < 1 || config.max_num_batched_tokens < 1 || config.block_size < 1 ||
        config.usable_blocks < 1 || config.long_prefill_token_threshold < 0) {
      throw std::invalid_argument("reference: bad configuration");
    }
    memory = Memory(config);
    for (std::size_t r = 0; r < requests.size(); ++r) {
      // 1.5.3: length-capped at max_tokens or where num_tokens reaches max_model_len.
      const std::int64_t room = config.max_model_len - requests[r].prompt;
      state.push_back({requests[r].prompt, std::min(requests[r].output, room)});
      arrivals.push_back(r);
    }
    std::stable_sort(arrivals.begin(), arrivals.end(), [this](std::size_t a, std::size_t b) {
      return requests[a].arrival_ps < requests[b].arrival_ps;
    });
    result.requests.resize(requests.size());
  }

  // 1.2.2: everything that has arrived is queued, in arrival order.
  void take_arrivals(std::int64_t now) {
    while (!arrivals.empty() && requests[arrivals.front()].arrival_ps <= now) {
      const std::size_t r = arrivals.front();
      arrivals.erase(arrivals.begin());
      result.requests[r].reject = reject_reason(r);
      if (result.requests[r].reject == Reject::kNone) {
        if (config.enable_prefix_caching) {  // 1.4.6: else the same pool without hashes
          state[r].identities = identities.of(r, requests[r].content,
                                              state[r].prompt + state[r].output, config.block_size);
        }
        enqueue(r, waiting.size());
      }
    }
  }

  Reject reject_reason(std::size_t r) const {
    if (requests[r].prompt < 1 || requests[r].output < 1) {
      return Reject::kEmpty;
    }
    if (requests[r].prompt >= config.max_model_len) {  // 1.5.6
      return Reject::kExceedsMaxLen;
    }
    // 1.5.7. The last token is never computed (1.0). A request that passes also passes the gate of
    // 1.3.5 when alone: the gate looks at num_tokens <= P + G - 1, and no watermark applies then.
    if (memory.blocks_for(state[r].prompt + state[r].output - 1) > config.usable_blocks) {
      return Reject::kNeverFits;
    }
    return Reject::kNone;
  }

  // FCFS: at the given position of `waiting`. Priority: by (priority, arrival, index).
  void enqueue(std::size_t r, std::size_t position) {
    if (config.priority_policy) {
      position = 0;
      while (position < waiting.size() && key(waiting[position]) < key(r)) {
        ++position;
      }
    }
    waiting.insert(waiting.begin() + static_cast<std::ptrdiff_t>(position), r);
  }

  std::tuple<std::int64_t, std::int64_t, std::size_t> key(std::size_t r) const {
    return {requests[r].priority, requests[r].arrival_ps, r};
  }

  // 1.3
  Step schedule(std::int64_t now) {
    if (++fruitless_schedules > 100000) {
      throw std::runtime_error("reference: livelock, no token in 100000 schedule() calls");
    }
    Step step;
    step.schedule_ps = now;
    std::int64_t budget = config.max_num_batched_tokens;
    finish_copies(now);
    abort_overdue(now);
    schedule_running(step, budget);
    if (step.preempted.empty()) {
      schedule_waiting(step, budget);
    }
    advance(step);
    step.running = std::ssize(running);
    step.blocks_in_use = memory.blocks_in_use();
    return step;
  }

  // 4.6: what was copied to the host can be found there; requests whose blocks have come from it
  // stand at the head of the queue again.
  void finish_copies(std::int64_t now) {
    memory.host.finish_stores(now);
    std::size_t position = 0;
    for (; !loads.empty() && loads.front().ready_ps <= now; loads.erase(loads.begin())) {
      memory.finish_load(state[loads.front().request]);
      enqueue(loads.front().request, position++);
    }
  }

  // 1.5.8: between steps, wherever it is; but one whose last token is in flight, which finishes.
  void abort_overdue(std::int64_t now) {
    for (std::size_t r = 0; r < state.size(); ++r) {
      State& s = state[r];
      Outcome& outcome = result.requests[r];
      const bool is_here = outcome.reject == Reject::kNone && outcome.finish_ps < 0;
      if (!is_here || requests[r].deadline_ps > now || s.generated + pending(s) == s.output) {
        continue;
      }
      memory.free_blocks(s, now);
      std::erase(running, r);
      std::erase(waiting, r);
      std::erase_if(loads, [r](const Load& load) { return load.request == r; });
      outcome.finish_ps = now;
      outcome.aborted = true;
    }
  }

  std::int64_t pending(const State& s) const {
    return config.async_scheduling ? s.placeholders : s.in_flight ? 1 : 0;
  }

  // 1.3.1: phase 1.
  void schedule_running(Step& step, std::int64_t& budget) {
    std::size_t i = 0;
    while (i < running.size() && budget > 0) {
      const std::size_t r = running[i];
      State& s = state[r];
      const std::int64_t n = running_tokens(s, budget);
      if (n == 0) {  // 1.3.1.7
        ++i;
        continue;
      }
      bool preempted_itself = false;
      while (!preempted_itself && !memory.fits(s, {}, s.computed + n, 0)) {  // 1.3.1.8
        const std::size_t victim = choose_victim();
        if (victim == r && give_back_loaded(0, step.schedule_ps)) {
          continue;
        }
        // 1.3.2: a victim that this call has already scheduled is taken out again. Only then is i
        // decremented, as the text has it; a victim before i that was skipped does not move i.
        for (std::size_t k = 0; k < step.scheduled.size(); ++k) {
          if (step.scheduled[k].request == victim) {
            budget += step.scheduled[k].n;
            step.scheduled.erase(step.scheduled.begin() + static_cast<std::ptrdiff_t>(k));
            --i;
            break;
          }
        }
        preempt(victim, step);
        preempted_itself = victim == r;
      }
      if (preempted_itself) {  // 1.3.1.9
        break;
      }
      memory.allocate(s, {}, s.computed + n);
      step.scheduled.push_back({r, n, s.computed, false});  // 1.3.1.10
      budget -= n;
      ++i;
    }
  }

  // 1.3.1.1 to 1.3.1.5: the tokens that a running request gets; 0 = skip it.
  std::int64_t running_tokens(const State& s, std::int64_t budget) const {
    if (s.placeholders > 0 && s.computed + 2 - s.placeholders >= s.prompt + s.output) {
      return 0;
    }
    std::int64_t n = cap_long_prefill(s.num_tokens() + s.placeholders - s.computed);
    n = std::min(n, budget);
    return std::min(n, config.max_model_len - 1 - s.computed);
  }

  std::int64_t cap_long_prefill(std::int64_t n) const {
    const std::int64_t threshold = config.long_prefill_token_threshold;
    return 0 < threshold && threshold < n ? threshold : n;
  }

  // 1.3.2
  std::size_t choose_victim() const {
    if (!config.priority_policy) {
      return running.back();
    }
    return *std::max_element(running.begin(), running.end(),
                             [this](std::size_t a, std::size_t b) { return key(a) < key(b); });
  }

  // 1.3.3. Generated tokens are kept, and so are the placeholders of a token in flight. Hashes stay
  // valid, also those of blocks that this very call registered for a victim whose tokens it then
  // takes back (1.3.2), though nobody computes them: vLLM does the same.
  void preempt(std::size_t victim, Step& step) {
    std::erase(running, victim);
    memory.free_blocks(state[victim], step.schedule_ps);
    result.requests[victim].discarded += state[victim].computed;
    state[victim].computed = 0;
    result.requests[victim].preemptions += 1;
    step.preempted.push_back(victim);
    enqueue(victim, 0);
  }

  // 1.3.4: phase 2. Every waiting request has C = 0 and no blocks, unless they came from the
  // memory.host.
  void schedule_waiting(Step& step, std::int64_t& budget) {
    const auto num_blocks = static_cast<double>(config.usable_blocks + 1);
    const auto watermark_blocks = static_cast<std::int64_t>(config.watermark * num_blocks);
    while (!waiting.empty() && budget > 0) {
      if (std::ssize(running) >= config.max_num_seqs) {  // 1.3.4.1
        break;
      }
      const std::size_t r = waiting.front();
      State& s = state[r];
      if (config.stages > 1 && s.in_flight) {  // [i] not again before its token is back
        break;
      }
      // 1.3.4.4, 1.4.4: at every attempt, and so that at least one token is left to compute.
      const std::int64_t most = (s.num_tokens() - 1) / config.block_size;
      const Blocks hit = s.blocks.empty() ? memory.pool.lookup(s.identities, most) : Blocks();
      const std::int64_t from_host = memory.blocks_from_host(s, hit, most);  // 4.6
      const std::int64_t hit_tokens =
          (std::ssize(s.blocks) + std::ssize(hit) + from_host) * config.block_size;
      // 1.3.4.5; the generated tokens of a resumed request are included.
      std::int64_t n = cap_long_prefill(s.num_tokens() - hit_tokens);
      if (!config.chunked_prefill && n > budget && from_host == 0) {
        break;
      }
      n = std::min(n, budget);
      const std::int64_t margin = running.empty() ? 0 : watermark_blocks;  // 1.3.5
      const bool gate = !config.reserve_full_isl || memory.fits(s, hit, s.num_tokens(), margin);
      // Ours, where the gate is off: blocks from the host are not fetched without room for the
      // chunk.
      if (!gate || !memory.fits(s, hit, hit_tokens + n, margin)) {  // 1.3.4.6
        if (running.empty() && loads.empty() && give_back_loaded(1, step.schedule_ps)) {
          continue;
        }
        break;
      }
      if (from_host > 0) {
        load(r, hit, from_host, step.schedule_ps);
        continue;
      }
      waiting.erase(waiting.begin());
      running.push_back(r);  // 1.3.4.8
      s.computed = hit_tokens;
      memory.allocate(s, hit, hit_tokens + n);
      step.scheduled.push_back({r, n, hit_tokens, false});
      budget -= n;
      result.requests[r].hit_tokens += hit_tokens;
      if (result.requests[r].first_scheduled_ps < 0) {
        result.requests[r].first_scheduled_ps = step.schedule_ps;
        result.requests[r].cached_tokens = hit_tokens;
        result.requests[r].host_tokens = s.from_host * config.block_size;
      }
      s.from_host = 0;
    }
  }

  // 4.6: the request waits, with its blocks, until they have come; the engine goes on.
  void load(std::size_t r, const Blocks& hit, std::int64_t from_host, std::int64_t now) {
    const std::int64_t ready = memory.load(state[r], hit, from_host, now);
    if (ready <= now) {
      memory.finish_load(state[r]);
    } else {
      waiting.erase(waiting.begin());
      loads.push_back({ready, r});
    }
  }

  // Ours: blocks that came from the host for requests that wait could keep the head out while
  // nothing goes on, or make a running request preempt itself. The last such request then frees its
  // own.
  bool give_back_loaded(std::size_t spared, std::int64_t now) {
    for (std::size_t i = waiting.size(); i > spared; --i) {
      State& s = state[waiting[i - 1]];
      if (!s.blocks.empty()) {
        memory.free_blocks(s, now);
        s.computed = 0;
        s.from_host = 0;
        return true;
      }
    }
    return false;
  }

  // 1.3.6, and 1.6.1 for the placeholders.
  void advance(Step& step) {
    for (ScheduledRequest& entry : step.scheduled) {
      State& s = state[entry.request];
      s.computed += entry.n;
      entry.samples = !(s.computed < s.num_tokens() + s.placeholders);
      s.in_flight = entry.samples;
      if (config.async_scheduling && entry.samples) {
        s.placeholders += 1;
      }
      result.requests[entry.request].computed += entry.n;
    }
  }

  // 1.5, at the step's end. In async mode the request may sit in `waiting` (preempted since): its
  // token is accepted all the same, and may be its last.
  void update(const Step& step, std::int64_t now) {
    for (const ScheduledRequest& entry : step.scheduled) {
      if (!entry.samples || result.requests[entry.request].aborted) {
        continue;  // 1.5.1: a partial prefill; 1.5.8
      }
      fruitless_schedules = 0;
      State& s = state[entry.request];
      s.generated += 1;
      s.in_flight = false;
      if (config.async_scheduling) {
        s.placeholders -= 1;
      }
      result.requests[entry.request].token_ps.push_back(now);
      memory.register_full_blocks(s, s.computed - s.placeholders);
      if (s.generated == s.output) {  // 1.5.4
        memory.free_blocks(s, now);
        std::erase(running, entry.request);
        std::erase(waiting, entry.request);
        result.requests[entry.request].finish_ps = now;
      }
    }
  }
};

}  // namespace penstock::oracle
