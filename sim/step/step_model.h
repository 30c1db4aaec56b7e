#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/core/units.h"
#include "sim/scenario.h"

namespace penstock {

/// A piece of a prompt computed in one step: q new tokens after `context` computed ones.
struct Chunk {
  std::int64_t q = 0;
  std::int64_t context = 0;
};

/// Attention pairs of the positions [begin, end): each reads itself and all before it.
/// q new tokens on k computed ones: q k + q (q + 1) / 2.
constexpr std::int64_t attention_pairs(std::int64_t begin, std::int64_t end) {
  return (end * (end + 1) - begin * (begin + 1)) / 2;
}

/// The same where a position reads at most the last `window` ones, itself among them.
constexpr std::int64_t attention_pairs(std::int64_t begin, std::int64_t end, std::int64_t window) {
  const std::int64_t bend = begin > window ? begin : end < window ? end : window;
  return attention_pairs(begin, bend) + (end - bend) * window;
}

/// What one step has to do: sums only, so that its cost needs no look at single sequences.
struct StepLoad {
  std::int64_t decodes = 0;  ///< sequences that decode one token
  std::int64_t kv_sum = 0;   ///< sum of their KV lengths, the new token included
  std::int64_t kv_max = 0;   ///< the longest of them; matters only beside chunks
  /// Sum of min(KV length, StepModel::window()); matters only to models with a window.
  std::int64_t window_sum = 0;
  std::span<const Chunk> chunks{};
  std::int64_t sampled = 0;  ///< rows that emit a token: decodes + chunks that end their prompt
};

/// Operators, for explanation. The head is the final norm (of all tokens) and the LM head (of the
/// sampled rows).
enum class Operator {
  gemm,
  attention,
  elementwise,
  all_reduce,
  head,
  sampler,
  moe,         ///< routed and shared experts, router, and the elementwise work around them
  all_to_all,  ///< dispatch and combine
  send,        ///< from stage to stage of a pipeline
  cpu,
};
inline constexpr std::size_t operator_count = 10;
const char* to_string(Operator op);

/// What a piece of a step's time is spent on; the ledger's causes are made from these. Each
/// operator is a fixed latency per kernel and a variable part that grows with its work; the
/// engine's factor on GPU time is in all of them.
enum class Part {
  /// Variable GEMM time of one token alone, which streams the layers' weights once; and streaming
  /// the experts that further tokens are routed to.
  weights,
  compute,        ///< the rest of variable GEMM time, and the variable part of elementwise kernels
  attention,      ///< attention without fixed latencies: reads, FLOP, per-sequence terms
  communication,  ///< all-reduce without its latency
  overhead,       ///< fixed latencies, CPU (not overlapped), the excess of CPU over GPU
  head_weights,   ///< LM head: as `weights`; paid by sampled rows, as all head parts
  head_compute,
  head_overhead,  ///< LM head latency and the sampler
};
inline constexpr std::size_t part_count = 8;

/// The parts that the tokens of a step share; the head's parts belong to its sampled rows.
inline constexpr std::array shared_parts{Part::weights, Part::compute, Part::attention,
                                         Part::communication, Part::overhead};
/// Picoseconds in the order of shared_parts.
using SharedParts = std::array<std::int64_t, shared_parts.size()>;

/// What bounds a piece of time: a GEMM's variable part counts for whichever of compute and memory
/// is the larger, elementwise kernels and decode attention for memory, attention of chunks for the
/// largest of compute, memory and the walk along the longest context (latency), per-sequence terms
/// and the sampler for latency.
enum class Resource { compute, memory, communication, latency, cpu };
inline constexpr std::size_t resource_count = 5;
const char* to_string(Resource resource);

/// The price of one step. All times in integer picoseconds.
struct StepCost {
  std::array<std::int64_t, part_count> parts{};          ///< sums to total
  std::array<std::int64_t, resource_count> resources{};  ///< sums to total
  std::int64_t total = 0;                                ///< duration of the step
  std::int64_t gpu = 0;                                  ///< GPU time (total without CPU waits)
  std::int64_t expert_bytes = 0;  ///< weights of routed experts that it reads, ps at the peak

  std::int64_t part(Part p) const { return parts[static_cast<std::size_t>(p)]; }
  std::int64_t& part(Part p) { return parts[static_cast<std::size_t>(p)]; }
};

/// The cost of a decode-only step of n sequences, affine in the sum of KV lengths (and, for models
/// with a window, in the sum of those lengths as the window cuts them):
///   total = sum(fixed.parts) + per_kv · kv_sum + per_window · window_sum
/// `fixed` has every part divisible by n, so that each sequence's share is a whole number of
/// picoseconds (rounded up: below 5e-7 of a step). fixed.part(attention) is the per-sequence term.
/// With overlapped CPU time the affine form holds while GPU >= CPU (`cpu_excess() == 0`). Below,
/// the step lasts gpu + n · ceil((cpu - gpu) / n): the excess over the GPU is overhead,
/// again divisible by n, and the duration is the same for all kv_sum that differ by multiples of n.
/// Exception: the constant model's step is all overhead and exactly as long as it was asked to be,
/// so that its parts need not divide by n.
struct DecodeCost {
  StepCost fixed;  ///< at kv_sum = 0, CPU included if it does not overlap
  /// ps per KV token: memory-bound attention; part attention. Rounded up: 2e-4 of the reads of a
  /// 70B model over 16 GPUs, less where a GPU holds more heads.
  std::int64_t per_kv = 0;
  std::int64_t per_window = 0;        ///< ps per KV token within the window, likewise
  Resource reads = Resource::memory;  ///< what bounds them
  std::int64_t cpu = 0;        ///< overlapped CPU time to compare with; 0 if it never decides
  SharedParts per_sequence{};  ///< of `fixed`, head included; filled in by StepModel::decode()
  std::int64_t remainder = 0;  ///< of `fixed`, beside n such shares

  /// The part of the cost that contexts decide.
  std::int64_t context_cost(std::int64_t kv_sum, std::int64_t window_sum) const {
    return per_kv * kv_sum + per_window * window_sum;
  }
  /// Adds what bounds `steps` such steps that last `time` ps in all, of which contexts cost
  /// `context_ps`.
  void add_resources(std::array<std::int64_t, resource_count>& to, std::int64_t steps,
                     std::int64_t context_ps, std::int64_t time) const {
    for (std::size_t r = 0; r < resource_count; ++r) {
      to[r] += fixed.resources[r] * steps;
    }
    to[static_cast<std::size_t>(reads)] += context_ps;
    to[static_cast<std::size_t>(Resource::cpu)] += time - context_ps - fixed.total * steps;
  }
  /// By how much the CPU takes longer than the GPU; 0 if the GPU decides.
  std::int64_t cpu_excess(std::int64_t kv_sum, std::int64_t window_sum) const {
    const std::int64_t excess = cpu - fixed.total - context_cost(kv_sum, window_sum);
    return excess > 0 ? excess : 0;
  }
  /// The whole cost of a step of these n sequences.
  StepCost cost(std::int64_t n, std::int64_t kv_sum, std::int64_t window_sum) const;
  /// How long a step of these n sequences lasts.
  std::int64_t total(std::int64_t n, std::int64_t kv_sum, std::int64_t window_sum) const {
    const std::int64_t gpu_ps = fixed.total + context_cost(kv_sum, window_sum);
    return cpu > gpu_ps ? gpu_ps + (cpu - gpu_ps + n - 1) / n * n : gpu_ps;
  }
};

/// Of the cost of a decode-only step of n sequences with drafts, in ps: the drafter's time, and
/// what rejected drafts cost: what the step would be shorter by if it verified only drafts that are
/// accepted, and the drafter's time for the others. Affine in the sum of KV lengths, in tokens.
struct DraftCost {
  std::int64_t draft = 0;
  std::int64_t draft_per_kv = 0;
  std::int64_t rejected = 0;
  std::int64_t rejected_per_kv = 0;
};

/// Useful work, for MFU and MBU, as time at the hardware's peak on one GPU (ps, doubles: output
/// only). MFU = (tokens · token_flop + rows · row_flop + pairs · pair_flop + ...) / wall. Weights
/// of routed experts depend on the step: StepCost has them.
struct PeakTimes {
  double token_flop = 0;   ///< ps of GEMM FLOP at peak per computed token
  double row_flop = 0;     ///< ps of LM head FLOP per sampled row
  double pair_flop = 0;    ///< ps of attention FLOP per (query, key) pair
  double step_bytes = 0;   ///< ps of weight bytes per step (layers)
  double head_bytes = 0;   ///< ps of LM head weight bytes per step that samples
  double token_bytes = 0;  ///< ps of activation bytes per computed token (GEMMs)
  double row_bytes = 0;    ///< ps of activation bytes per sampled row
  double kv_bytes = 0;     ///< ps of KV reads per KV token read
  // Of layers with a window, per pair and KV token within it; of states, per sequence and step.
  double window_pair_flop = 0;
  double window_kv_bytes = 0;
  double sequence_bytes = 0;
  std::int64_t window = 0;  ///< StepModel::window()
};

/// Loads beyond are computed anew each time: memory stays bounded whatever the budget.
inline constexpr std::int64_t step_memo_limit = std::int64_t{1} << 17;

/// How long steps take. Implementations are deterministic and may memoise (not thread-safe: one
/// model per simulation).
class StepModel {
 public:
  virtual ~StepModel() = default;
  /// The cost of any step, of the whole load at once. Requires decodes + sum(q) >= 1. A load
  /// without chunks costs exactly what decode(n) says.
  virtual StepCost cost(const StepLoad& load) = 0;
  /// The affine cost of decode-only steps of n >= 1 sequences, made once for each n. A reference
  /// for more than 131,072 stays valid until the next call only.
  const DecodeCost& decode(std::int64_t n) {
    const auto index = static_cast<std::size_t>(n);
    return index < decodes_.size() && decodes_[index] ? *decodes_[index] : new_decode(n);
  }
  /// The shared parts of cost(load), of a load of chunks without decodes. Asked for each mixed
  /// step, to split its cost: models override it where they can do with less than cost() needs.
  virtual SharedParts chunks_alone(const StepLoad& load) {
    const StepCost alone = cost(load);
    SharedParts parts{};
    for (std::size_t p = 0; p < shared_parts.size(); ++p) {
      parts[p] = alone.part(shared_parts[p]);
    }
    return parts;
  }
  /// Positions that the layers with a window read at most; 0 if no sum over them is needed.
  virtual std::int64_t window() const { return 0; }
  /// Of decode(n); zeros without speculative decoding.
  virtual DraftCost draft_cost(std::int64_t /*n*/) { return {}; }
  /// Useful work at peak; zeros for models that know no hardware.
  virtual PeakTimes peak_times() const = 0;

 protected:
  virtual DecodeCost make_decode(std::int64_t n) = 0;

 private:
  const DecodeCost& new_decode(std::int64_t n);

  std::vector<std::unique_ptr<const DecodeCost>> decodes_;  ///< by sequences
  DecodeCost beyond_memo_;
};

/// The model that the scenario asks for.
std::unique_ptr<StepModel> make_step_model(const Scenario& scenario);

/// Time per operator of one step, in ms, for `explain --step`: before gpu_time_factor, as the
/// formulas give it (the simulated step rounds each part to picoseconds).
struct StepExplanation {
  double total_ms = 0;  ///< gpu_ms and cpu_ms: the sum, or the larger one if they overlap
  double gpu_ms = 0;    ///< gpu_time_factor times the sum of the operators but the CPU
  double cpu_ms = 0;
  std::array<double, operator_count> operators_ms{};
  std::array<Resource, operator_count> bound{};  ///< what most of the operator's time goes to
  /// What most of the step goes to; the CPU as soon as the step waits for it for 30 % of its time.
  Resource step_bound = Resource::memory;
};
/// The head's rows are load.sampled, also without chunks. The constant model has no operators. A
/// window_sum of 0 stands for sequences of one length.
StepExplanation explain_step(const Scenario& scenario, const StepLoad& given);

}  // namespace penstock
