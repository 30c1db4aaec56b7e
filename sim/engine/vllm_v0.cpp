#include "sim/core/assert.h"
#include "sim/engine/decode_by_rule.h"
#include "sim/engine/scheduler.h"

namespace penstock {

RejectReason refuse_beyond_pool(const EngineSpec& spec, std::int64_t prompt, std::int64_t output) {
  const std::int64_t positions = prompt + output - 1;
  const std::int64_t blocks = blocks_for(positions + spec.draft_slots(), spec.block_size) +
                              spec.per_sequence.blocks(positions);
  return blocks > spec.num_gpu_blocks ? RejectReason::does_not_fit : RejectReason::none;
}

RejectReason refuse_beyond_watermark(const EngineSpec& spec, std::int64_t prompt,
                                     std::int64_t output) {
  const std::int64_t positions = prompt + output - 1;
  const std::int64_t blocks =
      blocks_for(positions, spec.block_size) + spec.per_sequence.blocks(positions);
  return blocks + watermark_blocks(spec) > spec.num_gpu_blocks ? RejectReason::does_not_fit
                                                               : RejectReason::none;
}

namespace {

/// vLLM V0's scheduler without chunked prefill (scheduler-semantics 2.1). Running sequences are in
/// order of arrival: what is preempted comes from the end, and goes to the head of the queue.
class VllmV0 final : public Scheduler {
 public:
  void schedule(EngineState& engine, SimTime now, Batch& batch) override {
    schedule_prefills(engine, now, batch);
    if (!batch.frozen && engine.decoding.size() > 0) {
      take_decode_blocks(engine, batch.step);
      engine.add_decodes(batch);
    }
    engine.complete(batch);
  }

 private:
  /// 2.1.1
  static void schedule_prefills(EngineState& engine, SimTime now, Batch& batch) {
    const EngineSpec& spec = engine.spec();
    std::int64_t budget = spec.max_num_batched_tokens;
    while (!engine.waiting.empty() && engine.running.size() < spec.max_num_seqs) {
      const Sequence& s = engine.sequences[engine.waiting.head()];
      const std::int64_t length = s.prompt + s.emitted;
      const std::int64_t blocks = blocks_for(length, spec.block_size);
      const std::int64_t left = engine.pool.free() - blocks - spec.per_sequence.blocks(length);
      if (length > budget || left < watermark_blocks(spec)) {
        return;
      }
      if (!batch.frozen) {
        engine.freeze(batch);
      }
      const Slot slot = engine.admit_head(now, {});
      PENSTOCK_ASSERT(engine.pool.allocate(blocks));
      engine.add_chunk(slot, length, batch);
      engine.sequences[slot].blocks = blocks;
      budget -= length;
    }
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_vllm_v0() { return std::make_unique<VllmV0>(); }

}  // namespace penstock
