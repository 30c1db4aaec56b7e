#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/kv/prefix_cache.h"
#include "sim/scenario.h"

namespace penstock {

/// What a router believes that each replica's prefix cache holds: the prompts that it has sent
/// there, up to the size of the replica's cache, the longest unused forgotten first. The engines
/// never confirm it.
class PrefixMemory {
 public:
  explicit PrefixMemory(const Scenario& scenario)
      : capacity_(static_cast<std::size_t>(scenario.engine.num_gpu_blocks)),
        replicas_(static_cast<std::size_t>(scenario.cluster.replicas),
                  PrefixCache(scenario.engine.num_gpu_blocks)) {}

  /// Leading blocks of a prompt that the replica should have.
  std::int64_t match(std::size_t replica, std::span<const std::uint64_t> keys) const {
    return replicas_[replica].match(keys);
  }
  /// Blocks remembered.
  std::int64_t size(std::size_t replica) const { return replicas_[replica].cached(); }

  /// A prompt is sent to this replica.
  void insert(std::size_t replica, std::vector<std::uint64_t> keys) {
    keys.resize(std::min(keys.size(), capacity_));
    const auto blocks = static_cast<std::int64_t>(keys.size());
    PrefixCache& cache = replicas_[replica];
    const std::uint32_t holding = cache.open(std::move(keys));
    const PrefixCache::Hit hit = cache.lookup(holding, blocks);
    cache.touch(holding, hit);
    cache.take(blocks - hit.blocks);
    cache.publish(holding, blocks);
    cache.release(holding, blocks, blocks, false);
    cache.close(holding);
  }

 private:
  std::size_t capacity_;
  std::vector<PrefixCache> replicas_;
};

}  // namespace penstock
