#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>

#include "tests/oracle/reference_engines.h"
#include "tests/oracle/reference_radix.h"

namespace penstock::oracle {
namespace {

// 2.5. `running` holds the decoding requests and the chunked one. With stages each place in the
// pipeline has its own running batch, and what belongs to one; the rest is shared (event_loop_pp).
class Sglang final : public EngineReference {
 public:
  Sglang(const EngineConfig& c, const std::vector<Request>& requests, const StepTime& step_time)
      : EngineReference(c, requests, step_time),
        initial_ratio_(std::min(0.7 * c.schedule_conservativeness, 1.0)),
        least_ratio_(initial_ratio_ * 0.14),
        ratio_(initial_ratio_) {
    if (c.prefix_caching) {
      tree_ = std::make_unique<RadixTree>(c.block_size);
    }
    held_.resize(requests.size());
    place_of_.resize(requests.size());
    batches_.resize(static_cast<std::size_t>(c.stages));
  }

 private:
  // 2.5.5: the part of a request that is in the tree, as far as it uses it.
  struct Held {
    RadixTree::Node* node = nullptr;
    std::int64_t blocks = 0;
  };
  // What belongs to a running batch.
  struct Batch {
    bool is_full = false;
    bool left_a_piece = false;  // its last step had one of the chunked request
  };
  struct Computed {
    std::size_t request = 0;
    std::int64_t positions = 0;
    std::int64_t preemptions = 0;
    std::int64_t step = 0;
  };

  static constexpr std::int64_t clip = 4096;
  static constexpr std::int64_t retract_steps = 20;

  // 2.5.7. [i] So that the admission of 2.5.3 succeeds for a request alone, also when it comes
  // again with generated tokens.
  bool never_fits(const EngineSequence& s) const override {
    return s.prompt + s.output + config.draft_slots + config.block_size >=
           (config.usable_blocks - config.beside(s.prompt + s.output)) * config.block_size;
  }

  RadixTokens tokens_of(std::size_t r, std::int64_t tokens) const {
    return radix_tokens(r, request(r).content, tokens);
  }
  // What is kept for nobody is free.
  std::int64_t free_blocks() const override {
    if (!tree_) {
      return EngineReference::free_blocks();
    }
    const std::int64_t free = available_blocks() + tree_->evictable() / config.block_size;
    if (free < 0) {
      throw std::logic_error("reference: more pages than there are");
    }
    return free;
  }
  // With a tree: pages that nothing is kept in. Below 0 until others are evicted.
  std::int64_t available_blocks() const {
    std::int64_t blocks = config.usable_blocks - tree_->tokens() / config.block_size;
    for (std::size_t r = 0; r < state.size(); ++r) {
      blocks -= state[r].blocks - held_[r].blocks + state[r].beside;
    }
    return blocks;
  }
  void hold(std::size_t r, RadixTree::Node* node, std::int64_t tokens) {
    Held& held = held_[r];
    if (node != nullptr) {
      tree_->lock(node, 1);
    }
    if (held.node != nullptr) {
      tree_->lock(held.node, -1);
    }
    held = {node, tokens / config.block_size};
  }
  // 2.5.4: without inserting it.
  void give_up(std::size_t r) override {
    batches_[state[r].decoding ? place_of_[r] : place].is_full = false;
    if (chunked_ == r) {
      chunked_.reset();
    }
    hold(r, nullptr, 0);
    EngineReference::give_up(r);
  }
  // What it has computed is kept, as of one that finishes.
  void abort(std::size_t r) override {
    if (tree_) {
      tree_->insert(tokens_of(r, state[r].computed));
    }
    give_up(r);
  }
  void ended(const Step&) override {
    ++ended_steps_;
    for (const Computed& one : computed_) {
      if (tree_ && one.step < ended_steps_ && runs(one.request) &&
          one.preemptions == preemptions(one.request)) {
        const auto found = tree_->insert(tokens_of(one.request, one.positions));
        hold(one.request, found.node, found.tokens);
      }
    }
    std::erase_if(computed_, [this](const Computed& one) { return one.step < ended_steps_; });
  }

  void schedule(Step& step) override {
    schedule_requests(step);
    if (step.scheduled.empty()) {
      return;
    }
    for (const ScheduledRequest& entry : step.scheduled) {
      if (chunks_.contains(entry.request)) {
        computed_.push_back(
            {entry.request, entry.context + entry.n, preemptions(entry.request), scheduled_steps_});
      }
    }
    for (const std::size_t r : chunks_) {
      place_of_[r] = place;
    }
    chunks_.clear();
    batches_[place].left_a_piece =
        std::any_of(step.scheduled.begin(), step.scheduled.end(),
                    [](const ScheduledRequest& entry) { return !entry.samples; });
    ++scheduled_steps_;
    if (tree_ && available_blocks() < 0) {
      tree_->evict(-available_blocks() * config.block_size);
    }
  }

  void schedule_requests(Step& step) {
    if (running.empty() && waiting.empty()) {  // 2.5.4: idle
      ratio_ = initial_ratio_;
      return;
    }
    // [i] A batch of nobody is not full.
    if (batches_[place].left_a_piece || decodes().empty()) {
      batches_[place].is_full = false;
    }
    batches_[place].left_a_piece = false;
    schedule_extend(step);
    if (!step.scheduled.empty()) {
      if (config.mixed_chunk) {
        for (const std::size_t r : decodes_before_) {
          decode(r, step);
        }
      }
      return;
    }
    schedule_decode(step);
  }

  std::vector<std::size_t> decodes() const {
    std::vector<std::size_t> out;
    for (const std::size_t r : running) {
      if (state[r].decoding && place_of_[r] == place) {
        out.push_back(r);
      }
    }
    return out;
  }
  std::int64_t left(std::size_t r) const {  // min(max_new - generated, 4096)
    const EngineSequence& s = state[r];
    return std::min(s.output - s.generated - s.in_flight, clip);
  }
  std::int64_t pages_to_decode(const std::vector<std::size_t>& batch) const {
    std::int64_t pages = 0;
    for (const std::size_t r : batch) {
      pages += held_for(state[r].computed + 1) - state[r].blocks;
    }
    return pages;
  }
  std::int64_t page_up(std::int64_t tokens) const { return blocks_for(tokens) * config.block_size; }
  std::int64_t page_down(std::int64_t tokens) const {
    return tokens / config.block_size * config.block_size;
  }

  // 2.5.3
  void schedule_extend(Step& step) {
    decodes_before_ = decodes();
    if ((batches_[place].is_full || waiting.empty()) && !chunked_) {
      return;
    }
    const std::int64_t page = config.block_size;
    const auto batch = std::ssize(decodes_before_);
    std::int64_t rem_input = config.max_prefill_tokens;
    std::int64_t rem_chunk = config.token_budget - (config.mixed_chunk ? batch : 0);
    std::int64_t available = free_blocks() * page;
    if (config.mixed_chunk) {  // [i] the decodes' pages are set aside
      available -= pages_to_decode(decodes_before_) * page;
    }
    std::int64_t reserve = 0;
    for (const std::size_t r : decodes_before_) {
      reserve += left(r);
    }
    double rem_total = static_cast<double>(available) - static_cast<double>(reserve) * ratio_;
    if (chunked_) {
      const std::size_t r = *chunked_;
      EngineSequence& s = state[r];
      // [i] never more than there is room for: its last page, and `available`.
      const std::int64_t room = s.blocks * page - s.computed - config.draft_slots + available;
      const std::int64_t n = std::min({s.known() - s.computed, rem_chunk, room});
      const std::int64_t output = left(r);
      if (n > 0) {
        const std::int64_t before = s.blocks;
        prefill(r, n, step);
        chunks_.insert(r);
        available -= (s.blocks - before) * page;
        rem_total -= static_cast<double>((s.blocks - before) * page);
        rem_input -= page_up(n);
        rem_chunk -= n;
      }
      if (!s.decoding) {
        return;  // the only chunked request
      }
      chunked_.reset();
      rem_total -= static_cast<double>(output);
    }
    admit_waiting(step, rem_input, rem_chunk, rem_total, batch);
  }

  void admit_waiting(Step& step, std::int64_t rem_input, std::int64_t rem_chunk, double rem_total,
                     std::ptrdiff_t decoding) {
    const std::int64_t page = config.block_size;
    if (config.longest_prefix_first && tree_) {
      sort_by_prefix(waiting, *tree_,
                     [this](std::size_t r) { return tokens_of(r, state[r].known() - 1); });
    }
    while (!waiting.empty() && !chunked_ && !batches_[place].is_full) {
      const std::int64_t room = std::max(config.max_num_seqs / config.stages, std::int64_t{1});
      if (room - decoding <= std::ssize(step.scheduled) ||
          std::ssize(running) >= config.max_num_seqs) {
        batches_[place].is_full = true;
        return;
      }
      const std::size_t r = waiting.front();
      EngineSequence& s = state[r];
      RadixTree::Found hit;
      std::int64_t locked = 0;  // of it, what nobody uses yet
      if (tree_) {
        hit = tree_->match(tokens_of(r, s.known() - 1));
        for (const auto* node = hit.node; node->users == 0 && node->parent; node = node->parent) {
          locked += std::ssize(node->key);
        }
      }
      const std::int64_t extend = s.known() - hit.tokens;
      const std::int64_t beside = config.beside(s.known()) * page;
      const std::int64_t need = extend + left(r) + config.draft_slots + beside + page;
      if (static_cast<double>(need) >= rem_total) {  // NO_TOKEN
        batches_[place].is_full = true;
        return;
      }
      if (page_up(extend) >= rem_input && !step.scheduled.empty()) {
        return;
      }
      if (static_cast<double>(need) >= rem_total - static_cast<double>(locked)) {
        batches_[place].is_full = true;
        return;
      }
      const bool whole = extend <= rem_chunk;
      const std::int64_t n = whole ? extend : page_down(std::max(rem_chunk, std::int64_t{0}));
      if (n == 0) {
        return;
      }
      rem_total -= static_cast<double>(page_up(n + config.draft_slots) + (whole ? left(r) : 0) +
                                       locked + beside);
      admit(r, step, hit.tokens);
      hold(r, hit.node, hit.tokens);
      chunks_.insert(r);
      rem_input -= page_up(n);
      rem_chunk -= n;
      prefill(r, n, step);
      if (!whole) {
        chunked_ = r;
      }
    }
  }

  // 2.5.4
  void schedule_decode(Step& step) {
    std::vector<std::size_t> batch = decodes();
    if (batch.empty()) {
      return;
    }
    if (pages_to_decode(batch) > free_blocks()) {
      if (tree_) {
        tree_->evict(tree_->tokens());
      }
      retract(batch, step);
    } else {
      ratio_ = std::max(ratio_ - (initial_ratio_ - least_ratio_) / 600, least_ratio_);
    }
    for (const std::size_t r : batch) {
      decode(r, step);
    }
  }

  void retract(std::vector<std::size_t>& batch, Step& step) {
    const auto generated = [this](std::size_t r) {
      return state[r].generated + state[r].in_flight;
    };
    std::vector<std::size_t> order = batch;
    if (config.drafts == 0) {  // with speculation: only from the back of the batch
      std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return generated(a) != generated(b) ? generated(a) > generated(b)
                                            : state[a].prompt < state[b].prompt;
      });
    }
    // With speculation room for a step's drafts, drafted and verified, beside.
    const std::int64_t each = retract_steps + (config.drafts > 0 ? 2 * config.drafts + 1 : 0);
    bool first = true;
    const auto short_of_room = [&] {
      return config.classic_retraction
                 ? free_blocks() * config.block_size < std::ssize(order) * each
                 : pages_to_decode(order) > free_blocks();
    };
    while (order.size() > 1 && (first || short_of_room())) {
      preempt(order.back(), step, true);
      std::erase(batch, order.back());
      order.pop_back();
      first = false;
    }
    // [i] Where the last one would be aborted, the chunked request gives way.
    if (pages_to_decode(order) > free_blocks() && chunked_) {
      preempt(*chunked_, step, true);
    }
    batches_[place].is_full = false;
    if (pages_to_decode(order) > free_blocks()) {  // [i] or itself, if other batches have the rest
      preempt(order.back(), step, true);
      std::erase(batch, order.back());
      return;
    }
    std::int64_t sum = 0;
    std::int64_t most = 0;
    for (const std::size_t r : order) {
      sum += generated(r);
      most += state[r].output;
    }
    ratio_ = std::min(1.0, static_cast<double>(sum + retract_steps * std::ssize(order)) /
                               static_cast<double>(most + 1));
  }

  void finish(std::size_t r) override {
    if (tree_ && runs(r)) {  // all but the last token
      tree_->insert(tokens_of(r, state[r].prompt + state[r].output - 1));
      hold(r, nullptr, 0);
    }
    EngineReference::finish(r);
    batches_[place_of_[r]].is_full = false;
  }

  double initial_ratio_;
  double least_ratio_;
  double ratio_;
  std::vector<Batch> batches_;         // by place
  std::vector<std::size_t> place_of_;  // by request, once it decodes
  std::optional<std::size_t> chunked_;
  std::vector<std::size_t> decodes_before_;
  std::unique_ptr<RadixTree> tree_;
  std::vector<Held> held_;          // by request
  std::set<std::size_t> chunks_;    // of the step that is being scheduled
  std::vector<Computed> computed_;  // of steps that have not ended
  std::int64_t scheduled_steps_ = 0;
  std::int64_t ended_steps_ = 0;
};

}  // namespace

std::unique_ptr<EngineReference> make_sglang_reference(const EngineConfig& config,
                                                       const std::vector<Request>& requests,
                                                       const StepTime& step_time) {
  return std::make_unique<Sglang>(config, requests, step_time);
}

}  // namespace penstock::oracle
