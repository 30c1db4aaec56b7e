#include "workloads/merge.h"

#include <utility>

#include "sim/core/assert.h"
#include "sim/core/int128.h"

namespace penstock {

void MergedSource::add(std::unique_ptr<RequestStream> stream, const StreamInfo& info) {
  PENSTOCK_ASSERT(parts_.empty() || parts_.back().info.class_index < info.class_index);
  PENSTOCK_ASSERT(info.per_round >= 1);
  Part part;
  part.stream = std::move(stream);
  part.info = info;
  refresh(part);
  parts_.push_back(std::move(part));
  find_next();
}

Request MergedSource::pop() {
  PENSTOCK_ASSERT(next_arrival() < never);
  Part& part = parts_[next_];
  Request request = part.stream->pop();
  ++part.taken;
  if (part.info.generated) {
    --limits_.generated;
    if (limits_.generated == 0) {
      for (Part& other : parts_) {
        refresh(other);
      }
    }
  }
  refresh(part);
  find_next();
  return request;
}

void MergedSource::on_departure(const Departure& departure) {
  for (Part& part : parts_) {
    if (part.info.class_index == departure.class_index) {
      part.stream->on_departure(departure);
      refresh(part);
      find_next();
      return;
    }
  }
}

void MergedSource::refresh(Part& part) {
  const bool is_over = part.info.generated && limits_.generated == 0;
  part.due = is_over ? never : part.stream->next_arrival();
}

/// By time, then by (taken + 1/2) / per_round: the place in a round.
bool MergedSource::comes_before(const Part& a, const Part& b) {
  if (a.due != b.due) {
    return a.due < b.due;
  }
  const Int128 a_place = (2 * Int128{a.taken} + 1) * b.info.per_round;
  const Int128 b_place = (2 * Int128{b.taken} + 1) * a.info.per_round;
  return a_place < b_place;
}

void MergedSource::find_next() {
  next_ = 0;
  for (std::size_t i = 1; i < parts_.size(); ++i) {
    if (comes_before(parts_[i], parts_[next_])) {
      next_ = i;
    }
  }
}

}  // namespace penstock
