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

/// The second half of the step model where ranks have sequences of their own and share the experts
/// (attention data parallel): a step lasts as long as the slowest rank's own part
/// (make_rank_model), and this, at the mean of the ranks' tokens.
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
  /// Of the front end that all ranks share, for so many sequences.
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
};

}  // namespace penstock
