#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace penstock {

/// The largest `base` (see Sequence) among sequences that finish at known steps. Keeps only those
/// that can ever be the answer: one that finishes no later than another and is no longer than it
/// never is. What remains is a staircase, bases falling as finishes come later, of which the top is
/// dropped when it finishes: O(1) a step.
class LongestContext {
 public:
  void add(std::int64_t base, std::int64_t finish) {
    if (top_ < size() && finish > stairs_.back().finish) {  // mostly: first come, first finished
      while (top_ < size() && stairs_.back().base <= base) {
        stairs_.pop_back();
      }
      stairs_.push_back({base, finish});
      return;
    }
    const auto after =
        std::lower_bound(stairs_.begin() + top_, stairs_.end(), finish,
                         [](const Stair& stair, std::int64_t step) { return stair.finish < step; });
    if (after != stairs_.end() && after->base >= base) {
      return;
    }
    auto end = after != stairs_.end() && after->finish == finish ? after + 1 : after;
    auto begin = after;
    while (begin != stairs_.begin() + top_ && (begin - 1)->base <= base) {
      --begin;
    }
    if (begin == end) {
      stairs_.insert(begin, {base, finish});
    } else {
      *begin = {base, finish};
      stairs_.erase(begin + 1, end);
    }
  }

  /// Forgets those that finish before step `step`; steps never go back.
  void drop_finished(std::int64_t step) {
    while (top_ < size() && stairs_[static_cast<std::size_t>(top_)].finish < step) {
      ++top_;
    }
    if (top_ > 64 && 2 * top_ > size()) {
      stairs_.erase(stairs_.begin(), stairs_.begin() + top_);
      top_ = 0;
    }
  }

  /// The largest base of those that are left. Requires that there is one.
  std::int64_t base() const { return stairs_[static_cast<std::size_t>(top_)].base; }

  void clear() {
    stairs_.clear();
    top_ = 0;
  }

 private:
  struct Stair {
    std::int64_t base = 0;
    std::int64_t finish = 0;
  };

  std::ptrdiff_t size() const { return static_cast<std::ptrdiff_t>(stairs_.size()); }

  std::vector<Stair> stairs_;
  std::ptrdiff_t top_ = 0;  ///< those before have finished
};

}  // namespace penstock
