#pragma once

#include <cstdint>
#include <memory>

#include "sim/core/units.h"
#include "sim/scenario.h"

namespace penstock {

/// When the requests of one class arrive. Times are whole picoseconds.
class ArrivalProcess {
 public:
  virtual ~ArrivalProcess() = default;
  /// Arrival of the next request, or SimTime::never() if none is due. Never decreases.
  virtual SimTime next() const = 0;
  /// Takes that arrival. Requires next() < never().
  virtual void advance() = 0;
  /// A request, or a conversation, of the class left the system. Called in order of time.
  virtual void on_departure(SimTime) {}
};

/// Makes the process of a class.
///
///   poisson      gaps are exponential, drawn from the stream "arrivals/CLASS", each rounded
///   gamma        gaps of std / mean `cv`, gamma-distributed
///   weibull      gaps of std / mean `cv`, Weibull-distributed
///   constant     request k (from 1) arrives at k / rate, rounded
///   on_off       on and off by turns (on_off_curve()), gamma gaps of `cv` in the time that bends
///   offline      `requests` at 0
///   closed_loop  `concurrency` clients send at 0 and again `think` after each departure; a client
///                that is refused on the spot waits at least a second, so that time goes on
///
/// Open processes may follow a modulation, be made of many clients (draw_clients(); client i draws
/// from "arrivals/CLASS/client-i"), and be rescaled so that the arrival number `requests` comes at
/// requests / rate and is the last one, as vLLM's serving benchmark does.
///
/// Open-loop arrivals end at SimTime::max(). Requires 0 < rate <= max_rate_per_s where there is a
/// rate, concurrency >= 1 in a closed loop.
std::unique_ptr<ArrivalProcess> make_arrivals(const ClassSpec& spec, std::uint64_t seed,
                                              std::uint64_t requests);

}  // namespace penstock
