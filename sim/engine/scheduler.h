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
std::unique_ptr<Scheduler> make_vllm_v0();
std::unique_ptr<Scheduler> make_sarathi();
std::unique_ptr<Scheduler> make_orca();
std::unique_ptr<Scheduler> make_static();
std::unique_ptr<Scheduler> make_sglang();
std::unique_ptr<Scheduler> make_tensorrt_llm();

/// Why an engine would never run a request of `prompt` tokens to its end, even if it were alone:
/// it is turned away at once (scheduler-semantics 1.5.7). `output` as cut at max_model_len.
using Refusal = RejectReason (*)(const EngineSpec& spec, std::int64_t prompt, std::int64_t output);
RejectReason refuse_beyond_pool(const EngineSpec& spec, std::int64_t prompt, std::int64_t output);
RejectReason refuse_beyond_watermark(const EngineSpec& spec, std::int64_t prompt,
                                     std::int64_t output);
RejectReason refuse_sglang(const EngineSpec& spec, std::int64_t prompt, std::int64_t output);
RejectReason refuse_tensorrt_llm(const EngineSpec& spec, std::int64_t prompt, std::int64_t output);

/// A scheduler that this version builds.
struct SchedulerEntry {
  std::string_view name;
  std::string_view description;
  std::unique_ptr<Scheduler> (*make)();
  Refusal refuse;
  /// With fewer free blocks left after a decode step than this, who decodes is decided anew.
  std::int64_t spare_blocks;
};

/// The complete list. A new scheduler is one file and one row.
inline constexpr std::array schedulers{
    SchedulerEntry{"vllm_v1",
                   "vLLM V1: running first, then waiting, within a token budget; chunked prefill",
                   make_vllm_v1, refuse_beyond_pool, 0},
    SchedulerEntry{"vllm_v0", "vLLM V0: whole prompts first, else decodes; watermark", make_vllm_v0,
                   refuse_beyond_watermark, 1},
    SchedulerEntry{"sglang",
                   "SGLang: prefill first, output reserved by a decaying share, retraction",
                   make_sglang, refuse_sglang, 0},
    SchedulerEntry{"tensorrt_llm",
                   "TensorRT-LLM: capacity (no evict, or max utilization), then token budget",
                   make_tensorrt_llm, refuse_tensorrt_llm, 0},
    SchedulerEntry{"sarathi", "Sarathi-Serve: decodes first, then chunks of prompts, by a budget",
                   make_sarathi, refuse_beyond_watermark, 1},
    SchedulerEntry{"orca", "Orca: decodes and whole prompts mixed, longest request reserved",
                   make_orca, refuse_beyond_pool, 0},
    SchedulerEntry{"static", "static batching: a batch begins when the one before has finished",
                   make_static, refuse_beyond_pool, 0},
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
