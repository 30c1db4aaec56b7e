#pragma once

#include <cstdint>

#include "sim/engine/engine_state.h"

namespace penstock {

/// Blocks that admission leaves free (scheduler-semantics 2.1.1, 2.4.3).
inline std::int64_t watermark_blocks(const EngineSpec& spec) {
  return static_cast<std::int64_t>(spec.watermark * static_cast<double>(spec.num_gpu_blocks));
}

/// The blocks that a decoding sequence needs in step `step`.
inline std::int64_t decode_blocks(const EngineState& engine, const Sequence& s, std::int64_t step) {
  return engine.blocks_in(s, step) - engine.blocks_in(s, step - 1);
}

/// Takes the blocks of all decoding sequences for step `step`, in running order: before each there
/// must be a free block, whether it needs one or not; the last running sequence is preempted to get
/// it, at the end the one in need itself (scheduler-semantics 2.1.2, 2.4.1).
inline void take_decode_blocks(EngineState& engine, std::int64_t step) {
  const std::int64_t needed = engine.decoding.blocks_needed(step);
  if (engine.fast_path() && needed < engine.pool.free()) {
    PENSTOCK_ASSERT(engine.pool.allocate(needed));
    return;
  }
  for (Slot slot = engine.running.front(); slot != no_slot;) {
    if (engine.sequences[slot].state == SequenceState::decoding) {
      while (engine.pool.free() == 0) {
        const Slot victim = engine.running.back();
        engine.preempt(victim, step, engine.sequences[slot].admission);
        if (victim == slot) {
          return;
        }
      }
      PENSTOCK_ASSERT(engine.pool.allocate(decode_blocks(engine, engine.sequences[slot], step)));
    }
    slot = engine.sequences[slot].next;
  }
}

}  // namespace penstock
