#pragma once

#include <algorithm>
#include <cstdint>

namespace penstock {

/// SGLang's new_token_ratio (scheduler-semantics 2.5.4): the share of the tokens that running
/// requests may yet emit for which memory is kept free. Falls with every decode step.
class NewTokenRatio {
 public:
  explicit NewTokenRatio(double conservativeness)
      : initial_(std::min(init_ratio * conservativeness, 1.0)),
        least_(initial_ * min_factor),
        start_(initial_) {}

  void set(double ratio) {
    start_ = ratio;
    decays_ = 0;
  }
  void reset() { set(initial_); }
  /// So many decode steps more.
  void decay(std::int64_t steps) { decays_ += steps; }
  double value() const {
    const double decay = static_cast<double>(decays_) * ((initial_ - least_) / decay_steps);
    return decays_ == 0 ? start_ : std::max(start_ - decay, least_);
  }

 private:
  static constexpr double init_ratio = 0.7;
  static constexpr double min_factor = 0.14;
  static constexpr double decay_steps = 600;

  double initial_;
  double least_;
  double start_;
  std::int64_t decays_ = 0;  ///< since start_
};

}  // namespace penstock
