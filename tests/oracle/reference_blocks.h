#pragma once

// The KV block pool and the prefix cache of the naive reference simulator (spec 1.4): one object
// per block, a plain queue of free ones, a map of full ones.
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "sim/kv/content.h"

namespace penstock::oracle {

// 1.4.3: what a full block is: equal if and only if all tokens from the request's first one to the
// block's last one are equal. Given out by Identities, from 0.
using Identity = std::int64_t;
inline constexpr Identity kNoIdentity = -1;

class Identities {
 public:
  // Of the full blocks of a request's first `tokens` tokens. Tokens beyond the spans are unlike
  // those of every other request.
  std::vector<Identity> of(std::size_t request, const Content& content, std::int64_t tokens,
                           std::int64_t block_size);

 private:
  struct Token {
    bool own = false;          // of the request `stream` alone, else of that stream
    std::uint64_t stream = 0;  // or request
    std::int64_t position = 0;
    auto operator<=>(const Token&) const = default;
  };

  std::map<std::pair<Identity, std::vector<Token>>, Identity> known_;  // by (block before, tokens)
};

// Blocks are numbers from 0. The null block (1.4.1) is not among them.
class BlockPool {
 public:
  explicit BlockPool(std::int64_t usable_blocks);

  std::int64_t free_blocks() const { return std::ssize(free_); }
  bool is_free(std::size_t block) const { return blocks_[block].users == 0; }
  // 1.4.4: the blocks from the first one on that are cached, up to the first that is not.
  std::vector<std::size_t> lookup(const std::vector<Identity>& wanted, std::int64_t most) const;
  // 1.4.2: one more user of a cached block; a free one leaves the queue, wherever it stands there.
  void touch(std::size_t block);
  // 1.4.2: the head of the free queue, which loses its content then (lazy eviction).
  std::size_t allocate();
  // 1.4.3: the block may be hit from now on. Copies of the same content are all kept.
  void cache(std::size_t block, Identity identity);
  // 1.4.2: one user less of each, the last block first; those without users go to the queue's tail.
  void release(std::vector<std::size_t>& owned);

 private:
  struct Block {
    std::int64_t users = 0;  // ref count
    Identity identity = kNoIdentity;
  };

  std::vector<Block> blocks_;
  std::deque<std::size_t> free_;                              // allocated from the front
  std::map<Identity, std::vector<std::size_t>> cached_ = {};  // copies in order of registration
};

// 4.5, 4.6: blocks in the host's memory, the one used longest ago first. Copies follow each other,
// in each direction by themselves.
class HostBlocks {
 public:
  HostBlocks(std::int64_t capacity, std::int64_t block_ps)
      : capacity_(capacity), block_ps_(block_ps) {}

  std::int64_t resident() const { return std::ssize(used_); }
  // How many of the wanted ones are there, from the first one on, up to the first that is not.
  std::int64_t found(const std::vector<Identity>& wanted, std::int64_t most) const;
  // What a request's blocks held as they were freed: on the host as soon as it is copied.
  void store(const std::vector<Identity>& all, std::int64_t now);
  void finish_stores(std::int64_t now);
  std::int64_t next_store() const { return stores_.empty() ? INT64_MAX : stores_.front().first; }
  // Copies the last `blocks` of these to the GPU; when they are there.
  std::int64_t load(const std::vector<Identity>& all, std::int64_t blocks, std::int64_t now);

 private:
  // The last of them is the first to go.
  void use(std::vector<Identity> all);

  std::int64_t capacity_;
  std::int64_t block_ps_;
  std::deque<Identity> used_ = {};
  std::deque<std::pair<std::int64_t, std::vector<Identity>>> stores_ = {};
  std::int64_t store_link_free_ = 0;
  std::int64_t load_link_free_ = 0;
};

}  // namespace penstock::oracle
