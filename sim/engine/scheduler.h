#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "sim/engine/engine_state.h"

namespace penstock {

/// The policy of one engine: who gets how many tokens in the next step.
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  /// Fills `batch` (cleared, its step number set) and moves sequences, blocks and queues to the
  /// state after the schedule; `now` is the time of the schedule. An empty batch means that
  /// nothing can run.
  virtual void schedule(EngineState& engine, SimTime now, Batch& batch) = 0;
};

std::unique_ptr<Scheduler> make_vllm_v1();

/// A scheduler that this version builds.
struct SchedulerEntry {
  std::string_view name;
  std::string_view description;
  std::unique_ptr<Scheduler> (*make)();
};

/// The complete list. A new scheduler is one file and one row.
inline constexpr std::array schedulers{
    SchedulerEntry{"vllm_v1",
                   "vLLM V1: running first, then waiting, within a token budget; chunked prefill",
                   make_vllm_v1},
};

/// The row of that name, or nullptr.
inline const SchedulerEntry* find_scheduler(std::string_view name) {
  for (const SchedulerEntry& entry : schedulers) {
    if (entry.name == name) {
      return &entry;
    }
  }
  return nullptr;
}

}  // namespace penstock
