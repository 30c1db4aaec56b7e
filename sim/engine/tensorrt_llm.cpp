#include <algorithm>

#include "sim/core/assert.h"
#include "sim/engine/decode_by_rule.h"
#include "sim/engine/scheduler.h"

namespace penstock {

RejectReason refuse_tensorrt_llm(const EngineSpec& spec, std::int64_t prompt, std::int64_t output) {
  // A paused request comes again with what it has generated.
  const bool pauses =
      spec.tensorrt_llm.capacity_scheduler_policy == TensorRtSpec::Capacity::max_utilization;
  const std::int64_t longest = prompt + (pauses ? output - 1 : 0);
  if (!spec.enable_chunked_prefill && longest > spec.max_num_batched_tokens) {
    return RejectReason::beyond_budget;
  }
  return blocks_for(prompt + output, spec.block_size) > spec.num_gpu_blocks
             ? RejectReason::does_not_fit
             : RejectReason::none;
}

namespace {

/// TensorRT-LLM's in-flight batching (scheduler-semantics 2.6). Who has started comes before who
/// has not, in order of arrival: the last started is paused, and goes to the head of the queue. The
/// blocks of a whole prompt are taken with its first chunk.
class TensorRtLlm final : public Scheduler {
 public:
  void schedule(EngineState& engine, SimTime now, Batch& batch) override {
    const TensorRtSpec& spec = engine.spec().tensorrt_llm;
    no_evict_ = spec.capacity_scheduler_policy == TensorRtSpec::Capacity::guaranteed_no_evict;
    const std::int64_t preempted = engine.preemptions;
    budget_ = engine.spec().max_num_batched_tokens;
    if (engine.decoding.size() > 0) {
      take_blocks(engine, batch.step);
    }
    if (engine.decoding.size() > 0) {
      engine.add_decodes(batch);
      budget_ -= batch.decodes;
    }
    admits_ = engine.preemptions == preempted;
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
          const Slot victim = engine.running.back();
          engine.preempt(victim, step, engine.sequences[slot].admission);
          if (victim == slot) {
            return;
          }
        }
      }
      slot = engine.sequences[slot].next;
    }
  }

  /// Blocks that the head of the queue must find (2.6.1).
  std::int64_t needed_by_head(const EngineState& engine) const {
    const Sequence& s = engine.sequences[engine.waiting.head()];
    return blocks_for(s.prompt + (no_evict_ ? s.output : s.emitted), engine.spec().block_size);
  }
  bool head_fits(const EngineState& engine) const {
    return admits_ && !engine.waiting.empty() && engine.in_batch() < engine.spec().max_num_seqs &&
           needed_by_head(engine) <=
               (no_evict_ ? engine.pool.usable() - engine.reserved : engine.pool.free());
  }
  void start_head(EngineState& engine, SimTime now) const {
    const std::int64_t needed = needed_by_head(engine);
    const Slot slot = engine.admit_head(now, {});
    const std::int64_t blocks = blocks_for(engine.sequences[slot].target, engine.spec().block_size);
    PENSTOCK_ASSERT(engine.pool.allocate(blocks));
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
    while (head_fits(engine)) {
      const Sequence& s = engine.sequences[engine.waiting.head()];
      const std::int64_t left = s.prompt + s.emitted;
      const std::int64_t tokens = share(engine, left);
      if (tokens == 0) {
        return;
      }
      start_head(engine, now);
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
    const std::int64_t piece = std::min(engine.spec().block_size, left - given);
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
    while (goes_on && head_fits(engine)) {
      const Sequence& s = engine.sequences[engine.waiting.head()];
      std::int64_t given = 0;
      goes_on = deal(engine, s.prompt + s.emitted, given);
      if (goes_on) {
        start_head(engine, now);
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
  std::vector<std::int64_t> given_;  ///< EQUAL_PROGRESS: by place in the prefilling list
};

}  // namespace

std::unique_ptr<Scheduler> make_tensorrt_llm() { return std::make_unique<TensorRtLlm>(); }

}  // namespace penstock
