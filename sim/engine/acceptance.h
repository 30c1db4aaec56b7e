#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/engine/pace.h"

namespace penstock {

/// How many tokens verification yields: in each step the first a of k drafts are accepted, and one
/// token more is sampled (scheduler-semantics 1.8.1, 1.8.4). Steps are independent.
class AcceptanceLaw {
 public:
  /// `acceptance`: entry i is the probability that draft i + 1 is accepted if all before it are.
  /// Requires at least one, each in [0, 1].
  explicit AcceptanceLaw(std::span<const double> acceptance);

  /// Tokens a step, in the mean: 1 + p1 + p1 p2 + ...
  double mean() const { return mean_; }

  /// The steps until at least `tokens` have come out, drawn for this key: the same key gives the
  /// same number. Exactly the law of summing steps one by one, in O(log tokens) draws and one for
  /// each longest_sum further steps: the sum of 2^j steps is drawn at once wherever it cannot reach
  /// the end.
  std::int64_t draw_steps(std::int64_t tokens, std::uint64_t key) const;

 private:
  static constexpr std::int64_t longest_sum = 128;

  std::int64_t most_;  ///< tokens of a step, k + 1
  double mean_ = 1;
  /// Entry j: of the sum of 2^j steps, P(sum <= 2^j + i) at i.
  std::vector<std::vector<double>> sums_;
};

/// The pace of k drafts a step: advance / unit is the fraction nearest to the mean with
/// a denominator of at most 16: off by 1/32 of a token at most. `ahead`: see Pace.
Pace make_pace(const AcceptanceLaw& law, std::int64_t ahead);

}  // namespace penstock
