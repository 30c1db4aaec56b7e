#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "sim/core/rng.h"
#include "sim/scenario.h"
#include "workloads/arrivals.h"
#include "workloads/generator.h"
#include "workloads/lengths.h"
#include "workloads/stream.h"

namespace penstock {

/// Conversations of one class, started by its arrival process.
///
/// A turn's prompt is all that was said before (prompts and answers) and some new tokens; it comes
/// some time after the turn before has finished. Some turns are followed by branches: requests sent
/// at once, whose prompt is the conversation so far and tokens of their own; the next turn waits
/// for all of them, and what they found is part of its new tokens.
///
/// A conversation ends after its turns; when one of its requests is rejected; and when its next
/// turn would need more than max_context tokens, answer included. Branches that would are left out.
/// Its first turn is always sent. Where the process is a closed loop, the end is the departure.
///
/// Where the class has a prefix, each conversation begins with that of a group, drawn for it.
///
/// Everything about conversation n (from 0) is drawn from the stream "session/CLASS/n": it does not
/// depend on the system's speed. Its tokens are positions of a token stream of its own, a branch's
/// after the fork those of another.
class SessionStream final : public RequestStream {
 public:
  /// Requires spec.sessions. `options.until` bounds turns too.
  SessionStream(const ClassSpec& spec, const GeneratedStream::Options& options);

  SimTime next_arrival() const override;
  Request pop() override;
  void on_departure(const Departure& departure) override;

 private:
  struct Session {
    Rng rng;
    std::uint64_t stream = 0;
    std::uint64_t group = 0;   ///< token stream of the prefix that it shares with others,
    std::int64_t prefix = 0;   ///< and its tokens
    std::int64_t context = 0;  ///< tokens so far, with the answer of the turn in flight
    std::int64_t turns_left = 0;
    std::int64_t in_flight = 0;  ///< requests sent or due
    bool forks_next = false;     ///< branches follow the turn in flight
    bool is_broken = false;      ///< a request was rejected
  };
  /// A request that is to come.
  struct Due {
    SimTime at;
    std::uint64_t order = 0;
    std::uint32_t session = 0;
    std::uint64_t branch = 0;  ///< its token stream; 0 = a turn
    std::int64_t shared = 0;   ///< tokens of the conversation's stream; a turn: all
    std::int64_t input = 0;
    std::int64_t output = 0;

    friend bool operator>(const Due& a, const Due& b) {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };

  std::uint32_t open_session();
  Due first_turn(std::uint32_t index, SimTime at);
  void send_branches(std::uint32_t index, SimTime now);
  void send_turn(std::uint32_t index, SimTime now);
  void push(Due due);
  Request request_of(const Due& due) const;

  ClassSpec spec_;
  std::uint64_t seed_;
  SimTime until_;
  std::uint16_t class_index_;
  std::uint64_t first_group_;  // the token stream of the first group
  Copula copula_;
  std::unique_ptr<ArrivalProcess> starts_;
  std::vector<Session> sessions_;
  std::vector<std::uint32_t> free_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::uint64_t started_ = 0;
  std::uint64_t streams_ = 0;
  std::uint64_t order_ = 0;
};

}  // namespace penstock
