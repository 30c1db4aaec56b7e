#include "sim/engine/decode_set.h"

#include <bit>

#include "sim/core/assert.h"

namespace penstock {

DecodeSet::DecodeSet(SequenceTable& table, std::int64_t block_size)
    : table_(table),
      block_size_(block_size),
      mask_(std::has_single_bit(static_cast<std::uint64_t>(block_size)) ? block_size - 1 : -1),
      residues_(static_cast<std::size_t>(block_size)) {}

void DecodeSet::join(Slot slot) {
  Sequence& s = table_[slot];
  s.state = SequenceState::decoding;
  ++size_;
  measured_ += s.measured ? 1 : 0;
  base_sum_ += s.base;
  ++residues_[residue(s.base)];
  finishes_.push({s.finish_step(), s.admission, slot});
  if (contexts_.size() > static_cast<std::size_t>(2 * size_ + 64)) {
    compact_contexts();
  }
  contexts_.push({s.base, s.admission, slot});
}

void DecodeSet::leave(Slot slot) {
  const Sequence& s = table_[slot];
  PENSTOCK_ASSERT(s.state == SequenceState::decoding);
  --size_;
  measured_ -= s.measured ? 1 : 0;
  base_sum_ -= s.base;
  --residues_[residue(s.base)];
}

std::int64_t DecodeSet::kv_max(std::int64_t step) {
  while (!contexts_.empty()) {
    const Entry& top = contexts_.top();
    if (is_member(top) && table_[top.slot].base == top.key) {
      return top.key + step;
    }
    contexts_.pop();
  }
  return 0;
}

void DecodeSet::compact_contexts() {
  Heap<Shorter> members;
  members.reserve(static_cast<std::size_t>(size_) + 1);
  for (const Entry& entry : contexts_) {
    if (is_member(entry) && table_[entry.slot].base == entry.key) {
      members.push(entry);
    }
  }
  contexts_.swap(members);
}

void DecodeSet::drop_stale_finishes() {
  while (!finishes_.empty()) {
    const Entry& top = finishes_.top();
    if (is_member(top) && table_[top.slot].finish_step() == top.key) {
      return;
    }
    finishes_.pop();
  }
}

std::int64_t DecodeSet::first_finish() {
  drop_stale_finishes();
  PENSTOCK_ASSERT(!finishes_.empty());
  return finishes_.top().key;
}

void DecodeSet::take_finished(std::int64_t step, std::vector<Slot>& finished) {
  // Keys of stale entries are too early, never too late.
  while (size_ > 0 && finishes_.top().key <= step && first_finish() == step) {
    const Slot slot = finishes_.top().slot;
    finishes_.pop();
    leave(slot);
    table_[slot].state = SequenceState::draining;
    finished.push_back(slot);
  }
}

}  // namespace penstock
