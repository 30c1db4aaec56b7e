#pragma once

#include <boost/heap/d_ary_heap.hpp>
#include <cstdint>
#include <vector>

#include "sim/core/units.h"

namespace penstock {

/// What happens, in the order in which it happens at one instant (scheduler-semantics 8.2-9):
/// steps end (emit, free), then requests arrive, then steps start. Arrivals come as a sorted
/// stream and stand between these two; transfers and scalers will take their places here.
enum class EventKind : std::uint8_t { step_end, step_start };

/// One entry per replica: when it acts next. Ordered by (time, kind, replica).
class EventQueue {
 public:
  struct Event {
    SimTime at = SimTime::never();
    EventKind kind = EventKind::step_end;
    std::uint32_t replica = 0;
  };

  explicit EventQueue(std::uint32_t replicas) {
    for (std::uint32_t r = 0; r < replicas; ++r) {
      handles_.push_back(heap_.push({.replica = r}));
    }
  }
  /// The next event; `at` is never() if nobody has one.
  const Event& next() const { return heap_.top(); }
  void set(std::uint32_t replica, SimTime at, EventKind kind) {
    Event& event = *handles_[replica];
    event.at = at;
    event.kind = kind;
    if (handles_.size() > 1) {
      heap_.update(handles_[replica]);
    }
  }
  void clear(std::uint32_t replica) { set(replica, SimTime::never(), EventKind::step_end); }

 private:
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      if (a.at != b.at) {
        return a.at > b.at;
      }
      return a.kind != b.kind ? a.kind > b.kind : a.replica > b.replica;
    }
  };
  using Heap = boost::heap::d_ary_heap<Event, boost::heap::arity<4>, boost::heap::compare<Later>,
                                       boost::heap::mutable_<true>>;

  Heap heap_;
  std::vector<Heap::handle_type> handles_;
};

}  // namespace penstock
