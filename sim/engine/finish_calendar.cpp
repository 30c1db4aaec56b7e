#include "sim/engine/finish_calendar.h"

#include <algorithm>
#include <bit>

#include "sim/core/assert.h"

namespace penstock {

void FinishCalendar::resize(std::size_t steps) {
  heads_.assign(steps, no_slot);
  any_.assign(steps / 64, 0);
  mask_ = steps - 1;
}

void FinishCalendar::grow(std::int64_t span) {
  std::vector<Slot> members;
  for (const Slot head : heads_) {
    for (Slot slot = head; slot != no_slot; slot = table_[slot].finish_next) {
      members.push_back(slot);
    }
  }
  resize(std::bit_ceil(static_cast<std::size_t>(span) + 1));
  for (const Slot slot : members) {
    file(slot);
  }
}

void FinishCalendar::file(Slot slot) {
  Sequence& s = table_[slot];
  const std::size_t i = index(s.finish);
  const Slot head = heads_[i];
  s.finish_previous = no_slot;
  s.finish_next = head;
  if (head == no_slot) {
    any_[i / 64] |= std::uint64_t{1} << (i % 64);
  } else {
    table_[head].finish_previous = slot;
  }
  heads_[i] = slot;
}

void FinishCalendar::add(Slot slot) {
  const std::int64_t step = table_[slot].finish;
  first_ = size_ == 0 ? step : std::min(first_, step);
  last_ = size_ == 0 ? step : std::max(last_, step);
  ++size_;
  if (last_ - first_ > static_cast<std::int64_t>(mask_)) {
    grow(last_ - first_);
  }
  file(slot);
}

void FinishCalendar::remove(Slot slot) {
  const Sequence& s = table_[slot];
  const std::size_t i = index(s.finish);
  (s.finish_previous == no_slot ? heads_[i] : table_[s.finish_previous].finish_next) =
      s.finish_next;
  if (s.finish_next != no_slot) {
    table_[s.finish_next].finish_previous = s.finish_previous;
  }
  --size_;
  if (heads_[i] == no_slot) {
    any_[i / 64] &= ~(std::uint64_t{1} << (i % 64));
    if (s.finish == first_) {
      find_first();
    }
  }
}

void FinishCalendar::take_first(std::vector<Slot>& finished) {
  PENSTOCK_ASSERT(!empty());
  const std::size_t i = index(first_);
  const auto begin = static_cast<std::ptrdiff_t>(finished.size());
  for (Slot slot = heads_[i]; slot != no_slot; slot = table_[slot].finish_next) {
    finished.push_back(slot);
  }
  heads_[i] = no_slot;
  any_[i / 64] &= ~(std::uint64_t{1} << (i % 64));
  size_ -= static_cast<std::int64_t>(finished.size()) - begin;
  find_first();
  if (static_cast<std::int64_t>(finished.size()) - begin > 1) {
    std::sort(finished.begin() + begin, finished.end(),
              [&](Slot a, Slot b) { return table_[a].admission < table_[b].admission; });
  }
}

void FinishCalendar::find_first() {
  if (size_ == 0) {
    return;
  }
  std::size_t i = index(first_);
  std::size_t word = i / 64;
  std::uint64_t bits = any_[word] & (~std::uint64_t{0} << (i % 64));
  while (bits == 0) {
    word = (word + 1) % any_.size();
    bits = any_[word];
  }
  const std::size_t found = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
  first_ += static_cast<std::int64_t>((found - i) & mask_);
}

}  // namespace penstock
