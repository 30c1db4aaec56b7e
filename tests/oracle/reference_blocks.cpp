#include "tests/oracle/reference_blocks.h"

#include <algorithm>
#include <utility>

namespace penstock::oracle {

std::vector<Identity> Identities::of(std::size_t request, const Content& content,
                                     std::int64_t tokens, std::int64_t block_size) {
  std::vector<Token> all;
  for (const ContentSpan& span : content) {
    for (std::int64_t i = 0; i < span.tokens && std::ssize(all) < tokens; ++i) {
      all.push_back({false, span.stream, span.first + i});
    }
  }
  for (std::int64_t i = std::ssize(all); i < tokens; ++i) {
    all.push_back({true, request, i});
  }
  std::vector<Identity> identities;
  Identity before = kNoIdentity;
  for (std::int64_t end = block_size; end <= tokens; end += block_size) {
    const std::vector<Token> block(all.begin() + (end - block_size), all.begin() + end);
    before = known_.emplace(std::pair(before, block), std::ssize(known_)).first->second;
    identities.push_back(before);
  }
  return identities;
}

BlockPool::BlockPool(std::int64_t usable_blocks)
    : blocks_(static_cast<std::size_t>(usable_blocks)) {
  for (std::size_t block = 0; block < blocks_.size(); ++block) {
    free_.push_back(block);
  }
}

std::vector<std::size_t> BlockPool::lookup(const std::vector<Identity>& wanted,
                                           std::int64_t most) const {
  std::vector<std::size_t> hit;
  for (const Identity identity : wanted) {
    const auto copies = cached_.find(identity);
    if (std::ssize(hit) == most || copies == cached_.end()) {
      break;
    }
    hit.push_back(copies->second.front());
  }
  return hit;
}

void BlockPool::touch(std::size_t block) {
  if (is_free(block)) {
    std::erase(free_, block);
  }
  blocks_[block].users += 1;
}

std::size_t BlockPool::allocate() {
  const std::size_t block = free_.front();
  free_.pop_front();
  const Identity evicted = std::exchange(blocks_[block].identity, kNoIdentity);
  if (evicted != kNoIdentity) {
    std::vector<std::size_t>& copies = cached_.at(evicted);
    std::erase(copies, block);
    if (copies.empty()) {
      cached_.erase(evicted);
    }
  }
  blocks_[block].users = 1;
  return block;
}

void BlockPool::cache(std::size_t block, Identity identity) {
  blocks_[block].identity = identity;
  cached_[identity].push_back(block);
}

std::int64_t HostBlocks::found(const std::vector<Identity>& wanted, std::int64_t most) const {
  std::int64_t count = 0;
  while (count < most && count < std::ssize(wanted) &&
         std::find(used_.begin(), used_.end(), wanted[static_cast<std::size_t>(count)]) !=
             used_.end()) {
    ++count;
  }
  return count;
}

void HostBlocks::use(std::vector<Identity> all) {
  if (std::ssize(all) > capacity_) {
    all.resize(static_cast<std::size_t>(capacity_));
  }
  for (const Identity identity : all) {
    std::erase(used_, identity);
  }
  while (std::ssize(used_) + std::ssize(all) > capacity_) {
    used_.pop_front();
  }
  used_.insert(used_.end(), all.rbegin(), all.rend());
}

void HostBlocks::store(const std::vector<Identity>& all, std::int64_t now) {
  finish_stores(now);
  const std::int64_t copied = std::ssize(all) - found(all, std::ssize(all));
  store_link_free_ = std::max(store_link_free_, now) + copied * block_ps_;
  stores_.emplace_back(store_link_free_, all);
}

void HostBlocks::finish_stores(std::int64_t now) {
  for (; next_store() <= now; stores_.pop_front()) {
    use(stores_.front().second);
  }
}

std::int64_t HostBlocks::load(const std::vector<Identity>& all, std::int64_t blocks,
                              std::int64_t now) {
  use(all);
  load_link_free_ = std::max(load_link_free_, now) + blocks * block_ps_;
  return load_link_free_;
}

void BlockPool::release(std::vector<std::size_t>& owned) {
  while (!owned.empty()) {
    const std::size_t block = owned.back();
    owned.pop_back();
    blocks_[block].users -= 1;
    if (is_free(block)) {
      free_.push_back(block);
    }
  }
}

}  // namespace penstock::oracle
