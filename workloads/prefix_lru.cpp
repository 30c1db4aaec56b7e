#include "workloads/prefix_lru.h"

namespace penstock {

std::size_t PrefixLru::use(std::span<const std::uint64_t> blocks) {
  std::size_t hits = 0;
  while (hits < blocks.size() && held_.count(blocks[hits]) > 0) {
    ++hits;
  }
  for (std::size_t i = 0; i < hits; ++i) {
    touch(blocks[i]);  // in use now: not to be given up for the others
  }
  for (std::size_t i = blocks.size(); i > 0; --i) {
    touch(blocks[i - 1]);
  }
  return hits;
}

void PrefixLru::touch(std::uint64_t block) {
  const auto [entry, is_new] = held_.try_emplace(block);
  if (capacity_ == unlimited) {
    return;
  }
  if (!is_new) {
    order_.splice(order_.end(), order_, entry->second);
    return;
  }
  if (order_.size() == capacity_) {
    held_.erase(order_.front());
    order_.front() = block;
    order_.splice(order_.end(), order_, order_.begin());
    entry->second = std::prev(order_.end());
    return;
  }
  entry->second = order_.insert(order_.end(), block);
}

}  // namespace penstock
