#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/catalog.h"
#include "sim/scenario.h"

namespace penstock::config {

/// What decides how many KV blocks a replica has (step-model.md §5, scheduler-semantics.md §4.2).
struct MemoryQuestion {
  Accelerator gpu;
  Architecture model;
  Dtype weights = Dtype::bf16;
  std::optional<Dtype> dense_weights;      ///< of all but routed experts; else as `weights`
  std::optional<Dtype> attention_weights;  ///< of token mixers; else as dense_weights
  Dtype kv_cache = Dtype::bf16;
  int tensor_parallel = 1;
  int pipeline_parallel = 1;
  int data_parallel = 1;
  int expert_parallel = 1;
  MemoryRule rule = MemoryRule::vllm;
  double utilization = 0.9;  ///< gpu_memory_utilization
  std::int64_t max_num_batched_tokens = 0;
  std::int64_t max_num_seqs = 0;
  std::int64_t block_size = 16;
  std::optional<double> reserve_bytes;  ///< `engine.reserve`; else by rule
  double preset_reserve_bytes = 0;      ///< tensorrt_llm: the preset's
  std::int64_t blocks_override = 0;     ///< `num_gpu_blocks_override`; 0 = by memory
  /// Of speculative decoding: its own weights and KV lie beside the model's.
  std::optional<Architecture> drafter;
  Dtype drafter_weights = Dtype::bf16;

  WeightDtypes weight_dtypes() const {
    const Dtype dense = dense_weights.value_or(weights);
    return {weights, dense, attention_weights.value_or(dense)};
  }
};

/// Memory of each GPU of one stage of layers.
struct StageMemory {
  std::int64_t layers = 0;
  double weight_bytes = 0;     ///< with the embedding in the first stage, the head in the last
  double bytes_per_token = 0;  ///< of KV that grows with the context
  double kv_bytes = 0;         ///< left for KV
  std::int64_t blocks = 0;     ///< that it could hold; the replica has those of the fewest
};

/// Where the memory of one GPU goes. Bytes are per GPU, of the stage that holds the fewest blocks;
/// blocks and tokens per replica.
struct MemoryPlan {
  MemoryRule rule = MemoryRule::vllm;
  double total_bytes = 0;  ///< as CUDA shows it: the driver's figure less 0.5 GiB
  double utilization = 0;
  double usable_bytes = 0;  ///< what the engine may use; tensorrt_llm: the total
  double weight_bytes = 0;
  double drafter_bytes = 0;  ///< of which the drafter's
  double reserve_bytes = 0;  ///< activations, workspaces, CUDA context, graphs
  bool reserve_is_given = false;
  double kv_bytes = 0;                ///< left for KV; negative if the rest does not fit
  double bytes_per_token = 0;         ///< of KV that grows with the context
  double window_bytes_per_token = 0;  ///< more, of each of a sequence's first `window` tokens
  std::int64_t window = 0;
  double state_bytes = 0;                ///< of each sequence
  EngineSpec::PerSequence per_sequence;  ///< the two above in blocks
  std::int64_t block_size = 0;
  bool blocks_are_given = false;
  std::int64_t blocks = 0;          ///< all of them
  std::int64_t usable_blocks = 0;   ///< without vLLM's null block
  std::int64_t tokens = 0;          ///< the longest sequence: usable_blocks x block_size
  std::vector<StageMemory> stages;  ///< in order; empty if there is one

  bool weights_fit() const { return weight_bytes <= total_bytes; }
  /// True if a sequence of so many tokens can be held.
  bool holds(std::int64_t sequence) const {
    return weights_fit() && usable_blocks >= 1 && tokens >= sequence;
  }
};

MemoryPlan plan_memory(const MemoryQuestion& question);

/// The arithmetic behind the plan, a line each, for errors and `explain`.
std::vector<std::string> explain_memory(const MemoryQuestion& question, const MemoryPlan& plan);

/// What would hold a sequence of `tokens` instead, a line each, nearest first: more GPUs a replica,
/// a smaller dtype, a bigger GPU of the catalogue. Empty if nothing does.
std::vector<std::string> nearest_fits(const MemoryQuestion& question, std::int64_t tokens,
                                      const Catalog& catalog);

/// Nothing if tensor_parallel splits the model as engines split it; else why not. `whole_experts`:
/// they are spread, not split.
std::optional<std::string> tensor_parallel_problem(const Architecture& model, int tensor_parallel,
                                                   bool whole_experts = false);

}  // namespace penstock::config
