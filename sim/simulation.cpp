#include "sim/simulation.h"

#include <algorithm>

#include "sim/cluster/cluster.h"
#include "sim/core/assert.h"
#include "sim/core/event_queue.h"

namespace penstock {

namespace {

/// Events between two calls of the progress callback.
constexpr std::uint64_t progress_interval = 1 << 14;

/// THE main loop: the earliest of the arrivals' stream and the replicas' events, in the order that
/// EventKind documents.
class Simulation {
 public:
  Simulation(const Scenario& scenario, RequestSource& source, const SimulationOptions& options,
             const ProgressCallback& progress)
      : source_(source),
        progress_(progress),
        cluster_(scenario, options, source),
        until_(scenario.until),
        front_end_(scenario.engine.front_end_latency),
        arrival_(next_arrival()) {}

  Result run() {
    while (true) {
      const EventQueue::Event event = cluster_.events().next();
      const SimTime arrival = arrival_ < until_ ? arrival_ : SimTime::never();
      if (event.at == SimTime::never() && arrival == SimTime::never()) {
        break;
      }
      const bool replica_first =
          event.at < arrival || (event.at == arrival && event.kind == EventKind::step_end);
      const SimTime now = replica_first ? event.at : arrival;
      PENSTOCK_ASSERT(now >= now_);
      now_ = now;
      if (!replica_first) {
        cluster_.arrive(source_.pop(), now);
        arrival_ = next_arrival();
      } else if (event.kind == EventKind::step_end) {
        cluster_.end_step(event.replica, now);
        follow_up(now);
        start_after(event.replica, now);
      } else {
        cluster_.start_step(event.replica, now, until_);
      }
      follow_up(now);
    }
    return finish();
  }

 private:
  /// Something has happened: what clients, and whoever watches, make of it.
  void follow_up(SimTime now) {
    if (cluster_.departed() != departed_) {  // a client may send its next request
      departed_ = cluster_.departed();
      arrival_ = next_arrival();
    }
    if (++events_ % progress_interval == 0) {
      report();
    }
    if (now > SimTime::max()) {
      stop(StopReason::clock);
    } else if (cluster_.gave_up()) {
      stop(StopReason::interrupted);
    }
  }

  /// A step has ended: the next one starts, now if nothing can come between.
  void start_after(std::uint32_t replica, SimTime now) {
    if (cluster_.replicas() == 1 && arrival_ > now) {
      cluster_.start_step(replica, now, until_);
    } else {
      cluster_.events().set(replica, now, EventKind::step_start);
    }
  }

  /// When the engine has the source's next request.
  SimTime next_arrival() const {
    const SimTime at = source_.next_arrival();
    return at == SimTime::never() ? at : at + front_end_;
  }

  void report() {
    if (progress_ && !progress_({now_, cluster_.arrived(), cluster_.departed()})) {
      stop(StopReason::interrupted);
    }
  }

  /// No step starts and nothing arrives from now on; steps in flight end.
  void stop(StopReason reason) {
    reason_ = reason;
    until_ = std::min(until_, now_);
    cluster_.cut_leaps(now_);
  }

  Result finish() {
    const bool cut_short =
        cluster_.arrived() > cluster_.departed() || source_.next_arrival() != SimTime::never();
    SimTime end = std::max(now_, std::min(source_.horizon(), until_));
    if (cut_short && until_ != SimTime::never()) {
      end = std::max(end, until_);
      reason_ = reason_ == StopReason::finished ? StopReason::until : reason_;
    }
    while (source_.next_arrival() < until_ && until_ != SimTime::never()) {
      const SimTime at = source_.next_arrival();
      cluster_.leave_in_front_end(source_.pop(), at, end);
    }
    PENSTOCK_ASSERT(cut_short || cluster_.departed() == cluster_.arrived());
    return cluster_.close(end, reason_);
  }

  RequestSource& source_;
  const ProgressCallback& progress_;
  Cluster cluster_;
  SimTime until_;
  SimTime now_;
  SimTime front_end_;
  SimTime arrival_;  ///< of the source's next request, at the engine
  std::uint64_t departed_ = 0;
  std::uint64_t events_ = 0;
  StopReason reason_ = StopReason::finished;
};

}  // namespace

Result simulate(const Scenario& scenario, RequestSource& source, const SimulationOptions& options,
                const ProgressCallback& progress) {
  return Simulation(scenario, source, options, progress).run();
}

}  // namespace penstock
