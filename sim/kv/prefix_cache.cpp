#include "sim/kv/prefix_cache.h"

#include <algorithm>

#include "sim/core/assert.h"
#include "sim/core/rng.h"

namespace penstock {
namespace {

std::uint64_t chain(std::uint64_t key, std::uint64_t value) {
  return mix_bits((key ^ value) + 0x9e3779b97f4a7c15);
}

/// How many of `n` blocks satisfy `belongs`, of which those that do come first.
template <typename Predicate>
std::int64_t prefix_length(std::int64_t n, const Predicate& belongs) {
  std::int64_t low = 0;
  while (low < n) {
    const std::int64_t middle = (low + n) / 2;
    if (belongs(middle)) {
      low = middle + 1;
    } else {
      n = middle;
    }
  }
  return low;
}

}  // namespace

std::vector<std::uint64_t> block_keys(const Content& content, std::int64_t tokens,
                                      std::int64_t block_size) {
  std::vector<std::uint64_t> keys;
  std::uint64_t key = 0;
  std::int64_t room = block_size;
  // Neighbours that go on are one span: tokens are equal, not the way in which they are given.
  std::uint64_t stream = 0;
  std::int64_t next = -1;
  for (const ContentSpan& span : content) {
    const std::int64_t used = std::min(span.tokens, tokens);
    tokens -= used;
    for (std::int64_t at = 0; at < used;) {
      if (room == block_size || span.stream != stream || span.first + at != next) {
        key = chain(chain(chain(key, static_cast<std::uint64_t>(block_size - room)), span.stream),
                    static_cast<std::uint64_t>(span.first + at));
      }
      const std::int64_t taken = std::min(room, used - at);
      at += taken;
      room -= taken;
      stream = span.stream;
      next = span.first + at;
      if (room == 0) {
        keys.push_back(key);
        room = block_size;
      }
    }
  }
  return keys;
}

PrefixCache::PrefixCache(std::int64_t usable) { release(usable); }

std::uint32_t PrefixCache::open(std::vector<std::uint64_t> keys) {
  Holding holding;
  holding.keys = std::move(keys);
  holding.live = true;
  if (spare_holdings_.empty()) {
    holdings_.push_back(std::move(holding));
    return static_cast<std::uint32_t>(holdings_.size() - 1);
  }
  const std::uint32_t index = spare_holdings_.back();
  spare_holdings_.pop_back();
  holdings_[index] = std::move(holding);
  return index;
}

void PrefixCache::close(std::uint32_t index) {
  Holding& holding = holdings_[index];
  PENSTOCK_ASSERT(holding.live && holding.blocks.empty());
  disown(holding);
  holding = {};
  spare_holdings_.push_back(index);
}

std::uint32_t PrefixCache::add_entry(const Entry& entry) {
  if (spare_entries_.empty()) {
    entries_.push_back(entry);
    return static_cast<std::uint32_t>(entries_.size() - 1);
  }
  const std::uint32_t index = spare_entries_.back();
  spare_entries_.pop_back();
  entries_[index] = entry;
  return index;
}

void PrefixCache::push_back(std::uint32_t index) {
  Entry& entry = entries_[index];
  entry.previous = tail_;
  entry.next = none;
  (tail_ == none ? head_ : entries_[tail_].next) = index;
  tail_ = index;
}

void PrefixCache::unlink(std::uint32_t index) {
  const Entry& entry = entries_[index];
  (entry.previous == none ? head_ : entries_[entry.previous].next) = entry.next;
  (entry.next == none ? tail_ : entries_[entry.next].previous) = entry.previous;
}

void PrefixCache::forget(std::uint32_t index) {
  const Entry& entry = entries_[index];
  const auto found = copies_.find(entry.key);
  (entry.older == none ? found->second.oldest : entries_[entry.older].newer) = entry.newer;
  (entry.newer == none ? found->second.newest : entries_[entry.newer].older) = entry.older;
  if (found->second.oldest == none) {
    copies_.erase(found);
  } else {
    --duplicates_;
  }
}

void PrefixCache::disown(Holding& holding) {
  if (holding.run != none) {
    entries_[holding.run].owner = none;
    holding.run = none;
  }
}

void PrefixCache::take(std::int64_t blocks) {
  while (blocks > 0) {
    PENSTOCK_ASSERT(head_ != none);
    const std::uint32_t index = head_;
    Entry& entry = entries_[index];
    const std::int64_t taken = std::min(blocks, entry.count);
    blocks -= taken;
    entry.count -= taken;
    if (entry.count > 0) {
      return;
    }
    unlink(index);
    if (entry.keyed) {
      forget(index);
    } else if (entry.owner != none) {
      holdings_[entry.owner].run = none;
    }
    spare_entries_.push_back(index);
  }
}

void PrefixCache::release(std::int64_t blocks) {
  if (blocks == 0) {
    return;
  }
  if (tail_ != none && !entries_[tail_].keyed && entries_[tail_].owner == none) {
    entries_[tail_].count += blocks;
    return;
  }
  Entry run;
  run.count = blocks;
  push_back(add_entry(run));
}

bool PrefixCache::is_held(const Holding& holding, std::int64_t block) const {
  const auto found = copies_.find(holding.keys[static_cast<std::size_t>(block)]);
  return entries_[found->second.oldest].references > 0;
}

std::int64_t PrefixCache::match(std::span<const std::uint64_t> keys) const {
  // Whoever holds a block holds one with the key before it, and frees it later: what is cached of
  // a chain is a prefix of it.
  return prefix_length(static_cast<std::int64_t>(keys.size()), [&](std::int64_t block) {
    return copies_.contains(keys[static_cast<std::size_t>(block)]);
  });
}

PrefixCache::Hit PrefixCache::lookup(std::uint32_t index, std::int64_t limit) const {
  const Holding& holding = holdings_[index];
  PENSTOCK_ASSERT(holding.blocks.empty());
  const auto keys = static_cast<std::int64_t>(holding.keys.size());
  const auto asked = static_cast<std::size_t>(std::min(limit, keys));
  Hit hit;
  hit.blocks = match(std::span(holding.keys).first(asked));
  const auto held = [&](std::int64_t block) { return is_held(holding, block); };
  std::int64_t shared = 0;
  if (duplicates_ == 0) {  // then what is held of it is a prefix too
    shared = prefix_length(hit.blocks, held);
  } else {
    for (std::int64_t block = 0; block < hit.blocks; ++block) {
      shared += held(block) ? 1 : 0;
    }
  }
  hit.free = hit.blocks - shared;
  if (hit.blocks == keys && holding.run != none) {
    const std::int64_t own = std::min(limit - keys, entries_[holding.run].count);
    hit.blocks += own;
    hit.free += own;
  }
  return hit;
}

void PrefixCache::touch(std::uint32_t index, const Hit& hit) {
  Holding& holding = holdings_[index];
  const auto keyed = std::min(hit.blocks, static_cast<std::int64_t>(holding.keys.size()));
  for (std::int64_t block = 0; block < keyed; ++block) {
    const std::uint32_t at =
        copies_.find(holding.keys[static_cast<std::size_t>(block)])->second.oldest;
    if (entries_[at].references++ == 0) {
      unlink(at);
    }
    holding.blocks.push_back(at);
  }
  const std::int64_t own = hit.blocks - keyed;
  if (own > 0) {
    Entry& run = entries_[holding.run];
    run.count -= own;
    if (run.count == 0) {
      unlink(holding.run);
      spare_entries_.push_back(holding.run);
      holding.run = none;
    }
  }
  disown(holding);
}

void PrefixCache::publish(std::uint32_t index, std::int64_t full) {
  Holding& holding = holdings_[index];
  const auto end = std::min(static_cast<std::size_t>(full), holding.keys.size());
  while (holding.blocks.size() < end) {
    Entry block;
    block.key = holding.keys[holding.blocks.size()];
    block.references = 1;
    block.keyed = true;
    const std::uint32_t at = add_entry(block);
    Copies& copies = copies_[block.key];
    if (copies.newest == none) {
      copies.oldest = at;
    } else {
      entries_[copies.newest].newer = at;
      entries_[at].older = copies.newest;
      ++duplicates_;
    }
    copies.newest = at;
    holding.blocks.push_back(at);
  }
}

std::int64_t PrefixCache::release(std::uint32_t index, std::int64_t blocks, std::int64_t full,
                                  bool returns) {
  Holding& holding = holdings_[index];
  const auto keyed = static_cast<std::int64_t>(holding.blocks.size());
  PENSTOCK_ASSERT(keyed <= full && full <= blocks);
  // Blocks of its own can be hit behind all those with keys only.
  const std::int64_t own =
      returns && holding.blocks.size() == holding.keys.size() ? full - keyed : 0;
  release(blocks - keyed - own);
  disown(holding);
  if (own > 0) {
    Entry run;
    run.count = own;
    run.owner = index;
    holding.run = add_entry(run);
    push_back(holding.run);
  }
  std::int64_t freed = blocks - keyed;
  while (!holding.blocks.empty()) {
    const std::uint32_t at = holding.blocks.back();
    holding.blocks.pop_back();
    if (--entries_[at].references == 0) {
      push_back(at);
      ++freed;
    }
  }
  return freed;
}

bool PrefixCache::consistent(std::int64_t free) const {
  std::int64_t queued = 0;
  std::uint32_t previous = none;
  for (std::uint32_t at = head_; at != none; at = entries_[at].next) {
    const Entry& entry = entries_[at];
    if (entry.previous != previous || entry.count < 1 || entry.references != 0 ||
        (entry.keyed && (entry.count != 1 || !copies_.contains(entry.key))) ||
        (entry.owner != none && holdings_[entry.owner].run != at)) {
      return false;
    }
    queued += entry.count;
    previous = at;
  }
  std::int64_t references = 0;
  std::int64_t second = 0;
  for (const auto& [key, copies] : copies_) {
    for (std::uint32_t at = copies.oldest; at != none; at = entries_[at].newer) {
      references += entries_[at].references;
      second += at == copies.oldest ? 0 : 1;
      if (entries_[at].key != key) {
        return false;
      }
    }
  }
  for (const Holding& holding : holdings_) {
    references -= static_cast<std::int64_t>(holding.blocks.size());
  }
  return queued == free && previous == tail_ && references == 0 && second == duplicates_;
}

}  // namespace penstock
