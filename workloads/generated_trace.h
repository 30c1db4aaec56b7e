#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/request_source.h"
#include "sim/scenario.h"
#include "workloads/trace.h"

namespace penstock {

/// What a workload sends, as rows of a trace, in order of time.
///
/// Answers take no time here. Turns that follow answers carry their delay and the number of their
/// turn, so that a replay sends them after its own answers; requests of a session that go together
/// have the same number. Keeps some bytes for each session.
class GeneratedTrace {
 public:
  /// Both must outlive this.
  GeneratedTrace(const WorkloadSpec& spec, RequestSource& source);

  /// The next row; false at the end. Views in it hold until the next call.
  bool next(TraceRow& row);

 private:
  struct Session {
    SimTime time;             ///< of the latest turn
    std::uint64_t round = 0;  ///< in which it was sent
    std::int64_t turn = 0;
    SimTime delay = SimTime::never();
  };

  void place(TraceRow& row);

  const WorkloadSpec& spec_;
  RequestSource& source_;
  Request request_;
  std::string session_name_;
  std::vector<Departure> sent_;  // answered as time goes on
  SimTime now_;
  std::uint64_t round_ = 1;                              // of sending, between answers
  std::unordered_map<std::uint64_t, Session> sessions_;  // looked up only
};

}  // namespace penstock
