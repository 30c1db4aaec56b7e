#include <algorithm>

#include "sim/core/assert.h"
#include "sim/engine/decode_by_rule.h"
#include "sim/engine/scheduler.h"

namespace penstock {

namespace {

/// Sarathi-Serve's stall-free chunked prefill (scheduler-semantics 2.4): decodes first, then what
/// is left of prompts, then waiting ones, whose whole prompt gets its blocks at admission. Running
/// sequences are in order of arrival.
class Sarathi final : public Scheduler {
 public:
  void schedule(EngineState& engine, SimTime now, Batch& batch) override {
    std::int64_t budget = engine.spec().max_num_batched_tokens;
    if (engine.decoding.size() > 0) {
      take_decode_blocks(engine, batch.step);
      engine.add_decodes(batch);
      budget -= batch.decodes;
    }
    for (const Slot slot : engine.prefilling) {  // 2.4.2
      const Sequence& s = engine.sequences[slot];
      const std::int64_t tokens = std::min(s.target - s.computed, budget);
      if (tokens > 0) {
        engine.add_chunk(slot, tokens, batch);
        budget -= tokens;
      }
    }
    admit_waiting(engine, now, batch, budget);
    engine.complete(batch);
  }

 private:
  /// 2.4.3
  static void admit_waiting(EngineState& engine, SimTime now, Batch& batch, std::int64_t budget) {
    const EngineSpec& spec = engine.spec();
    while (!engine.waiting.empty() && budget > 0 && engine.running.size() < spec.max_num_seqs) {
      const Sequence& s = engine.sequences[engine.waiting.head()];
      const std::int64_t length = s.prompt + s.emitted;
      const std::int64_t blocks = blocks_for(length, spec.block_size);
      const std::int64_t left = engine.pool.free() - blocks - spec.per_sequence.blocks(length);
      if (left < watermark_blocks(spec)) {
        return;
      }
      const Slot slot = engine.admit_head(now, {});
      PENSTOCK_ASSERT(engine.pool.allocate(blocks));
      const std::int64_t tokens = std::min(length, budget);
      engine.add_chunk(slot, tokens, batch);
      engine.sequences[slot].blocks = blocks;
      budget -= tokens;
    }
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_sarathi() { return std::make_unique<Sarathi>(); }

}  // namespace penstock
