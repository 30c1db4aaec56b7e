#pragma once

#include <cstdint>

#include "sim/core/assert.h"

namespace penstock {

/// KV blocks needed for `tokens` positions: ceil(tokens / block_size).
constexpr std::int64_t blocks_for(std::int64_t tokens, std::int64_t block_size) {
  return (tokens + block_size - 1) / block_size;
}

/// The KV cache of one replica: equal blocks, counted exactly (scheduler-semantics 1.4.1).
///
/// Without prefix caching all free blocks are alike, so counts are the whole truth; a cache of
/// block contents decides, when it comes, which of the free ones are handed out.
class BlockPool {
 public:
  /// `usable` excludes the null block.
  explicit BlockPool(std::int64_t usable) : usable_(usable), free_(usable) {}

  std::int64_t usable() const { return usable_; }
  std::int64_t free() const { return free_; }
  std::int64_t used() const { return usable_ - free_; }

  /// Check, then act: takes all or nothing.
  bool allocate(std::int64_t blocks) {
    if (blocks > free_) {
      return false;
    }
    free_ -= blocks;
    return true;
  }
  void release(std::int64_t blocks) {
    free_ += blocks;
    PENSTOCK_ASSERT(blocks >= 0 && free_ <= usable_);
  }

 private:
  std::int64_t usable_;
  std::int64_t free_;
};

}  // namespace penstock
