#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/kv/prefix_cache.h"

namespace penstock {

/// A prefix cache without time: each prompt comes and goes at once. What a router believes that a
/// replica holds, and what a trace could hit.
class PrefixMemory {
 public:
  static constexpr std::int64_t unlimited = INT64_MAX / 2;

  /// `capacity` in blocks, >= 1.
  explicit PrefixMemory(std::int64_t capacity) : capacity_(capacity), cache_(capacity) {}

  /// Leading blocks of a prompt that are held.
  std::int64_t match(std::span<const std::uint64_t> keys) const { return cache_.match(keys); }
  /// Blocks held.
  std::int64_t size() const { return cache_.cached(); }

  /// Uses a prompt's blocks, as far as there is room for them; returns how many of the first ones
  /// were there.
  std::int64_t insert(std::vector<std::uint64_t> keys) {
    keys.resize(
        static_cast<std::size_t>(std::min(static_cast<std::int64_t>(keys.size()), capacity_)));
    const auto blocks = static_cast<std::int64_t>(keys.size());
    const std::uint32_t holding = cache_.open(std::move(keys));
    const PrefixCache::Hit hit = cache_.lookup(holding, blocks);
    cache_.touch(holding, hit);
    cache_.take(blocks - hit.blocks);
    cache_.publish(holding, blocks);
    cache_.release(holding, blocks, blocks, false);
    cache_.close(holding);
    return hit.blocks;
  }

 private:
  std::int64_t capacity_;
  PrefixCache cache_;
};

}  // namespace penstock
