#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "sim/kv/content.h"

namespace penstock {

/// Chained keys of the full blocks of the first `tokens` tokens, as far as `content` says what they
/// are (scheduler-semantics 1.4.3): equal for equal whole prefixes, and for no others but by
/// accident (2^-64 a pair).
std::vector<std::uint64_t> block_keys(const Content& content, std::int64_t tokens,
                                      std::int64_t block_size);

/// Which blocks of a replica's pool hold what, and in which order the free ones are handed out:
/// vLLM's prefix cache (scheduler-semantics 1.4).
///
/// Blocks whose contents nobody else can ask for are alike, so the free queue is a list of runs:
/// n blocks without contents, or one block with a key. A request that may come back for its own
/// blocks (preempted) keeps a handle on its run, which others eat from the far end of the sequence
/// on. So the cost is that of blocks with keys, and of requests; never that of all blocks.
class PrefixCache {
 public:
  static constexpr std::uint32_t none = UINT32_MAX;

  /// All `usable` blocks are free and empty.
  explicit PrefixCache(std::int64_t usable);

  /// What one request holds: blocks with keys, in order; all others are counts of the caller's.
  struct Holding {
    std::vector<std::uint64_t> keys;    ///< of its full blocks that others can ask for
    std::vector<std::uint32_t> blocks;  ///< held, of those
    std::uint32_t run = none;           ///< free blocks of its own, while preempted
    bool live = false;
  };
  std::uint32_t open(std::vector<std::uint64_t> keys);
  void close(std::uint32_t holding);
  const Holding& operator[](std::uint32_t holding) const { return holdings_[holding]; }

  /// Leading blocks of a prompt that are cached.
  std::int64_t match(std::span<const std::uint64_t> keys) const;
  /// Blocks with a key, held or free.
  std::int64_t cached() const { return static_cast<std::int64_t>(copies_.size()) + duplicates_; }

  /// The longest cached prefix of a request that holds nothing, at most `limit` blocks (1.4.4).
  struct Hit {
    std::int64_t blocks = 0;
    std::int64_t free = 0;  ///< of which nobody holds
  };
  Hit lookup(std::uint32_t holding, std::int64_t limit) const;
  /// Holds what a lookup has found, just now. The caller counts hit.free blocks as taken.
  void touch(std::uint32_t holding, const Hit& hit);

  /// Takes blocks from the head of the free queue, whose contents are lost (1.4.2).
  void take(std::int64_t blocks);
  /// The first `full` blocks of a request are full, or will be when the step that is being
  /// scheduled has run: those with keys can be hit from now on.
  void publish(std::uint32_t holding, std::int64_t full);
  /// Puts blocks without contents at the end of the queue.
  void release(std::int64_t blocks);
  /// Frees all `blocks` of a request, the last one first; `full` of them are full, and published
  /// where they have keys. A request that `returns` may hit those without keys too. Returns how
  /// many are free now that were not.
  std::int64_t release(std::uint32_t holding, std::int64_t blocks, std::int64_t full, bool returns);

  /// Checks every invariant of the queue and the map, for tests. `free`: as the pool counts.
  bool consistent(std::int64_t free) const;

 private:
  /// A run of free blocks without contents, or one block with a key.
  struct Entry {
    std::uint64_t key = 0;
    std::int64_t count = 1;
    std::uint32_t previous = none;  ///< neighbours in the free queue
    std::uint32_t next = none;
    std::uint32_t older = none;  ///< neighbours among the blocks of one key, by time of publishing
    std::uint32_t newer = none;
    std::uint32_t references = 0;
    std::uint32_t owner = none;  ///< of a run: the holding that may come back for it
    bool keyed = false;
  };
  struct Copies {
    std::uint32_t oldest = none;
    std::uint32_t newest = none;
  };

  std::uint32_t add_entry(const Entry& entry);
  void push_back(std::uint32_t entry);
  void unlink(std::uint32_t entry);
  void forget(std::uint32_t entry);
  void disown(Holding& holding);
  bool is_held(const Holding& holding, std::int64_t block) const;

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> spare_entries_;
  std::uint32_t head_ = none;
  std::uint32_t tail_ = none;
  std::unordered_map<std::uint64_t, Copies> copies_;
  std::int64_t duplicates_ = 0;  ///< blocks whose key another, older block has too
  std::vector<Holding> holdings_;
  std::vector<std::uint32_t> spare_holdings_;
};

}  // namespace penstock
