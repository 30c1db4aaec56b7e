#pragma once

#include <functional>
#include <queue>
#include <tuple>
#include <vector>

#include "sim/engine/sequence.h"

namespace penstock {

/// When the clients of an engine's requests give up. Requests that have left stay in the queue
/// until their time comes.
class Timeouts {
 public:
  explicit Timeouts(const SequenceTable& table) : table_(table) {}

  void add(SimTime deadline, Slot slot) { queue_.push({deadline, slot, table_[slot].id}); }
  /// The next deadline of a request that is still there; never() if there is none.
  SimTime next() {
    while (!queue_.empty() && table_[queue_.top().slot].id != queue_.top().id) {
      queue_.pop();
    }
    return queue_.empty() ? SimTime::never() : queue_.top().deadline;
  }
  /// With those over another table.
  void swap(Timeouts& other) { queue_.swap(other.queue_); }
  /// Takes the request whose deadline is next. Requires one.
  Slot pop() {
    const Slot slot = queue_.top().slot;
    queue_.pop();
    return slot;
  }

 private:
  struct Entry {
    SimTime deadline;
    Slot slot = no_slot;
    std::uint32_t id = 0;
    bool operator>(const Entry& other) const {
      return std::tie(deadline, id) > std::tie(other.deadline, other.id);
    }
  };

  const SequenceTable& table_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
};

}  // namespace penstock
