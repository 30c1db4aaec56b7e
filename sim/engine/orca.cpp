#include "sim/core/assert.h"
#include "sim/engine/scheduler.h"

namespace penstock {

namespace {

/// Whole prompts of waiting sequences, while slots are free. One block holds one sequence of
/// max_model_len: that is what these engines reserve.
void admit_whole(EngineState& engine, SimTime now, Batch& batch) {
  while (!engine.waiting.empty() && engine.running.size() < engine.spec().max_num_seqs &&
         engine.pool.allocate(1)) {
    const Slot slot = engine.admit_head(now, {});
    const Sequence& s = engine.sequences[slot];
    engine.add_chunk(slot, s.target - s.computed, batch);
    engine.sequences[slot].blocks = 1;
  }
}

/// Orca's iteration-level scheduling (scheduler-semantics 2.2): all that decode, and whole prompts.
class Orca final : public Scheduler {
 public:
  void schedule(EngineState& engine, SimTime now, Batch& batch) override {
    if (engine.decoding.size() > 0) {
      engine.add_decodes(batch);
    }
    admit_whole(engine, now, batch);
    engine.complete(batch);
  }
};

/// Request-level batching (scheduler-semantics 2.3): nobody joins before all have finished. Those
/// who have keep their row, which emits nothing, and their slot.
class StaticBatching final : public Scheduler {
 public:
  void schedule(EngineState& engine, SimTime now, Batch& batch) override {
    if (engine.decoding.size() == 0) {
      engine.release_idle(now);  // the last ones may have been aborted
      admit_whole(engine, now, batch);
    } else {
      engine.add_decodes(batch);
    }
    engine.complete(batch);
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_orca() { return std::make_unique<Orca>(); }
std::unique_ptr<Scheduler> make_static() { return std::make_unique<StaticBatching>(); }

}  // namespace penstock
