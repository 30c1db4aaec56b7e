#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <unordered_map>
#include <vector>

#include "sim/core/units.h"
#include "sim/request_source.h"

namespace penstock {

/// Turns of a trace's sessions that are sent some time after the answers before.
///
/// Those of one number go together; the next ones wait until all requests of their session that
/// were sent before have ended. A session of which a request was refused or given up ends there.
/// Keeps some bytes for each session, and the turns that wait.
class TurnQueue {
 public:
  /// True if a request of this session was announced by begin().
  bool knows(std::uint64_t session) const { return sessions_.contains(session); }

  /// A request of this session, of this turn (-1 = no number), is sent at a time of its own: `at`,
  /// or never() if that is not known yet.
  void begin(std::uint64_t session, std::int64_t turn, SimTime at);

  /// A later turn, sent `delay` after the answers before, and not before `earliest`. Takes the
  /// request without its arrival. Requires knows(session).
  struct Turn {
    std::int64_t number = -1;
    SimTime delay;
    SimTime earliest;
    Request request;
  };
  void add(std::uint64_t session, Turn turn);

  /// When the next one is to be sent; never() if none is due.
  SimTime next() const { return due_.empty() ? SimTime::never() : due_.top().turn.earliest; }
  Request pop();

  /// A request of this session has left. True if nothing of the session is under way or waits.
  bool on_departure(std::uint64_t session, const Departure& departure);

 private:
  struct Session {
    std::int64_t number = -1;    ///< of the turn under way
    std::int64_t under_way = 0;  ///< requests sent or due
    SimTime since;               ///< when the turns before it had ended
    SimTime ended;               ///< when the latest request left
    bool is_broken = false;      ///< a request was refused
    std::deque<Turn> waiting;
  };
  struct Due {
    Turn turn;  // `earliest` is when
    std::uint64_t order = 0;

    friend bool operator>(const Due& a, const Due& b) {
      return a.turn.earliest != b.turn.earliest ? a.turn.earliest > b.turn.earliest
                                                : a.order > b.order;
    }
  };

  void send(Session& session, Turn turn);

  std::unordered_map<std::uint64_t, Session> sessions_;  // looked up only
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::uint64_t order_ = 0;
};

}  // namespace penstock
