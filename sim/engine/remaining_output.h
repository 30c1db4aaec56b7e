#pragma once

#include <algorithm>
#include <cstdint>
#include <set>

namespace penstock {

/// The tokens that decoding sequences have yet to emit, each counted up to a limit, as a sum that
/// steps do not touch. One that finishes in step f has f + 1 - s to emit before step s.
class RemainingOutput {
 public:
  explicit RemainingOutput(std::int64_t clip) : clip_(clip), near_until_(clip - 1) {}

  void add(std::int64_t finish) {
    if (finish <= near_until_) {
      ++near_;
      finish_sum_ += finish;
    } else {
      far_.insert(finish);
    }
  }
  /// Of one that has been added.
  void remove(std::int64_t finish) {
    if (finish <= near_until_) {
      --near_;
      finish_sum_ -= finish;
    } else {
      far_.erase(far_.find(finish));
    }
  }
  /// Before step `step`, which must not be less than in the last call.
  std::int64_t sum(std::int64_t step) {
    near_until_ = std::max(near_until_, step + clip_ - 1);
    while (!far_.empty() && *far_.begin() <= near_until_) {
      ++near_;
      finish_sum_ += *far_.begin();
      far_.erase(far_.begin());
    }
    return finish_sum_ + near_ * (1 - step) + clip_ * static_cast<std::int64_t>(far_.size());
  }

 private:
  std::int64_t clip_;
  std::int64_t near_until_;  ///< finishes up to this step are within the limit
  std::int64_t near_ = 0;
  std::int64_t finish_sum_ = 0;      ///< of the near ones
  std::multiset<std::int64_t> far_;  ///< finishes of the others
};

}  // namespace penstock
