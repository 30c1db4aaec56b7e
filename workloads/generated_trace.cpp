#include "workloads/generated_trace.h"

#include "sim/core/assert.h"

namespace penstock {

GeneratedTrace::GeneratedTrace(const WorkloadSpec& spec, RequestSource& source)
    : spec_(spec), source_(source) {}

bool GeneratedTrace::next(TraceRow& row) {
  // Everything of an instant is sent before any of it is answered: branches go together.
  while (!sent_.empty() && source_.next_arrival() > now_) {
    std::vector<Departure> answered;
    answered.swap(sent_);
    ++round_;
    for (Departure& departure : answered) {
      departure.at = now_;
      source_.on_departure(departure);
    }
  }
  if (source_.next_arrival() == SimTime::never()) {
    return false;
  }
  request_ = source_.pop();
  PENSTOCK_ASSERT(request_.arrival >= now_);
  now_ = request_.arrival;
  sent_.push_back({.class_index = request_.class_index, .tag = request_.tag, .at = now_});
  row = {};
  row.time = request_.arrival;
  row.has_time = true;
  row.input_tokens = request_.input_tokens;
  row.output_tokens = request_.output_tokens;
  row.priority = request_.priority;
  row.content = request_.content;
  row.tenant = spec_.classes.size() > 1 ? std::string_view(spec_.classes[request_.class_index].name)
                                        : std::string_view();
  if (request_.session != 0) {
    place(row);
  }
  return true;
}

void GeneratedTrace::place(TraceRow& row) {
  session_name_ = std::to_string(request_.session);
  row.session = session_name_;
  if (request_.tag == 0) {  // sent at its own time, whatever the answers do
    return;
  }
  const auto [found, is_new] = sessions_.try_emplace(request_.session);
  Session& session = found->second;
  if (!is_new && session.round != round_) {
    ++session.turn;
    session.delay = now_ - session.time;
  }
  session.time = now_;
  session.round = round_;
  row.turn = session.turn;
  row.delay = session.delay;
}

}  // namespace penstock
