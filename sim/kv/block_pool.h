#pragma once

#include <cstdint>
#include <optional>

#include "sim/core/assert.h"
#include "sim/kv/block_size.h"
#include "sim/kv/prefix_cache.h"

namespace penstock {

/// The KV cache of one replica: equal blocks, counted exactly (scheduler-semantics 1.4.1).
///
/// Without prefix caching all free blocks are alike, so counts are the whole truth; with it the
/// cache knows which of the free ones are handed out, and what is lost with them.
class BlockPool {
 public:
  /// `usable` excludes the null block.
  BlockPool(std::int64_t usable, bool prefix_caching) : usable_(usable), free_(usable) {
    if (prefix_caching) {
      cache_.emplace(usable);
    }
  }

  /// Null without prefix caching.
  const PrefixCache* cache() const { return cache_ ? &*cache_ : nullptr; }
  PrefixCache* cache() { return cache_ ? &*cache_ : nullptr; }

  std::int64_t usable() const { return usable_; }
  std::int64_t free() const { return free_; }
  std::int64_t used() const { return usable_ - free_; }

  /// Check, then act: takes all or nothing.
  bool allocate(std::int64_t blocks) {
    if (blocks > free_) {
      return false;
    }
    free_ -= blocks;
    if (cache_) {
      cache_->take(blocks);
    }
    return true;
  }
  /// Frees blocks without contents.
  void release(std::int64_t blocks) {
    if (cache_) {
      cache_->release(blocks);
    }
    give_back(blocks);
  }
  /// Frees the blocks of a request, as PrefixCache::release. Requires a cache.
  void release(std::uint32_t holding, std::int64_t blocks, std::int64_t full, bool returns) {
    give_back(cache_->release(holding, blocks, full, returns));
  }
  /// A request holds what a lookup has found, just now. Requires a cache.
  void touch(std::uint32_t holding, const PrefixCache::Hit& hit) {
    cache_->touch(holding, hit);
    free_ -= hit.free;
  }

 private:
  void give_back(std::int64_t blocks) {
    free_ += blocks;
    PENSTOCK_ASSERT(blocks >= 0 && free_ <= usable_);
  }

  std::int64_t usable_;
  std::int64_t free_;
  std::optional<PrefixCache> cache_;
};

}  // namespace penstock
