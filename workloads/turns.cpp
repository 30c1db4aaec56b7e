#include "workloads/turns.h"

#include <algorithm>
#include <utility>

#include "sim/core/assert.h"

namespace penstock {

void TurnQueue::begin(std::uint64_t id, std::int64_t turn, SimTime at) {
  Session& session = sessions_[id];
  session.number = turn;
  session.since = at < SimTime::never() ? at : session.since;
  ++session.under_way;
}

void TurnQueue::add(std::uint64_t id, Turn turn) {
  Session& session = sessions_.at(id);
  if (session.is_broken) {
    return;
  }
  const bool is_of_this_turn = turn.number >= 0 && turn.number == session.number;
  const bool is_next = session.under_way == 0 && session.waiting.empty();
  if (session.waiting.empty() && is_of_this_turn) {
    send(session, std::move(turn));
  } else if (is_next) {
    session.number = turn.number;
    session.since = session.ended;
    send(session, std::move(turn));
  } else {
    session.waiting.push_back(std::move(turn));
  }
}

/// Sends a turn `delay` after those before had ended, unless that is after the longest run.
void TurnQueue::send(Session& session, Turn turn) {
  if (turn.delay > SimTime::max() - session.since) {
    return;
  }
  turn.earliest = std::max(turn.earliest, session.since + turn.delay);
  ++session.under_way;
  due_.push({std::move(turn), order_++});
}

Request TurnQueue::pop() {
  PENSTOCK_ASSERT(!due_.empty());
  Request request = due_.top().turn.request;
  request.arrival = due_.top().turn.earliest;
  due_.pop();
  return request;
}

bool TurnQueue::on_departure(std::uint64_t id, const Departure& departure) {
  Session& session = sessions_.at(id);
  PENSTOCK_ASSERT(session.under_way > 0);
  --session.under_way;
  session.ended = departure.at;
  if (departure.rejected) {
    session.is_broken = true;
    session.waiting.clear();
  }
  while (session.under_way == 0 && !session.waiting.empty()) {
    session.since = session.ended;
    session.number = session.waiting.front().number;
    do {
      Turn turn = std::move(session.waiting.front());
      session.waiting.pop_front();
      send(session, std::move(turn));
    } while (!session.waiting.empty() && session.number >= 0 &&
             session.waiting.front().number == session.number);
  }
  return session.under_way == 0 && session.waiting.empty();
}

}  // namespace penstock
