#include <algorithm>
#include <vector>

#include "sim/core/assert.h"
#include "sim/engine/scheduler.h"
#include "sim/engine/sglang_order.h"

namespace penstock {

RejectReason refuse_sglang(const EngineSpec& spec, std::int64_t prompt, std::int64_t output) {
  // So that the admission rule of 2.5.3 lets it in when it is alone, also after a retraction.
  const std::int64_t beside = spec.per_sequence.blocks(prompt + output) * spec.block_size;
  const std::int64_t most = prompt + output + spec.draft_slots() + beside + spec.block_size;
  return most >= spec.num_gpu_blocks * spec.block_size ? RejectReason::does_not_fit
                                                       : RejectReason::none;
}

namespace {

constexpr std::int64_t clip_max_new_tokens = 4096;
constexpr std::int64_t retract_decode_steps = 20;

/// SGLang's scheduler (scheduler-semantics 2.5): a batch of prefills whenever one can be made, else
/// all that decode. One prompt at most is in pieces.
///
/// With stages each lane has a batch of its own (event_loop_pp), and so one of these: what is kept
/// free for who decodes, whether the batch is full, and who is taken back are the lane's; memory,
/// the queue, the prompt in pieces and the ratio are the engine's.
class Sglang final : public Scheduler {
 public:
  void schedule(EngineState& engine, SimTime now, Batch& batch) override {
    if (!tracks_remaining_) {
      engine.decoding.track_remaining(clip_max_new_tokens);  // nobody decodes yet
      tracks_remaining_ = true;
    }
    catch_up(engine, batch.step);
    engine.looks_at_queue = false;
    if (engine.running.size() == 0 && engine.waiting.empty()) {
      engine.new_token_ratio.reset();
      return;
    }
    // The running batch has shrunk, or the last one by the prompt in pieces; ours: no batch without
    // sequences is full.
    if (engine.departures != departures_ || left_a_piece_ || engine.decoding.size() == 0) {
      batch_is_full_ = false;
    }
    extend(engine, now, batch);
    const bool extends = !batch.chunks.empty();
    if (!extends) {
      decode(engine, batch);
    } else if (!batch.frozen) {
      ++counted_;
      if (engine.decoding.size() > 0) {
        PENSTOCK_ASSERT(engine.pool.allocate(engine.decoding.blocks_needed(batch.step)));
        engine.add_decodes(batch);
      }
    }
    engine.complete(batch);
    departures_ = engine.departures;
    left_a_piece_ = std::any_of(batch.chunks.begin(), batch.chunks.end(),
                                [](const ScheduledChunk& chunk) { return !chunk.completes; });
  }

 private:
  /// What a batch of prefills may still take (2.5.3), in tokens.
  struct Budgets {
    std::int64_t input = 0;      ///< of max_prefill_tokens
    std::int64_t chunk = 0;      ///< of chunked_prefill_size
    std::int64_t available = 0;  ///< free memory
    double total = 0;            ///< of it, what running requests are not expected to need
  };

  /// Step `step` is being scheduled: those since the last one counted have only decoded.
  void catch_up(EngineState& engine, std::int64_t step) {
    engine.new_token_ratio.decay(step - 1 - counted_);
    counted_ = step - 1;
  }

  static std::int64_t page_up(const EngineState& engine, std::int64_t tokens) {
    return blocks_for(tokens, engine.spec().block_size) * engine.spec().block_size;
  }

  Budgets budgets(EngineState& engine, std::int64_t step) const {
    const EngineSpec& spec = engine.spec();
    const bool mixed = spec.sglang.enable_mixed_chunk;
    const std::int64_t decodes = engine.decoding.size();
    Budgets left;
    left.input = spec.sglang.max_prefill_tokens;
    left.chunk = spec.enable_chunked_prefill ? spec.max_num_batched_tokens - (mixed ? decodes : 0)
                                             : INT64_MAX / 2;
    std::int64_t pages = engine.pool.free();
    if (mixed) {  // set aside for the decodes of this step
      pages -= engine.decoding.blocks_needed(step);
    }
    left.available = pages * spec.block_size;
    const std::int64_t unborn = decodes > 0 ? engine.decoding.remaining(step) : 0;
    left.total = static_cast<double>(left.available) -
                 static_cast<double>(unborn) * engine.new_token_ratio.value();
    return left;
  }

  void extend(EngineState& engine, SimTime now, Batch& batch) {
    if ((batch_is_full_ || engine.waiting.empty()) && engine.prefilling.empty()) {
      return;
    }
    Budgets left = budgets(engine, batch.step);
    if (!engine.prefilling.empty() && !continue_chunked(engine, batch, left)) {
      return;
    }
    if (engine.spec().sglang.schedule_policy == SglangSpec::Policy::lpm && engine.radix) {
      order_.sort(engine);
    }
    admit_waiting(engine, now, batch, left);
    engine.looks_at_queue = engine.radix && !engine.waiting.empty() && !batch_is_full_;
  }

  /// Adds a chunk and takes its blocks; decodes stand still unless they are mixed in.
  static void add(EngineState& engine, Slot slot, std::int64_t tokens, Batch& batch,
                  Budgets& left) {
    if (!engine.spec().sglang.enable_mixed_chunk && !batch.frozen) {
      engine.freeze(batch);
    }
    Sequence& s = engine.sequences[slot];
    const std::int64_t blocks =
        blocks_for(s.computed + tokens + engine.pace().ahead, engine.spec().block_size);
    const std::int64_t taken = blocks - s.blocks;
    PENSTOCK_ASSERT(engine.pool.allocate(taken));
    engine.add_chunk(slot, tokens, batch);
    s.blocks = blocks;
    left.available -= taken * engine.spec().block_size;
    left.total -= static_cast<double>(taken * engine.spec().block_size);
    left.input -= page_up(engine, tokens);
    left.chunk -= tokens;
  }

  static std::int64_t expected_output(const Sequence& s) {
    return std::min(s.output - s.emitted, clip_max_new_tokens);
  }

  /// The prompt that is in pieces comes first, as far as there is memory. False if it is not
  /// through.
  static bool continue_chunked(EngineState& engine, Batch& batch, Budgets& left) {
    const Slot slot = engine.prefilling.front();
    const Sequence& s = engine.sequences[slot];
    const std::int64_t room =
        s.blocks * engine.spec().block_size - s.computed - engine.pace().ahead + left.available;
    const std::int64_t tokens = std::min({s.target - s.computed, left.chunk, room});
    if (tokens > 0) {
      add(engine, slot, tokens, batch, left);
    }
    if (s.computed < s.target) {
      return false;
    }
    left.total -= static_cast<double>(expected_output(s));
    return true;
  }

  void admit_waiting(EngineState& engine, SimTime now, Batch& batch, Budgets& left) {
    const EngineSpec& spec = engine.spec();
    while (!engine.waiting.empty() && !batch_is_full_) {
      const auto added = static_cast<std::int64_t>(batch.chunks.size());
      if (engine.room_in_batch() <= added || engine.running.size() >= spec.max_num_seqs) {
        batch_is_full_ = true;
        return;
      }
      const Sequence& s = engine.sequences[engine.waiting.head()];
      const PrefixCache::Hit hit = engine.lookup_head();
      const std::int64_t length = s.prompt + s.emitted - hit.blocks * spec.block_size;
      const std::int64_t output = expected_output(s);
      const std::int64_t beside = spec.per_sequence.blocks(s.prompt + s.emitted) * spec.block_size;
      const auto need =
          static_cast<double>(length + output + engine.pace().ahead + beside + spec.block_size);
      if (need >= left.total) {
        batch_is_full_ = true;
        return;
      }
      if (page_up(engine, length) >= left.input && added > 0) {
        return;
      }
      // Pages that were kept for anybody are free no more once it uses them.
      const std::int64_t locked = hit.free * spec.block_size;
      if (need >= left.total - static_cast<double>(locked)) {
        batch_is_full_ = true;
        return;
      }
      const bool whole = length <= left.chunk;
      const std::int64_t tokens =
          whole ? length : full_pages(std::max<std::int64_t>(left.chunk, 0), spec.block_size);
      if (tokens == 0) {
        return;
      }
      left.available -= locked + beside;
      left.total -= static_cast<double>(locked + beside);
      add(engine, engine.admit_head(now, hit), tokens, batch, left);
      if (!whole) {
        return;
      }
      left.total -= static_cast<double>(output);
    }
  }

  static std::int64_t full_pages(std::int64_t tokens, std::int64_t page) {
    return tokens / page * page;
  }

  /// 2.5.4
  void decode(EngineState& engine, Batch& batch) {
    if (engine.decoding.size() == 0) {
      return;
    }
    const bool fits = engine.pool.allocate(engine.decoding.blocks_needed(batch.step));
    if (!fits) {
      if (engine.radix) {
        engine.radix->trim(0);
      }
      retract(engine, batch.step);
      PENSTOCK_ASSERT(engine.pool.allocate(engine.decoding.blocks_needed(batch.step)));
    }
    if (engine.decoding.size() == 0) {
      return;
    }
    ++counted_;
    engine.new_token_ratio.decay(fits ? 1 : 0);
    engine.add_decodes(batch);
  }

  /// Takes back those with the fewest tokens, longest prompts first among equals, and learns from
  /// it how much the others are likely to emit.
  void retract(EngineState& engine, std::int64_t step) {
    members_.clear();
    for (Slot slot = engine.running.front(); slot != no_slot; slot = engine.sequences[slot].next) {
      const Sequence& s = engine.sequences[slot];
      if (s.state == SequenceState::decoding && !engine.elsewhere(s)) {
        members_.push_back({s.emitted_after(step - 1), s.prompt, s.output, slot});
      }
    }
    if (!engine.spec().speculative.on()) {  // with drafts the last to join goes first
      std::stable_sort(members_.begin(), members_.end(), [](const Member& a, const Member& b) {
        return a.generated != b.generated ? a.generated > b.generated : a.prompt < b.prompt;
      });
    }
    const auto take_back = [&](Slot slot) {
      engine.preempt(slot, step, engine.sequences[slot].admission, Requeue::at_the_tail);
    };
    do {
      if (members_.size() == 1) {
        break;
      }
      take_back(members_.back().slot);
      members_.pop_back();
    } while (lacks_memory(engine, step));
    batch_is_full_ = false;
    // Where SGLang would abort the last one, the prompt that is in pieces gives way; drafts may
    // have taken the last one itself beyond the pool, other lanes what it lacks.
    if (engine.decoding.blocks_needed(step) > engine.pool.free() && !engine.prefilling.empty()) {
      take_back(engine.prefilling.front());
    }
    if (engine.decoding.blocks_needed(step) > engine.pool.free()) {
      take_back(members_.back().slot);
      return;
    }
    std::int64_t generated = retract_decode_steps * static_cast<std::int64_t>(members_.size());
    std::int64_t most = 1;
    for (const Member& member : members_) {
      generated += member.generated;
      most += member.output;
    }
    engine.new_token_ratio.set(
        std::min(1.0, static_cast<double>(generated) / static_cast<double>(most)));
  }

  bool lacks_memory(const EngineState& engine, std::int64_t step) const {
    const std::int64_t free = engine.pool.free();
    const SpeculativeSpec& drafts = engine.spec().speculative;
    const std::int64_t each =
        retract_decode_steps + (drafts.on() ? drafts.num_speculative_tokens() + drafts.rows() : 0);
    return engine.spec().sglang.retracts_far
               ? free * engine.spec().block_size < each * static_cast<std::int64_t>(members_.size())
               : engine.decoding.blocks_needed(step) > free;
  }

  struct Member {
    std::int64_t generated = 0;
    std::int64_t prompt = 0;
    std::int64_t output = 0;
    Slot slot = no_slot;
  };

  bool tracks_remaining_ = false;
  std::int64_t counted_ = 0;     ///< the last step whose decay has been counted
  bool batch_is_full_ = false;   ///< sticky: no look at the queue before somebody has left
  bool left_a_piece_ = false;    ///< the batch scheduled last had a piece of a prompt
  std::int64_t departures_ = 0;  ///< EngineState::departures when the last step was scheduled
  LongestPrefixFirst order_;
  std::vector<Member> members_;  ///< retraction: who goes first stands last
};

}  // namespace

std::unique_ptr<Scheduler> make_sglang() { return std::make_unique<Sglang>(); }

}  // namespace penstock
