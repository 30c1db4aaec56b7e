#pragma once

#include "sim/core/units.h"
#include "sim/request_source.h"

namespace penstock {

/// The requests of one class: a trace or a generator. A workload is several of them, merged.
class RequestStream {
 public:
  virtual ~RequestStream() = default;
  /// Arrival of the next request, or SimTime::never() if none is due. Never decreases.
  virtual SimTime next_arrival() const = 0;
  /// Takes that request. Requires next_arrival() < never().
  virtual Request pop() = 0;
  /// A request of this stream left the system. Called in order of time.
  virtual void on_departure(const Departure&) {}
};

}  // namespace penstock
