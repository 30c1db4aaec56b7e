#include "tests/oracle/reference_engines.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace penstock::oracle {

EngineReference::EngineReference(const EngineConfig& c, const std::vector<Request>& requests,
                                 const StepTime& step_time)
    : config(c), requests_(requests), step_time_(step_time) {
  for (std::size_t r = 0; r < requests.size(); ++r) {
    EngineSequence s;
    s.prompt = requests[r].prompt;
    s.output = std::min(requests[r].output, config.max_model_len - requests[r].prompt);
    state.push_back(s);
    arrivals_.push_back(r);
  }
  std::stable_sort(arrivals_.begin(), arrivals_.end(), [&](std::size_t a, std::size_t b) {
    return requests[a].arrival_ps < requests[b].arrival_ps;
  });
  result_.requests.resize(requests.size());
}

// 1.2.1 (sync) and 1.6.5 (overlap), as in reference.cpp.
Result EngineReference::run() {
  std::int64_t now = 0;
  while (true) {
    take_arrivals(now);
    Step step = make_step(now);
    if (step.scheduled.empty() && running.empty() && waiting.empty()) {
      if (free_blocks() != config.usable_blocks) {
        throw std::logic_error("reference: blocks in use when idle");
      }
      if (arrivals_.empty()) {
        return result_;
      }
      now = requests_[arrivals_.front()].arrival_ps;
      continue;
    }
    while (!step.scheduled.empty()) {
      step.start_ps = now;
      step.duration_ps = step_time_(step);
      Step next;
      if (config.overlap) {
        next = make_step(now);
      }
      for (std::size_t r = 0; r < state.size(); ++r) {
        result_.requests[r].block_ps += state[r].blocks * step.duration_ps;
      }
      now += step.duration_ps;
      update(step, now);
      result_.steps.push_back(step);
      take_arrivals(now);
      step = next;
    }
  }
}

void EngineReference::take_arrivals(std::int64_t now) {
  while (!arrivals_.empty() && requests_[arrivals_.front()].arrival_ps <= now) {
    const std::size_t r = arrivals_.front();
    arrivals_.erase(arrivals_.begin());
    result_.requests[r].reject = reject_reason(r);
    if (result_.requests[r].reject == Reject::kNone) {
      waiting.push_back(r);
    }
  }
}

Reject EngineReference::reject_reason(std::size_t r) const {
  return requests_[r].prompt >= config.max_model_len ? Reject::kExceedsMaxLen
         : never_fits(state[r])                      ? Reject::kNeverFits
                                                     : Reject::kNone;
}

Step EngineReference::make_step(std::int64_t now) {
  if (++fruitless_schedules_ > 100000) {
    throw std::runtime_error("reference: livelock, no token in 100000 schedule() calls");
  }
  Step step;
  step.schedule_ps = now;
  abort_overdue(now);
  schedule(step);
  step.running = std::ssize(running);
  step.blocks_in_use = config.usable_blocks - free_blocks();
  return step;
}

std::int64_t EngineReference::free_blocks() const {
  std::int64_t free = config.usable_blocks;
  for (const EngineSequence& s : state) {
    free -= s.blocks + s.beside;
  }
  if (free < 0) {
    throw std::logic_error("reference: more blocks than there are");
  }
  return free;
}

void EngineReference::grow(EngineSequence& s, std::int64_t tokens) {
  s.blocks = std::max(s.blocks, held_for(tokens));
  free_blocks();  // checks
}

void EngineReference::decode(std::size_t r, Step& step) {
  EngineSequence& s = state[r];
  if (!s.done) {
    grow(s, s.computed + 1);
  }
  step.scheduled.push_back({r, 1, s.computed, true});
  result_.requests[r].computed += 1 + config.drafts;
  s.computed += 1;
  s.in_flight += 1;
}

void EngineReference::prefill(std::size_t r, std::int64_t n, Step& step) {
  EngineSequence& s = state[r];
  grow(s, s.computed + n);
  const bool completes = s.computed + n == s.known();
  step.scheduled.push_back({r, n, s.computed, completes});
  result_.requests[r].computed += n;
  s.computed += n;
  if (completes) {
    s.in_flight += 1;
    s.decoding = true;
  }
}

void EngineReference::admit(std::size_t r, const Step& step, std::int64_t cached) {
  std::erase(waiting, r);
  running.push_back(r);
  state[r].computed = cached;
  state[r].blocks = cached / config.block_size;
  state[r].beside = config.beside(state[r].known());
  if (result_.requests[r].first_scheduled_ps < 0) {
    result_.requests[r].first_scheduled_ps = step.schedule_ps;
    result_.requests[r].cached_tokens = cached;
  }
}

// Recompute: all KV is lost, tokens are kept as part of the prompt (2.1.3, 2.5.4, 2.6.1).
void EngineReference::preempt(std::size_t r, Step& step, bool to_the_tail) {
  EngineSequence& s = state[r];
  give_up(r);
  result_.requests[r].discarded += s.computed;
  s.computed = 0;
  s.decoding = false;
  result_.requests[r].preemptions += 1;
  step.preempted.push_back(r);
  std::erase(running, r);
  waiting.insert(to_the_tail ? waiting.end() : waiting.begin(), r);
}

void EngineReference::update(const Step& step, std::int64_t now) {
  std::vector<std::size_t> finished;
  for (const ScheduledRequest& entry : step.scheduled) {
    EngineSequence& s = state[entry.request];
    if (!entry.samples || s.done) {
      continue;  // a partial prefill, or a token too many (2.5.6)
    }
    fruitless_schedules_ = 0;
    s.in_flight -= 1;
    s.generated += 1;
    Outcome& outcome = result_.requests[entry.request];
    outcome.token_ps.push_back(now);
    if (s.generated == s.output) {
      s.done = true;
      outcome.finish_ps = now;
      finished.push_back(entry.request);
    }
  }
  const auto order = [this](std::size_t r) { return std::find(running.begin(), running.end(), r); };
  std::stable_sort(finished.begin(), finished.end(),
                   [&](std::size_t a, std::size_t b) { return order(a) < order(b); });
  for (const std::size_t r : finished) {
    finish(r);
  }
  ended(step);
}

void EngineReference::finish(std::size_t r) {
  state[r].blocks = state[r].beside = 0;
  std::erase(running, r);
  std::erase(waiting, r);
}

bool EngineReference::never_fits(const EngineSequence& s) const {
  return blocks_for(s.prompt + s.output - 1) > config.usable_blocks;
}

namespace {

// 2.1 and 2.4 keep a share of all blocks free at admission.
std::int64_t watermark_blocks(const EngineConfig& config) {
  return static_cast<std::int64_t>(config.watermark * static_cast<double>(config.usable_blocks));
}

// 2.1
class VllmV0 final : public EngineReference {
 public:
  using EngineReference::EngineReference;

 private:
  // 2.1.1: prompts beyond the limit are ignored; [i] so are those that could be too long for M or
  // the pool less the watermark when they come again with what they had generated.
  bool never_fits(const EngineSequence& s) const override {
    return s.prompt + s.output - 1 > config.token_budget ||
           blocks_for(s.prompt + s.output - 1) + config.beside(s.prompt + s.output - 1) +
                   watermark_blocks(config) >
               config.usable_blocks;
  }

  void schedule(Step& step) override {
    schedule_prefills(step);
    if (step.scheduled.empty()) {
      schedule_decodes(step);
    }
  }

  // 2.1.1
  void schedule_prefills(Step& step) {
    std::int64_t tokens = 0;
    while (!waiting.empty()) {
      const std::size_t r = waiting.front();
      const std::int64_t length = state[r].known();
      if (free_blocks() - blocks_for(length) - config.beside(length) < watermark_blocks(config) ||
          tokens + length > config.token_budget || std::ssize(running) + 1 > config.max_num_seqs) {
        return;
      }
      admit(r, step);
      prefill(r, length, step);
      tokens += length;
    }
  }

  // 2.1.2
  void schedule_decodes(Step& step) {
    std::vector<std::size_t> left = running;
    std::sort(left.begin(), left.end());  // indices are in order of arrival
    while (!left.empty()) {
      const std::size_t r = left.front();
      left.erase(left.begin());
      bool preempted_itself = false;
      while (!preempted_itself && free_blocks() == 0) {  // can_append
        const std::size_t victim = left.empty() ? r : left.back();
        preempted_itself = victim == r;
        if (!preempted_itself) {
          left.pop_back();
        }
        preempt(victim, step, false);
      }
      if (!preempted_itself) {
        decode(r, step);
      }
    }
  }
};

// 2.4
class Sarathi final : public EngineReference {
 public:
  using EngineReference::EngineReference;

 private:
  bool never_fits(const EngineSequence& s) const override {
    return blocks_for(s.prompt + s.output - 1) + config.beside(s.prompt + s.output - 1) +
               watermark_blocks(config) >
           config.usable_blocks;
  }

  void schedule(Step& step) override {
    std::int64_t used = 0;
    std::vector<std::size_t> left = running;
    std::sort(left.begin(), left.end());
    std::vector<std::size_t> partial;
    while (!left.empty()) {  // 2.4.1
      const std::size_t r = left.front();
      left.erase(left.begin());
      if (!state[r].decoding) {
        partial.push_back(r);
        continue;
      }
      bool preempted_itself = false;
      while (!preempted_itself && free_blocks() == 0) {
        const std::size_t victim = left.empty() ? r : left.back();
        preempted_itself = victim == r;
        if (!preempted_itself) {
          left.pop_back();
        }
        preempt(victim, step, false);
      }
      if (!preempted_itself) {
        decode(r, step);
        used += 1;
      }
    }
    for (const std::size_t r : partial) {  // 2.4.2
      const std::int64_t n =
          std::min(state[r].known() - state[r].computed, config.token_budget - used);
      if (n > 0) {
        prefill(r, n, step);
        used += n;
      }
    }
    while (!waiting.empty()) {  // 2.4.3
      const std::size_t r = waiting.front();
      const std::int64_t length = state[r].known();
      const std::int64_t n = std::min(length, config.token_budget - used);
      if (free_blocks() - blocks_for(length) - config.beside(length) < watermark_blocks(config) ||
          std::ssize(running) >= config.max_num_seqs || n <= 0) {
        return;
      }
      admit(r, step);
      grow(state[r], length);  // whole-prompt KV at admission
      prefill(r, n, step);
      used += n;
    }
  }
};

// 2.2 and 2.3 reserve max_model_len for each request.
class Orca : public EngineReference {
 public:
  using EngineReference::EngineReference;

 protected:
  bool never_fits(const EngineSequence&) const override {
    return blocks_for(config.max_model_len) > config.usable_blocks;
  }
  void admit_all(Step& step) {
    while (!waiting.empty() && std::ssize(running) < config.max_num_seqs &&
           blocks_for(config.max_model_len) <= free_blocks()) {
      const std::size_t r = waiting.front();
      admit(r, step);
      grow(state[r], config.max_model_len);
      prefill(r, state[r].known(), step);
    }
  }
  void schedule(Step& step) override {
    for (const std::size_t r : running) {
      decode(r, step);
    }
    admit_all(step);
  }
};

// 2.3. [i] A member that has finished stays as a row that computes and emits nothing; prompts are
// not padded.
class StaticBatch final : public Orca {
 public:
  using Orca::Orca;

 private:
  void schedule(Step& step) override {
    if (running.empty()) {
      admit_all(step);
      return;
    }
    for (const std::size_t r : running) {
      decode(r, step);
    }
  }
  void finish(std::size_t) override {
    for (const std::size_t r : running) {
      if (!state[r].done) {
        return;
      }
    }
    for (const std::size_t r : running) {
      state[r].blocks = 0;
    }
    running.clear();
  }
};

}  // namespace

Result simulate_engine(const EngineConfig& config, const std::vector<Request>& requests,
                       const StepTime& step_time) {
  switch (config.kind) {
    case EngineConfig::Kind::vllm_v0:
      return VllmV0(config, requests, step_time).run();
    case EngineConfig::Kind::orca:
      return Orca(config, requests, step_time).run();
    case EngineConfig::Kind::static_batch:
      return StaticBatch(config, requests, step_time).run();
    case EngineConfig::Kind::sarathi:
      return Sarathi(config, requests, step_time).run();
    case EngineConfig::Kind::sglang:
    case EngineConfig::Kind::tensorrt_llm:
      break;
  }
  return simulate_ranks(config, requests, step_time);
}

}  // namespace penstock::oracle
