#pragma once

// What one replica of the naive reference simulator keeps in its memories: the blocks of each
// request, on the GPU and on the host (spec 1.3.5, 1.4, 4.6).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

#include "tests/oracle/reference.h"
#include "tests/oracle/reference_blocks.h"

namespace penstock::oracle {

using Blocks = std::vector<std::size_t>;

// The fields of 1.0. A request is running or waiting if it is in that list.
struct State {
  std::int64_t prompt = 0;                // P
  std::int64_t output = 0;                // max_tokens, cut to what max_model_len leaves
  std::int64_t generated = 0;             // O
  std::int64_t computed = 0;              // C, advanced when scheduled
  std::int64_t placeholders = 0;          // ph, async only
  bool in_flight = false;                 // its next token is being computed
  Blocks blocks = {};                     // owned, in order of position
  std::int64_t cached_blocks = 0;         // of these, hit or registered: the first ones
  std::int64_t from_host = 0;             // of these, come from the host since it last waited
  std::vector<Identity> identities = {};  // of all its full blocks, future ones included

  std::int64_t num_tokens() const { return prompt + generated; }
};

struct Memory {
  Config config;
  BlockPool pool;
  HostBlocks host;

  explicit Memory(const Config& of)
      : config(of),
        pool(std::max<std::int64_t>(0, of.usable_blocks)),
        host(of.host_blocks, of.host_block_ps) {}

  std::int64_t blocks_for(std::int64_t tokens) const {
    return (tokens + config.block_size - 1) / config.block_size;
  }

  std::int64_t blocks_in_use() const { return config.usable_blocks - pool.free_blocks(); }

  // 1.3.5: are there blocks for the request's first `tokens` positions, and `margin` to spare? A
  // hit on a block that nobody uses takes a free block too.
  bool fits(const State& s, const Blocks& hit, std::int64_t tokens, std::int64_t margin) const {
    std::int64_t need = blocks_for(std::min(tokens, config.max_model_len));
    need -= std::ssize(s.blocks) + std::ssize(hit);
    for (const std::size_t block : hit) {
      need += pool.is_free(block) ? 1 : 0;
    }
    return need + margin <= pool.free_blocks();
  }

  // Blocks for the request's first `tokens` positions: the hit ones, before any of them can be
  // taken off the queue's head, then new ones.
  void allocate(State& s, const Blocks& hit, std::int64_t tokens) {
    for (const std::size_t block : hit) {
      pool.touch(block);
      s.blocks.push_back(block);
      s.cached_blocks += 1;
    }
    while (std::ssize(s.blocks) < blocks_for(tokens)) {
      s.blocks.push_back(pool.allocate());
    }
    register_full_blocks(s, tokens);
  }

  // 1.4.3: a full block can be hit as soon as its last position is scheduled and the ids of all its
  // tokens are known. Prompts and, without async scheduling, generated tokens are known when they
  // are scheduled, so their blocks are registered by allocate(). With async scheduling (1.6.1) a
  // generated token is scheduled before its id returns: update() registers what was computed by
  // steps that have ended (async_scheduler.py: computed less placeholders), the next allocate() all
  // that is known, unless the request has been preempted meanwhile and owns no block. When it is
  // computed again its tokens are known, and allocate() registers their blocks.
  void register_full_blocks(State& s, std::int64_t scheduled) {
    const std::int64_t full = std::min(scheduled, s.num_tokens()) / config.block_size;
    while (config.enable_prefix_caching && s.cached_blocks < full) {
      const auto i = static_cast<std::size_t>(s.cached_blocks);
      pool.cache(s.blocks[i], s.identities[i]);
      s.cached_blocks += 1;
    }
  }

  void free_blocks(State& s, std::int64_t now) {
    if (config.host_blocks > 0) {
      host.store({s.identities.begin(), s.identities.begin() + s.cached_blocks}, now);
    }
    pool.release(s.blocks);
    s.cached_blocks = 0;
  }

  // 4.6: blocks beyond the hit that the host has. A request whose blocks have come from there is
  // not looked up again.
  std::int64_t blocks_from_host(const State& s, const Blocks& hit, std::int64_t most) const {
    return s.blocks.empty()
               ? std::max<std::int64_t>(0, host.found(s.identities, most) - std::ssize(hit))
               : 0;
  }

  // 4.6: takes the blocks of a request whose last ones come from the host; when they have come.
  std::int64_t load(State& s, const Blocks& hit, std::int64_t from_host, std::int64_t now) {
    for (const std::size_t block : hit) {
      pool.touch(block);
      s.blocks.push_back(block);
      s.cached_blocks += 1;
    }
    for (std::int64_t i = 0; i < from_host; ++i) {
      s.blocks.push_back(pool.allocate());
    }
    s.from_host = from_host;
    return host.load({s.identities.begin(), s.identities.begin() + std::ssize(s.blocks)}, from_host,
                     now);
  }

  void finish_load(State& s) {
    s.computed = std::ssize(s.blocks) * config.block_size;
    register_full_blocks(s, s.computed);
  }
};

}  // namespace penstock::oracle
