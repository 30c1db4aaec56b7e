#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "sim/scenario.h"
#include "sim/step/padding.h"
#include "sim/step/roofline_parameters.h"
#include "sim/step/step_model.h"

namespace penstock {

/// What the ranks of a replica do together in one step, on each of them: all that stands in a layer
/// of experts, and dispatch and combine, which are `communication` with their latencies. In ps.
struct TogetherCost {
  SharedParts parts{};
  std::array<std::int64_t, resource_count> resources{};  ///< sums to total
  std::int64_t total = 0;
  std::int64_t expert_bytes = 0;  ///< as StepCost's
};

/// Tokens of one step, of all ranks.
struct TogetherLoad {
  std::int64_t tokens = 0;   ///< with those that drafts add
  std::int64_t largest = 0;  ///< of one rank
  std::int64_t sequences = 0;
  std::int64_t drafting = 0;  ///< tokens of each drafting pass after the first
  std::int64_t most_drafting = 0;
  bool drafts = false;  ///< there are any

  /// A rank without any computes one that nobody wants.
  void add(std::int64_t rank_tokens, std::int64_t rank_sequences, std::int64_t rank_drafting);
};

/// The second half of the step model where ranks have sequences of their own and share the experts
/// (attention data parallel): a step lasts as long as the slowest rank's own part
/// (make_rank_model), and this, at the mean of the ranks' tokens. With a drafter that has experts
/// its passes come on top, one after the other (step/speculative.h).
class TogetherModel {
 public:
  explicit TogetherModel(const Scenario& scenario);

  int ranks() const { return ranks_; }
  /// Tokens of all ranks as the experts see them: `sum`, or, where CUDA graphs are replayed, as
  /// many on each as the rank with the `largest` number pads to (scheduler-semantics 1.9.5).
  std::int64_t padded(std::int64_t largest, std::int64_t sum) const {
    const std::int64_t graph = padding_.padded(largest);
    return largest <= largest_graph_ ? graph * ranks_ : sum;
  }
  /// For so many tokens of all ranks, >= 1. A reference for more than 131,072 stays valid until the
  /// next call only.
  const TogetherCost& cost(std::int64_t tokens);
  /// Of a step, with the drafter's passes; `drafting`: of these alone.
  TogetherCost step(const TogetherLoad& load);
  TogetherCost drafting(const TogetherLoad& load);
  /// For so many sequences of all ranks.
  std::int64_t cpu_ps(std::int64_t sequences) const {
    return cpu_.per_step.ps + cpu_.per_sequence.ps * sequences;
  }
  bool cpu_overlaps() const { return cpu_.overlap; }

 private:
  TogetherCost make(double tokens) const;

  RooflineParameters parameters_;
  int ranks_;
  Padding padding_;
  std::int64_t largest_graph_;
  CpuOverhead cpu_;
  std::int64_t single_variable_ = 0;                  ///< of one token on each rank
  std::vector<std::unique_ptr<TogetherCost>> costs_;  ///< by tokens
  TogetherCost beyond_memo_;
  std::unique_ptr<TogetherModel> drafter_;  ///< null without one that has experts
  std::int64_t later_passes_ = 0;           ///< of the drafter, after its first
};

}  // namespace penstock
