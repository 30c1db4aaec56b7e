#pragma once

#include <cstdint>
#include <optional>

#include "sim/analysis/traffic.h"
#include "sim/scenario.h"
#include "sim/step/step_model.h"

namespace penstock {

/// What keeps a full replica from taking one sequence more.
enum class BatchLimit { kv_memory, max_num_seqs, max_num_batched_tokens };
const char* to_string(BatchLimit limit);

/// A replica under more traffic than it can serve, in its steady state (means over steps).
struct Saturation {
  BatchLimit limit = BatchLimit::max_num_seqs;
  double kv_sequences = 0;     ///< sequences that the KV pool holds at once
  double sequences = 0;        ///< at once, running
  double step_ms = 0;          ///< mean
  double decodes = 0;          ///< decoding sequences a step; of the steps that have any
  double prompt_tokens = 0;    ///< a step
  double requests_a_step = 0;  ///< completed
  double requests_per_s = 0;
  double input_tokens_per_s = 0;  ///< computed
  double output_tokens_per_s = 0;
  double input_ps = 0;   ///< replica time per prompt token, rule `phase`
  double output_ps = 0;  ///< per output token: input_ps and output_ps add up to the steps' time
};

/// The steady state in closed form (scheduler-semantics.md §8.2-6, 8 and 10) with real step costs
/// in place of a + b n. A request of P prompt and G output tokens stays for the G - 1 steps of its
/// decode and those of its prompt, and one more where scheduling is asynchronous; N sequences that
/// slots, KV blocks and the step budget allow complete N / stay requests a step. Steps are a
/// mixture by how many prompts they take (binomial): decode-only ones, mixed ones, and ones full to
/// max_num_batched_tokens. The pool holds (blocks - half a prompt) / (mean blocks of a request)
/// sequences; that preempted work is done again is left out.
///
/// The other engines differ in three things (scheduler-semantics.md §2). What a sequence needs of
/// the pool: TensorRT-LLM's no-evict policy its prompt and output, SGLang a share of the output yet
/// to come (the least one, so that the next needs its own in full), Orca a slot. Whether prompts
/// share steps with decodes: in vLLM V0 and SGLang they run between them. And whether a row is
/// computed in vain before the end of a request is seen.
///
/// With drafts (scheduler-semantics.md §1.8) a decode lasts fewer steps, by the mean number of
/// tokens that a step emits; each takes 1 + k tokens of the budget and holds slots for drafts.
///
/// `most_sequences` > 0 caps N further. Nothing if there is no traffic, no KV pool or no time, nor
/// for static batching, whose batches last as long as their longest request.
std::optional<Saturation> saturate(const EngineSpec& engine, StepModel& model,
                                   const TrafficMeans& traffic, std::int64_t most_sequences = 0);

/// What one lane of a pipeline has of the engine, all lanes alike: its share of sequences and
/// blocks. Without stages, the engine.
EngineSpec lane_engine(const Scenario& scenario);

/// Price of a million tokens that take `ps` of a replica each.
double per_million(const Scenario& scenario, double ps);

}  // namespace penstock
