#include "workloads/sessions.h"

#include <algorithm>
#include <cmath>

#include "sim/core/assert.h"

namespace penstock {
namespace {

std::int64_t draw_tokens(const LengthSpec& spec, Rng& rng) {
  return length_at(spec, rng.uniform());
}

SimTime draw_time(const LengthSpec& spec, Rng& rng) {
  const double seconds = std::max(0.0, value_at(spec, rng.uniform()));
  return seconds < SimTime::max().seconds() ? SimTime::from_seconds(seconds) : SimTime::max();
}

bool happens(double probability, Rng& rng) { return rng.uniform() < probability; }

/// Token streams of sessions, apart from those of other sources and classes.
std::uint64_t stream_id(std::uint16_t class_index, std::uint64_t number) {
  return std::uint64_t{1} << 63 | std::uint64_t{class_index} << 47 | number;
}

}  // namespace

SessionStream::SessionStream(const ClassSpec& spec, const GeneratedStream::Options& options)
    : spec_(spec),
      seed_(options.seed),
      until_(options.until),
      class_index_(options.class_index),
      first_group_(Rng(options.seed, "prefix/" + spec.name).next()),
      copula_(spec.rank_correlation),
      starts_(make_arrivals(spec, options.seed, options.requests)) {
  PENSTOCK_ASSERT(spec_.sessions && spec_.sessions->max_context > 0);
}

SimTime SessionStream::next_arrival() const {
  const SimTime turn = due_.empty() ? SimTime::never() : due_.top().at;
  const SimTime next = std::min(turn, starts_->next());
  return next < until_ ? next : SimTime::never();
}

Request SessionStream::pop() {
  const SimTime at = next_arrival();
  PENSTOCK_ASSERT(at < SimTime::never());
  if (!due_.empty() && due_.top().at == at) {
    const Due due = due_.top();
    due_.pop();
    return request_of(due);
  }
  starts_->advance();
  return request_of(first_turn(open_session(), at));
}

std::uint32_t SessionStream::open_session() {
  Session session{Rng(seed_, "session/" + spec_.name + "/" + std::to_string(started_))};
  ++started_;
  session.stream = stream_id(class_index_, ++streams_);
  session.turns_left = draw_tokens(spec_.sessions->turns, session.rng);
  if (free_.empty()) {
    sessions_.push_back(session);
    return static_cast<std::uint32_t>(sessions_.size() - 1);
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  sessions_[index] = session;
  return index;
}

SessionStream::Due SessionStream::first_turn(std::uint32_t index, SimTime at) {
  Session& session = sessions_[index];
  const double p = session.rng.uniform();
  const double independent = session.rng.uniform();
  Due due{.at = at, .session = index};
  due.input = length_at(spec_.input, p);
  due.output = length_at(spec_.output, copula_.second(p, independent));
  due.shared = due.input + due.output;
  session.context = due.shared;
  --session.turns_left;
  session.in_flight = 1;
  session.forks_next = happens(spec_.sessions->branch_share, session.rng);
  if (spec_.prefix.shared > 0) {
    session.prefix = std::min(spec_.prefix.shared, due.input);
    session.group =
        first_group_ + session.rng.below(static_cast<std::uint64_t>(spec_.prefix.groups));
  }
  return due;
}

Request SessionStream::request_of(const Due& due) const {
  const Session& session = sessions_[due.session];
  Request request;
  request.arrival = due.at;
  request.input_tokens = due.input;
  request.output_tokens = due.output;
  request.priority = spec_.priority;
  request.class_index = class_index_;
  request.session = session.stream;
  request.tag = due.session + std::uint64_t{1};
  if (session.prefix > 0) {
    request.content.push_back({session.group, 0, session.prefix});
  }
  request.content.push_back({session.stream, 0, due.shared - session.prefix});
  if (due.branch != 0) {
    request.content.push_back({due.branch, 0, due.input + due.output - due.shared});
  }
  return request;
}

void SessionStream::on_departure(const Departure& departure) {
  PENSTOCK_ASSERT(departure.tag >= 1 && departure.tag <= sessions_.size());
  const auto index = static_cast<std::uint32_t>(departure.tag - 1);
  Session& session = sessions_[index];
  session.is_broken |= departure.rejected;
  if (--session.in_flight > 0) {
    return;
  }
  if (!session.is_broken && session.turns_left > 0) {
    if (session.forks_next) {
      send_branches(index, departure.at);
    }
    if (session.in_flight == 0) {
      send_turn(index, departure.at);
    }
  }
  if (session.in_flight == 0) {
    free_.push_back(index);
    starts_->on_departure(departure.at);
  }
}

void SessionStream::send_branches(std::uint32_t index, SimTime now) {
  Session& session = sessions_[index];
  const SessionSpec& spec = *spec_.sessions;
  session.forks_next = false;
  const std::int64_t branches = draw_tokens(spec.branch_count, session.rng);
  for (std::int64_t i = 0; i < branches; ++i) {
    Due due{.at = now, .session = index, .shared = session.context};
    due.input = session.context + draw_tokens(spec.branch_input, session.rng);
    due.output = draw_tokens(spec.branch_output, session.rng);
    if (due.input + due.output <= spec.max_context) {
      due.branch = stream_id(class_index_, ++streams_);
      push(due);
    }
  }
}

void SessionStream::send_turn(std::uint32_t index, SimTime now) {
  Session& session = sessions_[index];
  const SessionSpec& spec = *spec_.sessions;
  const bool is_tool = happens(spec.tool_share, session.rng);
  const SimTime pause = draw_time(is_tool ? spec.tool_delay : spec.think, session.rng);
  if (pause > SimTime::max() - now) {
    return;
  }
  Due due{.at = now + pause, .session = index};
  const double p = session.rng.uniform();
  const double independent = session.rng.uniform();
  due.input = session.context + length_at(is_tool ? spec.tool_result : spec.follow_up, p);
  due.output = length_at(spec_.output, copula_.second(p, independent));
  due.shared = due.input + due.output;
  session.forks_next = happens(spec.branch_share, session.rng);
  --session.turns_left;
  if (due.shared <= spec.max_context) {
    session.context = due.shared;
    push(due);
  }
}

void SessionStream::push(Due due) {
  due.order = ++order_;
  ++sessions_[due.session].in_flight;
  due_.push(due);
}

}  // namespace penstock
