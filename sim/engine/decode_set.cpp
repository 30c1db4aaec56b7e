#include "sim/engine/decode_set.h"

#include "sim/core/assert.h"

namespace penstock {

DecodeSet::DecodeSet(SequenceTable& table, const RunningList& running, std::int64_t block_size,
                     std::int64_t window, bool overshoots, const Pace& pace)
    : table_(table),
      running_(running),
      block_(block_size * pace.unit),
      pace_(pace),
      ahead_(pace.ahead * pace.unit),
      window_(window * pace.unit),
      residues_(static_cast<std::size_t>(block_size * pace.unit)),
      finishes_(table),
      overshoots_(overshoots) {}

void DecodeSet::join(Slot slot, std::int64_t first) {
  Sequence& s = table_[slot];
  s.state = SequenceState::decoding;
  ++size_;
  growth_ += pace_.advance;
  measured_ += s.measured ? 1 : 0;
  base_sum_ += s.base;
  ++residues_[residue(s.base + ahead_)];
  if (pace_.advance != 1) {
    count_passes(s, 1);
  }
  finishes_.add(slot);
  if (!contexts_stale_) {
    contexts_.add(s.base, s.finish + (overshoots_ ? 1 : 0));
  }
  if (remaining_) {
    remaining_->add(s.finish);
  }
  s.below_window = s.base + pace_.advance * first < window_;
  if (s.below_window) {
    count_below(s, 1);
    crossings_.emplace(pace_.steps_for(window_ - s.base), slot);
  }
}

void DecodeSet::count_below(const Sequence& s, std::int64_t count) {
  below_ += count;
  below_growth_ += count * pace_.advance;
  below_base_sum_ += count * s.base;
}

std::int64_t DecodeSet::next_crossing() {
  while (!crossings_.empty() && !crosses(crossings_.top())) {
    crossings_.pop();
  }
  return crossings_.empty() ? INT64_MAX : crossings_.top().first;
}

Slot DecodeSet::cross(std::int64_t step) {
  if (next_crossing() > step) {
    return no_slot;
  }
  const Slot slot = crossings_.top().second;
  crossings_.pop();
  Sequence& s = table_[slot];
  s.below_window = false;
  count_below(s, -1);
  return slot;
}

void DecodeSet::count_passes(const Sequence& s, std::int64_t count) {
  std::size_t at = residue(s.base + ahead_);
  for (std::int64_t i = 1; i < pace_.advance; ++i) {
    at = at == 0 ? residues_.size() - 1 : at - 1;
    residues_[at] += count;
  }
}

void DecodeSet::subtract(const Sequence& s) {
  PENSTOCK_ASSERT(s.state == SequenceState::decoding);
  --size_;
  growth_ -= pace_.advance;
  measured_ -= s.measured ? 1 : 0;
  base_sum_ -= s.base;
  --residues_[residue(s.base + ahead_)];
  if (pace_.advance != 1) {
    count_passes(s, -1);
  }
  if (s.below_window) {
    count_below(s, -1);
  }
  if (remaining_) {
    remaining_->remove(s.finish);
  }
}

void DecodeSet::leave(Slot slot) {
  Sequence& s = table_[slot];
  subtract(s);
  if (!s.last_in_flight) {
    finishes_.remove(slot);
  }
  s.last_in_flight = false;
  s.below_window = false;  // its crossing is void
  contexts_stale_ = true;
}

void DecodeSet::keep_row(Slot slot) {
  Sequence& s = table_[slot];
  s.keeps_row = true;
  ++kept_rows_;
  if (s.below_window) {
    count_below(s, 1);
    crossings_.emplace(pace_.steps_for(window_ - s.base), slot);
  }
}

void DecodeSet::drop_row(Slot slot) {
  Sequence& s = table_[slot];
  s.keeps_row = false;
  --kept_rows_;
  if (s.below_window) {
    count_below(s, -1);
  }
}

void DecodeSet::leave_late(Slot slot) {
  PENSTOCK_ASSERT(table_[slot].last_in_flight);
  subtract(table_[slot]);
  table_[slot].last_in_flight = false;
}

std::int64_t DecodeSet::kv_max(std::int64_t step) {
  if (contexts_stale_) {
    contexts_.clear();
    for (Slot slot = running_.front(); slot != no_slot; slot = table_[slot].next) {
      const Sequence& s = table_[slot];
      if (s.state == SequenceState::decoding && s.lane == lane_) {
        contexts_.add(s.base, s.finish + (overshoots_ ? 1 : 0));
      }
    }
    contexts_stale_ = false;
  }
  contexts_.drop_finished(step);
  return contexts_.base() + pace_.advance * step;
}

void DecodeSet::expect_finished(std::int64_t step, std::vector<Slot>& finished) {
  if (finishes_.empty() || finishes_.first() != step) {
    return;
  }
  const std::size_t before = finished.size();
  finishes_.take_first(finished);
  for (std::size_t i = before; i < finished.size(); ++i) {
    table_[finished[i]].last_in_flight = true;
  }
}

void DecodeSet::take_finished(std::int64_t step, std::vector<Slot>& finished) {
  if (size_ == 0 || finishes_.first() != step) {
    return;
  }
  const std::size_t before = finished.size();
  finishes_.take_first(finished);
  for (std::size_t i = before; i < finished.size(); ++i) {
    Sequence& s = table_[finished[i]];
    subtract(s);
    s.state = SequenceState::draining;
  }
  contexts_.drop_finished(step + 1);
}

}  // namespace penstock
