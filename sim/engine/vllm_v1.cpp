#include <algorithm>
#include <tuple>

#include "sim/core/assert.h"
#include "sim/engine/scheduler.h"

namespace penstock {

namespace {

/// vLLM V1's scheduler (scheduler-semantics 1.3). There is no prefill or decode phase: each step
/// gives tokens to running sequences so that they catch up, then admits waiting ones.
class VllmV1 final : public Scheduler {
 public:
  void schedule(EngineState& engine, SimTime now, Batch& batch) override {
    budget_ = engine.spec().max_num_batched_tokens;
    rows_ = engine.spec().speculative.rows();
    ahead_ = engine.pace().ahead;
    const std::int64_t preempted = engine.preemptions;
    if (!engine.fast_path() || !schedule_running_in_aggregate(engine, batch)) {
      schedule_running_by_rule(engine, batch);
    }
    if (engine.pace().advance != 1 &&
        engine.decoding.has_window()) {  // they may reach beyond it in one step
      engine.cross_window(batch.step);
    }
    batch.decodes = engine.decoding.size();
    batch.measured = engine.decoding.measured();
    batch.kv_sum = engine.decoding.kv_sum(batch.step);
    batch.kv_growth = engine.decoding.growth();
    batch.window_sum = engine.decoding.window_sum(batch.step);
    batch.below_window = engine.decoding.below_window();
    batch.sampled += batch.decodes;
    if (engine.preemptions == preempted) {
      admit_waiting(engine, now, batch);
    }
    engine.complete(batch);
  }

 private:
  static std::int64_t chunk_tokens(const EngineState& engine, const Sequence& s) {
    const std::int64_t gap = s.target - s.computed;
    const std::int64_t limit = engine.spec().long_prefill_token_threshold;
    return limit > 0 ? std::min(gap, limit) : gap;
  }

  /// Phase 1 at once, where order cannot matter: nobody is stalled, everybody fits the budget
  /// (or only the last in line is cut short) and all blocks are there. Else changes nothing.
  bool schedule_running_in_aggregate(EngineState& engine, Batch& batch) {
    const std::int64_t decodes = engine.decoding.size() * rows_;
    if (engine.stalled > 0 || decodes > budget_) {
      return false;
    }
    std::int64_t blocks = engine.decoding.blocks_needed(batch.step);
    std::int64_t tokens = decodes;
    for (const Slot slot : engine.prefilling) {
      const Sequence& s = engine.sequences[slot];
      const std::int64_t want = chunk_tokens(engine, s);
      const std::int64_t take = std::min(want, budget_ - tokens);
      if (take < want && slot != engine.running.back()) {
        return false;
      }
      tokens += take;
      blocks += blocks_for(s.computed + take + ahead_, engine.spec().block_size) - s.blocks;
    }
    if (!engine.pool.allocate(blocks)) {
      return false;
    }
    budget_ -= decodes;
    for (const Slot slot : engine.prefilling) {
      give_chunk(engine, slot, std::min(chunk_tokens(engine, engine.sequences[slot]), budget_),
                 batch);
    }
    return true;
  }

  /// Hands out tokens for which blocks have been taken.
  void give_chunk(EngineState& engine, Slot slot, std::int64_t tokens, Batch& batch) {
    if (tokens == 0) {
      return;
    }
    engine.add_chunk(slot, tokens, batch);
    Sequence& s = engine.sequences[slot];
    s.blocks = blocks_for(s.computed + ahead_, engine.spec().block_size);
    budget_ -= tokens;
  }

  /// Phase 1 rule by rule (1.3.1): in admission order; a sequence without blocks takes those of
  /// a victim; decodes that get no token stall.
  void schedule_running_by_rule(EngineState& engine, Batch& batch) {
    const std::int64_t step = batch.step;
    scheduled_.clear();
    if (engine.has_lanes()) {
      forget_stamps(engine);
    }
    int passed_over = 0;
    for (Slot slot = engine.running.front(); slot != no_slot && budget_ > 0;) {
      Sequence& s = engine.sequences[slot];
      s.visited_step = step;
      if (!is_in_flight(engine, s) && !give_tokens(engine, slot, step, passed_over)) {
        break;
      }
      slot = engine.sequences[slot].next;
      for (; passed_over > 0 && slot != no_slot; --passed_over) {
        slot = engine.sequences[slot].next;
      }
    }
    apply(engine, batch);
  }

  /// A token of it is in flight, and it is the last one or the engine has none ahead of it (1.2.3).
  static bool is_in_flight(const EngineState& engine, const Sequence& s) {
    return s.state == SequenceState::draining ||
           (s.state == SequenceState::decoding && engine.elsewhere(s));
  }

  /// Lanes number their steps apart: what others' have stamped says nothing here.
  static void forget_stamps(EngineState& engine) {
    for (Slot slot = engine.running.front(); slot != no_slot; slot = engine.sequences[slot].next) {
      engine.sequences[slot].scheduled_step = engine.sequences[slot].visited_step = -1;
    }
  }

  /// Allocates blocks for a running sequence's tokens, at the expense of victims if need be.
  /// False if it became a victim itself.
  bool give_tokens(EngineState& engine, Slot slot, std::int64_t step, int& passed_over) {
    const BlockSize& block_size = engine.spec().block_size;
    const Sequence& s = engine.sequences[slot];
    const bool prefills = s.state == SequenceState::prefilling;
    const std::int64_t tokens = prefills ? std::min(chunk_tokens(engine, s), budget_) : rows_;
    if (tokens > budget_) {  // with drafts: it is not cut short, it stands still
      if (s.state == SequenceState::decoding) {
        engine.stall(slot, step);
      }
      return true;
    }
    const std::int64_t owns = engine.blocks_of(s, step);
    const std::int64_t need = (prefills ? blocks_for(s.computed + tokens + ahead_, block_size)
                                        : engine.blocks_in(s, step)) -
                              owns;
    while (!engine.pool.allocate(need)) {
      const Slot victim = choose_victim(engine);
      if (victim == slot && engine.give_back_loaded(no_slot, s.admission)) {
        continue;
      }
      take_back(engine, victim, step, passed_over);
      engine.preempt(victim, step, engine.sequences[slot].admission);
      if (victim == slot) {
        return false;
      }
    }
    Sequence& scheduled = engine.sequences[slot];
    scheduled.scheduled_step = step;
    scheduled.scheduled_tokens = tokens;
    scheduled.scheduled_blocks = need;
    budget_ -= tokens;
    scheduled_.push_back(slot);
    return true;
  }

  /// 1.3.2: the last admitted; under the priority policy the least important, latest one.
  static Slot choose_victim(const EngineState& engine) {
    if (engine.spec().scheduling_policy == SchedulingPolicy::fcfs) {
      return engine.running.back();
    }
    const auto key = [&](Slot slot) {
      const Sequence& s = engine.sequences[slot];
      return std::tuple(s.priority, s.arrival, s.id);
    };
    Slot worst = engine.running.front();
    for (Slot slot = worst; slot != no_slot; slot = engine.sequences[slot].next) {
      if (key(slot) > key(worst)) {
        worst = slot;
      }
    }
    return worst;
  }

  /// A victim that has been scheduled in this step gives its tokens back. One that was passed
  /// without getting tokens shifts the list under vLLM's index: the sequence after the current one
  /// is passed over in this step.
  void take_back(EngineState& engine, Slot victim, std::int64_t step, int& passed_over) {
    Sequence& s = engine.sequences[victim];
    if (s.scheduled_step == step) {
      budget_ += s.scheduled_tokens;
      std::erase(scheduled_, victim);
    } else if (s.visited_step == step && is_in_flight(engine, s)) {
      ++passed_over;
    }
  }

  /// Turns what phase 1 decided into the batch; decodes left out stall.
  void apply(EngineState& engine, Batch& batch) {
    const std::int64_t step = batch.step;
    for (Slot slot = engine.running.front(); slot != no_slot; slot = engine.sequences[slot].next) {
      const Sequence& s = engine.sequences[slot];
      if (s.state == SequenceState::decoding && !engine.elsewhere(s) && s.scheduled_step != step) {
        engine.stall(slot, step);
      }
    }
    for (const Slot slot : scheduled_) {
      Sequence& s = engine.sequences[slot];
      if (s.state == SequenceState::prefilling) {
        engine.add_chunk(slot, s.scheduled_tokens, batch);
        s.blocks += s.scheduled_blocks;
      } else if (s.state == SequenceState::stalled) {
        ++batch.resumed;
        if (s.measured) {
          batch.resumed_gaps_from.push_back(s.last_token);
        }
        engine.resume(slot, step);
      }
    }
  }

  /// Phase 2 (1.3.4, 1.3.5): waiting sequences in order, until one does not fit.
  void admit_waiting(EngineState& engine, SimTime now, Batch& batch) {
    const EngineSpec& spec = engine.spec();
    while (!engine.waiting.empty() && budget_ > 0 && engine.running.size() < spec.max_num_seqs) {
      const Sequence& s = engine.sequences[engine.waiting.head()];
      if (s.last_token > now) {  // preempted, and still in the batch of another lane
        return;
      }
      const bool was_loaded = s.blocks > 0;
      const PrefixCache::Hit hit = was_loaded ? PrefixCache::Hit{} : engine.lookup_head();
      const std::int64_t from_host = was_loaded ? 0 : engine.lookup_host(hit);
      const std::int64_t found = s.blocks + hit.blocks + from_host;
      const std::int64_t cached = found * spec.block_size;
      const std::int64_t all = s.prompt + s.emitted;
      std::int64_t tokens = all - cached;
      if (spec.long_prefill_token_threshold > 0) {
        tokens = std::min(tokens, spec.long_prefill_token_threshold);
      }
      if (!spec.enable_chunked_prefill && tokens > budget_ && from_host == 0) {
        return;
      }
      tokens = std::min(tokens, budget_);
      const std::int64_t reserve =
          engine.running.size() > 0
              ? static_cast<std::int64_t>(spec.watermark *
                                          static_cast<double>(engine.pool.usable() + 1))
              : 0;
      // Hits that nobody holds are free blocks, but not for long.
      const std::int64_t free = engine.pool.free() - hit.free + hit.blocks + s.blocks - reserve -
                                spec.per_sequence.blocks(all);
      const std::int64_t whole = blocks_for(std::min(all, spec.max_model_len), spec.block_size);
      // Blocks that come from the host are taken alone, but not without room for the chunk behind.
      const std::int64_t blocks = blocks_for(cached + tokens + ahead_, spec.block_size);
      if ((spec.scheduler_reserve_full_isl && whole > free) || blocks > free) {
        const bool is_stuck = engine.running.size() == 0 && engine.loading.empty();
        if (is_stuck && engine.give_back_loaded(engine.waiting.head(), 0)) {
          continue;
        }
        return;
      }
      if (from_host > 0) {
        engine.load_head(hit, from_host);
        continue;
      }
      const std::int64_t missing = blocks - s.blocks - hit.blocks;
      const Slot slot = engine.admit_head(now, hit);
      PENSTOCK_ASSERT(engine.pool.allocate(missing));
      give_chunk(engine, slot, tokens, batch);
    }
  }

  std::int64_t budget_ = 0;
  std::int64_t rows_ = 1;        ///< tokens of a decoding sequence: with drafts more than one
  std::int64_t ahead_ = 0;       ///< Pace::ahead
  std::vector<Slot> scheduled_;  ///< by rule: in order, with blocks taken
};

}  // namespace

std::unique_ptr<Scheduler> make_vllm_v1() { return std::make_unique<VllmV1>(); }

}  // namespace penstock
