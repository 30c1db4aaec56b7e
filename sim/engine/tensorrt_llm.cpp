#include <algorithm>

#include "sim/core/assert.h"
#include "sim/engine/decode_by_rule.h"
#include "sim/engine/scheduler.h"

namespace penstock {

namespace {

std::int64_t blocks_to_hold(const EngineSpec& spec, std::int64_t tokens) {
  return blocks_for(tokens, spec.block_size) + spec.per_sequence.blocks(tokens);
}

}  // namespace

RejectReason refuse_tensorrt_llm(const EngineSpec& spec, std::int64_t prompt, std::int64_t output) {
  // A paused request comes again with what it has generated.
  const bool pauses =
      spec.tensorrt_llm.capacity_scheduler_policy == TensorRtSpec::Capacity::max_utilization;
  const std::int64_t longest = prompt + (pauses ? output - 1 : 0);
  if (!spec.enable_chunked_prefill && longest > spec.max_num_batched_tokens) {
    return RejectReason::beyond_budget;
  }
  const SpeculativeSpec& drafts = spec.speculative;
  // With two steps to spare, so that its last steps fit whatever the pace.
  const std::int64_t most =
      prompt + output + (drafts.on() ? spec.draft_slots() + 2 * drafts.rows() : 0);
  return blocks_to_hold(spec, most) > spec.num_gpu_blocks ? RejectReason::does_not_fit
                                                          : RejectReason::none;
}

namespace {

/// TensorRT-LLM's in-flight batching (scheduler-semantics 2.6). Who has started comes before who
/// has not, in order of arrival: the last started is paused, and goes to the head of the queue. The
/// blocks of a whole prompt are taken with its first chunk. With block reuse, capacity is counted
/// as if nothing were cached, the token budget by what is left to compute.
class TensorRtLlm final : public Scheduler {
 public:
  void schedule(EngineState& engine, SimTime now, Batch& batch) override {
    const TensorRtSpec& spec = engine.spec().tensorrt_llm;
    no_evict_ = spec.capacity_scheduler_policy == TensorRtSpec::Capacity::guaranteed_no_evict;
    const std::int64_t preempted = engine.preemptions;
    passed_over_ = 0;
    budget_ = engine.spec().max_num_batched_tokens;
    if (engine.decoding.size() > 0) {
      take_blocks(engine, batch.step);
    }
    if (engine.decoding.size() > 0) {
      engine.add_decodes(batch);
      budget_ -= batch.decodes * engine.spec().speculative.rows();
    }
    admits_ = engine.preemptions == preempted;
    shared_before_ = engine.shared_blocks;
    if (engine.spec().enable_chunked_prefill &&
        spec.context_chunking_policy == TensorRtSpec::Chunking::equal_progress) {
      deal_units(engine, now, batch);
    } else {
      fill_in_order(engine, now, batch);
    }
    engine.complete(batch);
  }

 private:
  /// 2.6.1: nobody who was admitted under GUARANTEED_NO_EVICT lacks blocks; MAX_UTILIZATION pauses.
  static void take_blocks(EngineState& engine, std::int64_t step) {
    const std::int64_t needed = engine.decoding.blocks_needed(step);
    if (engine.fast_path() && engine.pool.allocate(needed)) {
      return;
    }
    for (Slot slot = engine.running.front(); slot != no_slot;) {
      const Sequence& s = engine.sequences[slot];
      if (s.state == SequenceState::decoding && !engine.elsewhere(s)) {
        while (!engine.pool.allocate(decode_blocks(engine, engine.sequences[slot], step))) {
          const Slot victim = last_at_hand(engine);
          engine.preempt(victim, step, engine.sequences[slot].admission);
          if (victim == slot) {
            return;
          }
        }
      }
      slot = engine.sequences[slot].next;
    }
  }

  /// Who is paused: the last started that is not in flight.
  static Slot last_at_hand(const EngineState& engine) {
    Slot slot = engine.running.back();
    while (engine.in_flight(slot)) {
      slot = engine.sequences[slot].previous;
    }
    return slot;
  }

  /// Blocks that a waiting sequence must find (2.6.1).
  std::int64_t blocks_needed(const EngineState& engine, const Sequence& s) const {
    const EngineSpec& spec = engine.spec();
    const std::int64_t tokens = s.prompt + (no_evict_ ? s.output : s.emitted);
    if (!spec.speculative.on()) {
      return blocks_to_hold(spec, tokens);
    }
    // The engine counts prompt and output alone, and cuts the last drafts; here all grow alike.
    const std::int64_t held =
        no_evict_ ? std::max(tokens, engine.longest_held(s)) : tokens + engine.pace().ahead;
    return blocks_for(held, spec.block_size) + spec.per_sequence.blocks(tokens);
  }
  /// The next in the queue that can start, with what the cache has for it: those that wait for a
  /// block that another one is computing are passed over (2.6.1, block reuse).
  bool finds_next(EngineState& engine) {
    if (!admits_ || engine.in_batch() >= engine.spec().max_num_seqs) {
      return false;
    }
    for (; passed_over_ < engine.waiting.size(); ++passed_over_) {
      next_ = engine.waiting.at(passed_over_);
      hit_ = engine.lookup(next_);
      if (!engine.is_being_computed(next_, hit_)) {
        // What those who started in this step share with others counts from the next one on.
        const std::int64_t free =
            no_evict_ ? engine.pool.usable() - engine.reserved + shared_before_
                      : engine.pool.free() - (engine.shared_blocks - shared_before_);
        return blocks_needed(engine, engine.sequences[next_]) <= free;
      }
    }
    return false;
  }
  /// Tokens of it that are not cached.
  std::int64_t left_of_next(const EngineState& engine) const {
    const Sequence& s = engine.sequences[next_];
    return s.prompt + s.emitted - hit_.blocks * engine.spec().block_size;
  }
  void start_next(EngineState& engine, SimTime now) const {
    const std::int64_t needed = blocks_needed(engine, engine.sequences[next_]);
    engine.waiting.bring_to_the_head(passed_over_);
    const Slot slot = engine.admit_head(now, hit_);
    const std::int64_t blocks =
        blocks_for(engine.sequences[slot].target + engine.pace().ahead, engine.spec().block_size);
    PENSTOCK_ASSERT(engine.pool.allocate(blocks - hit_.blocks));
    engine.sequences[slot].blocks = blocks;
    if (no_evict_) {
      engine.reserve(slot, needed);
    }
  }

  /// What a context that lacks `tokens` gets of the budget: all, or whole units (2.6.2).
  std::int64_t share(const EngineState& engine, std::int64_t tokens) const {
    if (tokens <= budget_) {
      return tokens;
    }
    const std::int64_t unit = engine.spec().block_size;
    return engine.spec().enable_chunked_prefill ? budget_ / unit * unit : 0;
  }

  /// FIRST_COME_FIRST_SERVED, and contexts in one piece: the first that is cut short is the last.
  void fill_in_order(EngineState& engine, SimTime now, Batch& batch) {
    for (const Slot slot : engine.prefilling) {
      const std::int64_t left = engine.sequences[slot].target - engine.sequences[slot].computed;
      const std::int64_t tokens = share(engine, left);
      if (tokens > 0) {
        engine.add_chunk(slot, tokens, batch);
      }
      budget_ -= tokens;
      if (tokens < left) {
        return;
      }
    }
    while (finds_next(engine)) {
      const std::int64_t left = left_of_next(engine);
      const std::int64_t tokens = share(engine, left);
      if (tokens == 0) {
        return;
      }
      start_next(engine, now);
      engine.add_chunk(engine.running.back(), tokens, batch);
      budget_ -= tokens;
      if (tokens < left) {
        return;
      }
    }
  }

  /// The next unit of a context, or what is left of it; it has `given` in this step already. False
  /// if the budget lacks it.
  bool deal(const EngineState& engine, std::int64_t left, std::int64_t& given) {
    const std::int64_t piece = std::min(engine.spec().block_size.tokens(), left - given);
    if (piece > budget_) {
      return false;
    }
    given += piece;
    budget_ -= piece;
    return true;
  }

  /// EQUAL_PROGRESS: a unit each, in rounds; the budget ends with the first piece that it lacks.
  void deal_units(EngineState& engine, SimTime now, Batch& batch) {
    given_.assign(engine.prefilling.size(), 0);
    const auto left = [&engine](std::size_t i) {
      const Sequence& s = engine.sequences[engine.prefilling[i]];
      return s.target - s.computed;
    };
    bool goes_on = true;
    for (std::size_t i = 0; i < given_.size() && goes_on; ++i) {
      goes_on = deal(engine, left(i), given_[i]);
    }
    while (goes_on && finds_next(engine)) {
      std::int64_t given = 0;
      goes_on = deal(engine, left_of_next(engine), given);
      if (goes_on) {
        start_next(engine, now);
        given_.push_back(given);
      }
    }
    for (bool dealt = true; goes_on && dealt;) {
      dealt = false;
      for (std::size_t i = 0; i < given_.size() && goes_on; ++i) {
        if (given_[i] < left(i)) {
          goes_on = deal(engine, left(i), given_[i]);
          dealt = true;
        }
      }
    }
    for (std::size_t i = 0; i < given_.size(); ++i) {
      if (given_[i] > 0) {
        engine.add_chunk(engine.prefilling[i], given_[i], batch);
      }
    }
  }

  bool no_evict_ = true;
  bool admits_ = true;  ///< nobody has been paused in this step
  std::int64_t budget_ = 0;
  std::int64_t shared_before_ = 0;   ///< EngineState::shared_blocks before anybody starts
  std::int64_t passed_over_ = 0;     ///< at the head of the queue, in this step
  Slot next_ = no_slot;              ///< who starts next
  PrefixCache::Hit hit_;             ///< what the cache has for it
  std::vector<std::int64_t> given_;  ///< EQUAL_PROGRESS: by place in the prefilling list
};

}  // namespace

std::unique_ptr<Scheduler> make_tensorrt_llm() { return std::make_unique<TensorRtLlm>(); }

}  // namespace penstock
