#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>

#include "tests/oracle/reference_blocks.h"
#include "tests/oracle/reference_engines.h"

namespace penstock::oracle {
namespace {

// 2.6: requests stay in one list from their coming to their end; `running` are those that have
// started, in that order, `waiting` the others. [i] The blocks of a whole prompt are taken with its
// first chunk.
//
// Block reuse. [i] The pool is vLLM's (1.4.2): blocks that nobody uses go in the order of their
// release. Who is admitted is decided as if nothing were cached; the token budget counts what is
// left to compute. A paused request's full blocks are kept. Who is passed over, waiting for a block
// that another one computes, keeps its place in the queue.
class TensorRt final : public EngineReference {
 public:
  TensorRt(const EngineConfig& c, const std::vector<Request>& requests, const StepTime& step_time)
      : EngineReference(c, requests, step_time) {
    if (!c.prefix_caching) {
      return;
    }
    pool_ = std::make_unique<BlockPool>(c.usable_blocks);
    Identities identities;
    for (std::size_t r = 0; r < requests.size(); ++r) {
      Cached& one = cached_.emplace_back();
      one.identities = identities.of(r, requests[r].content, state[r].prompt + state[r].output - 1,
                                     c.block_size);
    }
  }

 private:
  struct Cached {
    std::vector<Identity> identities = {};  // of its full blocks, future ones too
    std::vector<std::size_t> blocks = {};   // owned
    std::vector<std::size_t> beside = {};   // owned, for the rest
    std::int64_t known = 0;                 // of these, the cache has been told of
    std::int64_t first_new = 0;             // of its prompt, the first block that was not cached
    bool told = true;                       // its prompt is computed, and the cache knows
  };

  std::int64_t free_blocks() const override {
    return pool_ ? pool_->free_blocks() : EngineReference::free_blocks();
  }
  void grow(EngineSequence& s, std::int64_t tokens) override {
    if (!pool_) {
      EngineReference::grow(s, tokens);
      return;
    }
    Cached& one = cached_[static_cast<std::size_t>(&s - state.data())];
    while (std::ssize(one.blocks) < held_for(tokens)) {
      one.blocks.push_back(pool_->allocate());
    }
    s.blocks = std::ssize(one.blocks);
  }
  void tell(std::size_t r, std::int64_t positions) {
    Cached& one = cached_[r];
    for (; (one.known + 1) * config.block_size <= positions; ++one.known) {
      const auto at = static_cast<std::size_t>(one.known);
      pool_->cache(one.blocks[at], one.identities[at]);
    }
  }
  void release(std::size_t r, std::int64_t positions) {
    tell(r, positions);
    pool_->release(cached_[r].blocks);
    pool_->release(cached_[r].beside);
    cached_[r].blocks.clear();
    cached_[r].beside.clear();
    cached_[r].known = 0;
    cached_[r].told = true;
  }
  void give_up(std::size_t r) override {
    if (pool_) {
      release(r, state[r].computed);
    }
    EngineReference::give_up(r);
  }
  void finish(std::size_t r) override {
    if (pool_ && runs(r)) {
      release(r, state[r].prompt + state[r].output - 1);
    }
    EngineReference::finish(r);
  }
  void ended(const Step& step) override {
    for (const ScheduledRequest& entry : step.scheduled) {
      const std::size_t r = entry.request;
      // Not paused since, and the last chunk of its prompt.
      if (pool_ && entry.samples && runs(r) && !cached_[r].told && state[r].decoding) {
        tell(r, entry.context + entry.n);
        cached_[r].told = true;
      }
    }
  }

  // The cached blocks that a request would start with.
  std::vector<std::size_t> lookup(std::size_t r) const {
    return pool_ ? pool_->lookup(cached_[r].identities, (state[r].known() - 1) / config.block_size)
                 : std::vector<std::size_t>{};
  }
  // 2.6.1: its next block that is not cached is one that somebody computes.
  bool waits_to_hit(std::size_t r) const {
    const auto next = std::ssize(lookup(r));
    if (!pool_ || next >= (state[r].known() - 1) / config.block_size) {
      return false;
    }
    const Identity wanted = cached_[r].identities[static_cast<std::size_t>(next)];
    return std::any_of(running.begin(), running.end(), [&](std::size_t other) {
      const Cached& one = cached_[other];
      const std::int64_t prompt = state[other].prompt + recomputed_[other];
      return !one.told && one.first_new < prompt / config.block_size &&
             one.identities[static_cast<std::size_t>(one.first_new)] == wanted;
    });
  }

  // [i] Without chunking a prompt beyond the budget is never scheduled; a paused request comes
  // again with what it has generated. Its blocks to completion include the last token's.
  bool never_fits(const EngineSequence& s) const override {
    const std::int64_t longest = s.prompt + (config.max_utilization ? s.output - 1 : 0);
    const std::int64_t drafts = config.drafts > 0 ? 2 * (1 + config.drafts) : 0;  // [i]
    const std::int64_t most = s.prompt + s.output + config.draft_slots + drafts;
    return blocks_for(most) + config.beside(most) > config.usable_blocks ||
           (!config.chunked_context && longest > config.token_budget);
  }

  void schedule(Step& step) override {
    recomputed_.resize(state.size());
    slots_ = config.max_num_seqs;
    budget_ = config.token_budget;
    bool admits = true;
    const std::vector<std::size_t> before = running;
    if (config.max_utilization) {
      free_ = free_blocks();
      admits = use_what_there_is(step);
    } else {
      free_ = free_blocks();
      for (const std::size_t r : before) {
        free_ -= to_the_end(r);
      }
      slots_ -= std::count_if(before.begin(), before.end(),
                              [this](std::size_t r) { return !state[r].in_batch; });
    }
    std::vector<std::size_t> contexts;
    for (const std::size_t r : std::vector<std::size_t>(running)) {  // 2.6.2: generation first
      if (state[r].in_batch) {
        continue;  // 1.2.3: not scheduled again
      }
      if (state[r].decoding) {
        decode(r, step);
        budget_ -= 1 + config.drafts;
      } else {
        contexts.push_back(r);
      }
    }
    place_ = admits ? 0 : waiting.size();
    if (config.chunked_context && config.equal_progress) {
      deal_units(contexts, step);
    } else {
      in_order(contexts, step);
    }
  }

  // Whoever may start now, in order; skips those that wait to hit. Nobody once one does not fit.
  std::optional<std::size_t> next() {
    while (place_ < waiting.size() && waits_to_hit(waiting[place_])) {
      ++place_;
    }
    if (place_ >= waiting.size() || slots_ <= 0) {
      return {};
    }
    const std::size_t r = waiting[place_];
    return needs(r) <= free_ ? std::optional(r) : std::nullopt;
  }
  std::int64_t to_the_end(std::size_t r) const {
    // [i] The slots of the last step's drafts are among them.
    const std::int64_t last = state[r].prompt + state[r].output - (config.overlap ? 0 : 1);
    const std::int64_t tokens =
        std::max(state[r].prompt + state[r].output, last + config.draft_slots);
    return blocks_for(tokens) + config.beside(state[r].prompt + state[r].output) - state[r].blocks -
           state[r].beside;
  }
  std::int64_t needs(std::size_t r) const {
    const std::int64_t known = state[r].known();
    return config.max_utilization ? held_for(known) + config.beside(known) : to_the_end(r);
  }
  std::int64_t left(std::size_t r) const {
    return state[r].known() - state[r].computed -
           (runs(r) ? 0 : std::ssize(lookup(r)) * config.block_size);
  }
  void start(std::size_t r, const Step& step) {
    free_ -= needs(r);
    slots_ -= 1;
    const std::vector<std::size_t> hit = lookup(r);
    recomputed_[r] = state[r].known() - state[r].prompt;
    admit(r, step, std::ssize(hit) * config.block_size);
    if (pool_) {
      Cached& one = cached_[r];
      one.blocks = hit;
      one.known = one.first_new = std::ssize(hit);
      one.told = false;
      for (const std::size_t block : hit) {
        pool_->touch(block);
      }
      for (std::int64_t i = 0; i < state[r].beside; ++i) {
        one.beside.push_back(pool_->allocate());
      }
    }
    grow(state[r], state[r].known());
  }

  // FIRST_COME_FIRST_SERVED, and whole prompts. [i] What is left of a unit is not given to others.
  void in_order(const std::vector<std::size_t>& contexts, Step& step) {
    const std::int64_t unit = config.block_size;
    const auto share = [&](std::int64_t length) {
      return length <= budget_ ? length : config.chunked_context ? budget_ / unit * unit : 0;
    };
    for (const std::size_t r : contexts) {
      const std::int64_t length = left(r);
      const std::int64_t n = share(length);
      if (n > 0) {
        prefill(r, n, step);
      }
      budget_ -= n;
      if (n < length) {
        return;
      }
    }
    while (const auto r = next()) {
      const std::int64_t length = left(*r);
      const std::int64_t n = share(length);
      if (n == 0) {
        return;
      }
      start(*r, step);
      prefill(*r, n, step);
      budget_ -= n;
      if (n < length) {
        return;
      }
    }
  }

  // EQUAL_PROGRESS. [i] Ends with the first unit, or rest of a prompt, that the budget lacks.
  void deal_units(std::vector<std::size_t> contexts, Step& step) {
    std::vector<std::int64_t> given(contexts.size(), 0);
    bool over = false;
    const auto deal = [&](std::int64_t lacks) {
      const std::int64_t piece = std::min(config.block_size, lacks);
      over = piece > budget_;
      if (over) {
        return std::int64_t{0};
      }
      budget_ -= piece;
      return piece;
    };
    for (std::size_t i = 0; i < contexts.size() && !over; ++i) {
      given[i] += deal(left(contexts[i]));
    }
    while (!over) {
      const auto r = next();
      if (!r) {
        break;
      }
      const std::int64_t piece = deal(left(*r));
      if (!over) {
        start(*r, step);
        contexts.push_back(*r);
        given.push_back(piece);
      }
    }
    for (bool dealt = true; dealt && !over;) {
      dealt = false;
      for (std::size_t i = 0; i < contexts.size() && !over; ++i) {
        if (const std::int64_t lacks = left(contexts[i]) - given[i]; lacks > 0) {
          given[i] += deal(lacks);
          dealt = true;
        }
      }
    }
    for (std::size_t i = 0; i < contexts.size(); ++i) {
      if (given[i] > 0) {
        prefill(contexts[i], given[i], step);
      }
    }
  }

  // 2.6.1, MAX_UTILIZATION: what those that have started need for the next token; the last started
  // is paused if that is not there. False if somebody was: nobody starts then. [i] With stages: of
  // those that are not in flight.
  bool use_what_there_is(Step& step) {
    bool all_fit = true;
    for (std::size_t i = 0; i < running.size();) {
      const EngineSequence& s = state[running[i]];
      if (s.in_batch) {
        ++i;
        continue;
      }
      const std::int64_t need = s.decoding ? held_for(s.computed + 1) - s.blocks : 0;
      if (need <= free_) {
        free_ -= need;
        slots_ -= 1;
        ++i;
        continue;
      }
      const std::int64_t before = free_blocks();
      preempt(*std::find_if(running.rbegin(), running.rend(),
                            [this](std::size_t r) { return !state[r].in_batch; }),
              step, false);
      free_ += free_blocks() - before;
      all_fit = false;
    }
    return all_fit;
  }

  std::unique_ptr<BlockPool> pool_;
  std::vector<Cached> cached_;            // by request
  std::vector<std::int64_t> recomputed_;  // generated tokens that are part of its prompt now
  std::int64_t free_ = 0;                 // blocks to be given away in this step
  std::int64_t slots_ = 0;
  std::int64_t budget_ = 0;
  std::size_t place_ = 0;  // in the queue
};

}  // namespace

std::unique_ptr<EngineReference> make_tensorrt_reference(const EngineConfig& config,
                                                         const std::vector<Request>& requests,
                                                         const StepTime& step_time) {
  return std::make_unique<TensorRt>(config, requests, step_time);
}

}  // namespace penstock::oracle
