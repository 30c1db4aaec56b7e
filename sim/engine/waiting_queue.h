#pragma once

#include <deque>
#include <set>
#include <tuple>
#include <utility>

#include "sim/engine/sequence.h"
#include "sim/scenario.h"

namespace penstock {

/// The waiting queue of one engine. FCFS: arrival order, preempted sequences at the head.
/// Priority: by (priority, arrival, id), preempted ones too (scheduler-semantics 1.3.3).
class WaitingQueue {
 public:
  WaitingQueue(SchedulingPolicy policy, const SequenceTable& table)
      : policy_(policy), table_(table) {}

  bool empty() const { return size_ == 0; }
  std::int64_t size() const { return size_; }
  Slot head() const { return fcfs() ? queue_.front() : std::get<3>(*ordered_.begin()); }

  void push_arrival(Slot slot) {
    ++size_;
    if (fcfs()) {
      queue_.push_back(slot);
    } else {
      ordered_.insert(key(slot));
    }
  }
  void push_preempted(Slot slot) {
    ++size_;
    if (fcfs()) {
      queue_.push_front(slot);
    } else {
      ordered_.insert(key(slot));
    }
  }
  void pop_head() {
    --size_;
    if (fcfs()) {
      queue_.pop_front();
    } else {
      ordered_.erase(ordered_.begin());
    }
  }
  /// Takes a sequence out of the middle: one that was preempted with its last token in flight.
  void erase(Slot slot) {
    --size_;
    if (fcfs()) {
      std::erase(queue_, slot);
    } else {
      ordered_.erase(key(slot));
    }
  }
  /// Swaps with the queue over another table, of the same policy.
  void swap(WaitingQueue& other) {
    std::swap(queue_, other.queue_);
    std::swap(ordered_, other.ordered_);
    std::swap(size_, other.size_);
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Slot slot : queue_) {
      visit(slot);
    }
    for (const Key& entry : ordered_) {
      visit(std::get<3>(entry));
    }
  }

 private:
  using Key = std::tuple<std::int32_t, SimTime, std::uint32_t, Slot>;

  bool fcfs() const { return policy_ == SchedulingPolicy::fcfs; }
  Key key(Slot slot) const {
    const Sequence& s = table_[slot];
    return {s.priority, s.arrival, s.id, slot};
  }

  SchedulingPolicy policy_;
  const SequenceTable& table_;
  std::deque<Slot> queue_;
  std::set<Key> ordered_;
  std::int64_t size_ = 0;
};

}  // namespace penstock
