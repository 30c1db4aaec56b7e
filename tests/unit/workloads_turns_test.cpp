#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/workload_text.h"
#include "workloads/replay.h"

/// Turns of a trace that follow the answers before.
namespace penstock {
namespace {

constexpr SimTime at_second(double s) { return SimTime::from_seconds(s); }

/// Plays a trace whose answers take so many seconds; "input@seconds ..." of what is sent.
std::string played(const std::string& text, double answer_s, const TraceSpec& spec = {},
                   std::unique_ptr<ArrivalProcess> arrivals = nullptr,
                   std::int64_t refused_input = -1) {
  ErrorLog errors("t.csv");
  TraceSpec own = spec;
  own.has_arrivals = arrivals != nullptr;
  std::vector<std::string> notes;
  const ReplayTrace trace = load_replay(own, 1, TraceInput::of_text(text), errors, notes);
  CHECK(errors.empty());
  ReplayStream stream(own, trace, {}, 0, std::move(arrivals));
  std::vector<Departure> answers;  // in order of time
  std::string all;
  while (stream.next_arrival() < SimTime::never() || !answers.empty()) {
    if (!answers.empty() && answers.front().at <= stream.next_arrival()) {
      const Departure answer = answers.front();
      answers.erase(answers.begin());
      stream.on_departure(answer);
      continue;
    }
    const Request request = stream.pop();
    const bool is_refused = request.input_tokens == refused_input;
    const SimTime end = request.arrival + (is_refused ? SimTime{} : at_second(answer_s));
    const Departure answer{.tag = request.tag, .at = end, .rejected = is_refused};
    answers.insert(std::upper_bound(answers.begin(), answers.end(), answer,
                                    [](const auto& a, const auto& b) { return a.at < b.at; }),
                   answer);
    all += fmt::format("{}@{} ", request.input_tokens, request.arrival.seconds());
  }
  return all;
}

/// Two sessions of turns that follow answers, and a request alone.
const std::string turns_csv =
    "arrival_s,input_tokens,output_tokens,session_id,delay_s\n"
    "0,10,1,a,\n1,20,1,b,\n2,11,1,a,2\n3,21,1,b,2\n4,30,1,,\n5,12,1,a,3\n";

}  // namespace

TEST_CASE("turns with a delay come after the answers before them") {
  CHECK(played(turns_csv, 0) == "10@0 20@1 11@2 21@3 30@4 12@5 ");
  CHECK(played(turns_csv, 1) == "10@0 20@1 11@3 21@4 30@4 12@7 ");
  CHECK(played(turns_csv, 10) == "10@0 20@1 30@4 11@12 21@13 12@25 ");
  // Refused: the session ends.
  CHECK(played(turns_csv, 1, {}, nullptr, 11) == "10@0 20@1 11@3 21@4 30@4 ");
  // Everything is divided, delays too; what a cut leaves begins at its own time.
  TraceSpec spec;
  spec.rate_scale = 2;
  CHECK(played(turns_csv, 1, spec) == "10@0 20@0.5 11@2 30@2 21@2.5 12@4.5 ");
  spec = {};
  spec.start = at_second(2);
  CHECK(played(turns_csv, 1, spec) == "11@0 21@1 30@2 12@4 ");
}

TEST_CASE("turns of one number go together, and the next waits for all of them") {
  const std::string text =
      "time_s,input_tokens,output_tokens,session_id,delay_s,turn\n"
      "1,10,1,a,,0\n1,20,1,a,0,1\n1,21,1,a,0.5,1\n1,30,1,a,1,2\n";
  CHECK(played(text, 2) == "10@1 20@3 21@3.5 30@6.5 ");
}

TEST_CASE("an arrival process begins sessions, and its clients wait for their ends") {
  const std::string text =
      "input_tokens,output_tokens,session_id,delay_s\n"
      "10,1,a,\n11,1,a,1\n12,1,a,1\n20,1,b,\n21,1,b,0\n30,1,,\n";
  ClassSpec one;
  one.arrivals.process = ArrivalSpec::Process::constant;
  one.rate = 1;
  CHECK(played(text, 2, {}, make_arrivals(one, 1, 6)) == "10@1 20@2 30@3 11@4 21@4 12@7 ");
  one.arrivals.process = ArrivalSpec::Process::closed_loop;
  one.arrivals.concurrency = 1;
  CHECK(played(text, 2, {}, make_arrivals(one, 1, 6)) == "10@0 11@3 12@6 20@8 21@10 30@12 ");
}

}  // namespace penstock
