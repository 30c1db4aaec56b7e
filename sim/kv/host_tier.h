#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "sim/core/units.h"
#include "sim/kv/prefix_memory.h"

namespace penstock {

/// A replica's KV blocks in host memory, behind the GPU's: least recently used ones go first, of
/// one request the last ones (scheduler-semantics 4.5, 4.6).
///
/// vLLM copies each block as it fills, beside the computation; here the full blocks of a request
/// are copied as it leaves the GPU's pool, for until then they are hit there. Copies follow each
/// other on the link, in each direction by themselves.
class HostTier {
 public:
  /// Of `capacity` >= 1 blocks, each of which takes `block_time` >= 0 in either direction.
  HostTier(std::int64_t capacity, SimTime block_time)
      : block_time_(block_time), memory_(capacity) {}

  /// Blocks that are there, at most the capacity.
  std::int64_t resident() const { return memory_.size(); }
  /// Leading blocks of a chain that are there.
  std::int64_t match(std::span<const std::uint64_t> keys) const { return memory_.match(keys); }

  /// Copies the blocks of these keys, from a chain's first on, to the host.
  void store(std::vector<std::uint64_t> keys, SimTime now) {
    advance(now);
    const std::int64_t missing = static_cast<std::int64_t>(keys.size()) - memory_.match(keys);
    stored_until_ = std::max(stored_until_, now) + block_time_ * missing;
    stores_.push_back({stored_until_, std::move(keys)});
  }
  /// When the next copy to the host is complete; never() if none is under way.
  SimTime next_store() const { return stores_.empty() ? SimTime::never() : stores_.front().ready; }
  /// What was copied up to `now` is there.
  void advance(SimTime now) {
    while (next_store() <= now) {
      memory_.insert(std::move(stores_.front().keys));
      stores_.pop_front();
    }
  }

  /// Copies the last `blocks` of these keys, which are all there, to the GPU: when they have come.
  SimTime load(std::vector<std::uint64_t> keys, std::int64_t blocks, SimTime now) {
    memory_.insert(std::move(keys));
    loaded_until_ = std::max(loaded_until_, now) + block_time_ * blocks;
    return loaded_until_;
  }

 private:
  struct Store {
    SimTime ready;
    std::vector<std::uint64_t> keys;
  };

  SimTime block_time_;
  PrefixMemory memory_;
  std::deque<Store> stores_;
  SimTime stored_until_;
  SimTime loaded_until_;
};

}  // namespace penstock
