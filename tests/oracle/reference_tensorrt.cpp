#include <algorithm>
#include <iterator>

#include "tests/oracle/reference_engines.h"

namespace penstock::oracle {
namespace {

// 2.6: requests stay in one list in order of arrival from their coming to their end; `running`
// are those that have started. [i] The blocks of a whole prompt are taken with its first chunk.
class TensorRt final : public EngineReference {
 public:
  using EngineReference::EngineReference;

 private:
  // [i] Without chunking a prompt beyond the budget is never scheduled; a paused request comes
  // again with what it has generated. Its blocks to completion include the last token's.
  bool never_fits(const EngineSequence& s) const override {
    const std::int64_t longest = s.prompt + (config.max_utilization ? s.output - 1 : 0);
    return blocks_for(s.prompt + s.output) > config.usable_blocks ||
           (!config.chunked_context && longest > config.token_budget);
  }

  bool started(std::size_t r) const {
    return std::find(running.begin(), running.end(), r) != running.end();
  }
  std::vector<std::size_t> active() const {
    std::vector<std::size_t> all = running;
    all.insert(all.end(), waiting.begin(), waiting.end());
    std::sort(all.begin(), all.end());
    return all;
  }

  void schedule(Step& step) override {
    const std::vector<std::size_t> fit =
        config.max_utilization ? use_what_there_is(step) : reserve_to_the_end();
    std::int64_t budget = config.token_budget;
    for (const std::size_t r : fit) {  // 2.6.2: generation first
      if (state[r].decoding) {
        decode(r, step);
        budget -= 1;
      }
    }
    std::vector<std::size_t> contexts;
    for (const std::size_t r : fit) {
      // decode() leaves `decoding` as it is; prefill() comes below.
      if (!state[r].decoding) {
        contexts.push_back(r);
      }
    }
    if (!config.chunked_context) {
      for (const std::size_t r : contexts) {
        const std::int64_t length = state[r].known() - state[r].computed;
        if (length > budget) {
          return;
        }
        give(r, length, step);
        budget -= length;
      }
    } else if (config.equal_progress) {
      deal_units(contexts, budget, step);
    } else {
      for (const std::size_t r : contexts) {
        const std::int64_t length = state[r].known() - state[r].computed;
        const std::int64_t unit = config.block_size;
        const std::int64_t n = length <= budget ? length : budget / unit * unit;
        give(r, n, step);
        budget -= n;
        if (n < length) {
          return;  // [i] what is left of a unit is not given to others
        }
      }
    }
  }

  // EQUAL_PROGRESS. [i] Ends with the first unit, or rest of a prompt, that the budget lacks.
  void deal_units(const std::vector<std::size_t>& contexts, std::int64_t budget, Step& step) {
    std::vector<std::int64_t> given(contexts.size(), 0);
    bool dealt = true;
    bool over = false;
    while (dealt && !over) {
      dealt = false;
      for (std::size_t i = 0; i < contexts.size() && !over; ++i) {
        const EngineSequence& s = state[contexts[i]];
        const std::int64_t piece = std::min(config.block_size, s.known() - s.computed - given[i]);
        over = piece > budget;
        if (piece > 0 && !over) {
          given[i] += piece;
          budget -= piece;
          dealt = true;
        }
      }
    }
    for (std::size_t i = 0; i < contexts.size(); ++i) {
      give(contexts[i], given[i], step);
    }
  }

  void give(std::size_t r, std::int64_t n, Step& step) {
    if (n == 0) {
      return;
    }
    if (!started(r)) {
      admit(r, step);
      grow(state[r], state[r].known());
    }
    prefill(r, n, step);
  }

  // 2.6.1, GUARANTEED_NO_EVICT
  std::vector<std::size_t> reserve_to_the_end() const {
    std::vector<std::size_t> fit;
    std::int64_t reserved = 0;
    const auto need = [this](const EngineSequence& s) {
      return blocks_for(s.prompt + s.output) - s.blocks;
    };
    for (const std::size_t r : active()) {
      if (state[r].in_batch) {
        reserved += need(state[r]);  // 1.2.3: not scheduled again
      } else if (state[r].decoding) {
        reserved += need(state[r]);
        fit.push_back(r);
      }
    }
    for (const std::size_t r : active()) {
      if (state[r].decoding || state[r].in_batch) {
        continue;
      }
      if (std::ssize(fit) >= config.max_num_seqs || need(state[r]) > free_blocks() - reserved) {
        break;
      }
      reserved += need(state[r]);
      fit.push_back(r);
    }
    return fit;
  }

  // 2.6.1, MAX_UTILIZATION
  std::vector<std::size_t> use_what_there_is(Step& step) {
    std::vector<std::size_t> fit;
    std::vector<std::size_t> all = active();
    std::int64_t free = free_blocks();
    for (std::size_t i = 0; i < all.size() && std::ssize(fit) < config.max_num_seqs;) {
      const EngineSequence& s = state[all[i]];
      const std::int64_t need = s.decoding        ? blocks_for(s.computed + 1) - s.blocks
                                : started(all[i]) ? 0
                                                  : blocks_for(s.known());
      if (need <= free) {
        free -= need;
        fit.push_back(all[i]);
        ++i;
        continue;
      }
      std::size_t victim = all.size();
      while (victim > i && !started(all[victim - 1])) {
        --victim;
      }
      if (victim == i) {
        break;
      }
      free += state[all[victim - 1]].blocks;
      preempt(all[victim - 1], step, false);  // its place in the order is that of its arrival
      all.resize(victim - 1);
    }
    std::sort(waiting.begin(), waiting.end());
    return fit;
  }
};

}  // namespace

std::unique_ptr<EngineReference> make_tensorrt_reference(const EngineConfig& config,
                                                         const std::vector<Request>& requests,
                                                         const StepTime& step_time) {
  return std::make_unique<TensorRt>(config, requests, step_time);
}

}  // namespace penstock::oracle
