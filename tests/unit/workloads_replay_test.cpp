#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "sim/core/units.h"
#include "tests/support/shared.h"
#include "tests/support/workload_text.h"
#include "workloads/exact.h"
#include "workloads/replay.h"

namespace penstock {
namespace {

using Texts = std::vector<std::string>;

/// Rows at 0, 1, 2.5, 4, 4 and 10 s; the n-th has an input of n tokens.
const std::string six_rows =
    "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    "2023-11-16 23:59:58,1,7\n"
    "2023-11-16 23:59:59,2,7\n"
    "2023-11-17 00:00:00.5,3,7\n"
    "2023-11-17 00:00:02,4,7\n"
    "2023-11-17 00:00:02,5,7\n"
    "2023-11-17 00:00:08,6,7\n";

constexpr SimTime seconds(double s) { return SimTime::from_seconds(s); }

/// The cuts of a trace, in the trace's own seconds.
struct Cuts {
  double start = 0;
  double duration = -1;  ///< below 0: none
  std::uint64_t requests = UINT64_MAX;
  double rate_scale = 1;

  TraceSpec spec() const {
    TraceSpec all;
    all.start = seconds(start);
    all.duration = duration < 0 ? SimTime::never() : seconds(duration);
    all.requests = requests;
    all.rate_scale = rate_scale;
    return all;
  }
};

ReplayTrace load(const TraceSpec& spec, std::string text, ErrorLog& errors) {
  std::vector<std::string> notes;
  return load_replay(spec, 1, TraceInput::of_text(std::move(text)), errors, notes);
}

/// "input@milliseconds ..." of what is kept.
std::string kept(const Cuts& cuts, const std::string& text = six_rows) {
  ErrorLog errors("t.csv");
  const TraceSpec spec = cuts.spec();
  const ReplayTrace trace = load(spec, text, errors);
  CHECK(test::brief(errors.diagnostics()) == Texts{});
  CHECK(trace.scan.rows == 6);
  CHECK((trace.scan.latest - trace.scan.earliest).ps == 10 * ps_per_s);
  ReplayStream stream(spec, trace, {}, 0, nullptr);
  std::string all;
  std::uint64_t requests = 0;
  for (SimTime last; stream.next_arrival() < SimTime::never(); ++requests) {
    const Request request = stream.pop();
    CHECK(request.arrival.ps % 1'000'000'000 == 0);
    CHECK(request.arrival >= last);
    last = request.arrival;
    CHECK((requests + 1 < trace.requests || last == trace.last));
    all += std::to_string(request.input_tokens) + "@" +
           std::to_string(request.arrival.ps / 1'000'000'000) + " ";
  }
  CHECK(requests == trace.requests);
  return all;
}

Texts errors_of(const Cuts& cuts, const std::string& text = six_rows) {
  ErrorLog errors("t.csv");
  load(cuts.spec(), text, errors);
  Texts texts = test::brief(errors.diagnostics());
  for (const Diagnostic& d : errors.diagnostics()) {
    texts.insert(texts.end(), d.notes.begin(), d.notes.end());
  }
  return texts;
}

}  // namespace

TEST_CASE("a trace without cuts is replayed as it is") {
  CHECK(kept({}) == "1@0 2@1000 3@2500 4@4000 5@4000 6@10000 ");
}

TEST_CASE("a window keeps its start and leaves out its end, and becomes time 0") {
  CHECK(kept({.start = 1}) == "2@0 3@1500 4@3000 5@3000 6@9000 ");
  CHECK(kept({.start = 0.5}) == "2@500 3@2000 4@3500 5@3500 6@9500 ");
  CHECK(kept({.duration = 4}) == "1@0 2@1000 3@2500 ");
  CHECK(kept({.start = 2, .duration = 2.001}) == "3@500 4@2000 5@2000 ");
  CHECK(kept({.start = 10}) == "6@0 ");
}

TEST_CASE("requests are counted inside the window, and times divided last") {
  CHECK(kept({.requests = 4}) == "1@0 2@1000 3@2500 4@4000 ");
  CHECK(kept({.start = 2, .requests = 2}) == "3@500 4@2000 ");
  CHECK(kept({.rate_scale = 2}) == "1@0 2@500 3@1250 4@2000 5@2000 6@5000 ");
  CHECK(kept({.start = 2, .duration = 3, .requests = 2, .rate_scale = 0.5}) == "3@1000 4@4000 ");
}

TEST_CASE("a window without requests is an error that shows the trace's span") {
  CHECK(errors_of({.start = 11}) ==
        Texts{"t.csv: no request is left of the trace after the cuts: start 11 s",
              "the trace has 6 requests, from 0 to 10 s"});
  CHECK(errors_of({.start = 5, .duration = 5}) ==
        Texts{"t.csv: no request is left of the trace after the cuts: start 5 s duration 5 s",
              "the trace has 6 requests, from 0 to 10 s"});
  CHECK(errors_of({.requests = 0}) ==
        Texts{"t.csv: no request is left of the trace after the cuts: requests 0",
              "the trace has 6 requests, from 0 to 10 s"});
}

TEST_CASE("a trace stretched beyond 100 days is an error") {
  CHECK(errors_of({.rate_scale = 1e-7}) ==
        Texts{"t.csv: the trace spans 10 s: divided by a rate_scale of 1e-07 it is longer than the "
              "100 days that a run can last"});
  CHECK(errors_of({.rate_scale = 1e-300}).size() == 1);
  CHECK(errors_of({.rate_scale = 1.2e-6}).empty());
}

TEST_CASE("a trace without rows is an error") {
  CHECK(errors_of({}, "TIMESTAMP,ContextTokens,GeneratedTokens\n\n") ==
        Texts{"t.csv: the trace has no rows"});
  CHECK(errors_of({}, "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 23:59:58,0,1\n") ==
        Texts{"t.csv: the trace has no rows with input and output tokens"});
}

TEST_CASE("times are divided exactly, halves up") {
  CHECK(divide_rounded(7, 2) == 4);
  CHECK(divide_rounded(5, 2) == 3);
  CHECK(divide_rounded(10, 3) == 3);
  CHECK(divide_rounded(11, 3) == 4);
  CHECK(divide_rounded(3, 0.5) == 6);
  CHECK(divide_rounded(0, 1e-300) == 0);
  CHECK(divide_rounded(1, 1e300) == 0);
  CHECK(divide_rounded(Int128{INT64_MAX}, 1) == INT64_MAX);
  // 0.1 as a double is 0.1000000000000000055511151231257827...
  CHECK(divide_rounded(1'000'000'000'000'000'000 / 10, 0.1) == 999'999'999'999'999'944);
  // The same with 1.1 = 1.100000000000000088817841970012523...
  CHECK(divide_rounded(8'640'000'000'000'000'000, 1.1) == 7'854'545'454'545'453'911);
}

TEST_CASE("division keeps the order of times") {
  for (const double scale : {0.3, 1.7, 3.0, 1e6, 123.456}) {
    std::int64_t previous = 0;
    for (std::int64_t t = 0; t < 3000; ++t) {
      const std::int64_t scaled = divide_rounded(t, scale);
      CHECK(scaled >= previous);
      previous = scaled;
    }
  }
}

TEST_CASE("a replayed trace gives its rows as requests of its class") {
  ErrorLog errors("t.csv");
  ClassSpec spec;
  spec.priority = 3;
  const TraceSpec two = Cuts{.requests = 2}.spec();
  ReplayStream stream(two, load(two, six_rows, errors), spec, 5, nullptr);
  CHECK(stream.next_arrival().ps == 0);
  CHECK(stream.pop().input_tokens == 1);
  CHECK(stream.next_arrival().ps == ps_per_s);
  const Request second = stream.pop();
  CHECK(second.arrival.ps == ps_per_s);
  CHECK(second.input_tokens == 2);
  CHECK(second.output_tokens == 7);
  CHECK(second.priority == 3);
  CHECK(second.class_index == 5);
  CHECK(stream.next_arrival() == SimTime::never());
}

TEST_CASE("rows out of order are replayed in order, from the earliest on") {
  std::string shuffled = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
  for (const char* row :
       {"2023-11-17 00:00:02,4,7", "2023-11-16 23:59:58,1,7", "2023-11-17 00:00:08,6,7",
        "2023-11-17 00:00:00.5,3,7", "2023-11-17 00:00:02,5,7", "2023-11-16 23:59:59,2,7"}) {
    shuffled += std::string(row) + "\n";
  }
  CHECK(kept({}, shuffled) == "1@0 2@1000 3@2500 4@4000 5@4000 6@10000 ");
  CHECK(kept({.start = 2, .duration = 3, .requests = 2}, shuffled) == "3@500 4@2000 ");
  ErrorLog errors("t.csv");
  std::vector<std::string> notes;
  load_replay({}, 1, TraceInput::of_text(shuffled), errors, notes);
  CHECK(notes == Texts{"4 rows out of order, by 9 s at most: sorted by time"});
}

TEST_CASE("a trace without times needs arrivals, and takes those of any process") {
  const std::string lengths = "num_prefill_tokens,num_decode_tokens\n5,1\n6,2\n7,3\n";
  CHECK(errors_of({}, lengths) ==
        Texts{"t.csv: the trace has no times: it says how long requests are, not when they come",
              "give `workload.trace.rate`, such as rate: 5/s (Poisson arrivals), or "
              "`workload.trace.arrivals`, such as arrivals: {process: offline}"});
  ErrorLog errors("t.csv");
  TraceSpec spec = Cuts{.requests = 2}.spec();
  spec.has_arrivals = true;
  ClassSpec constant;
  constant.rate = 2;
  constant.arrivals.process = ArrivalSpec::Process::constant;
  const ReplayTrace trace = load(spec, lengths, errors);
  CHECK(errors.empty());
  ReplayStream stream(spec, trace, constant, 0, make_arrivals(constant, 1, 2));
  CHECK(stream.pop().arrival.ps == ps_per_s / 2);
  const Request second = stream.pop();
  CHECK(second.arrival.ps == ps_per_s);
  CHECK(second.input_tokens == 6);
  CHECK(stream.next_arrival() == SimTime::never());
  spec.start = seconds(1);
  load(spec, lengths, errors);
  CHECK(test::brief(errors.diagnostics()) ==
        Texts{"t.csv: the trace has no times, so that `start` and `duration` cannot cut it"});
}

TEST_CASE("rows that cannot be read are left out where that is asked for") {
  const std::string text =
      "arrival_s,input_tokens,output_tokens\n0,5,1\nx,5,1\n1,5,1\n1,5,1\n2,0,1\n";
  CHECK(errors_of({}, text).front() == "t.csv:3:1+1: arrival_s `x` cannot be read (no number)");
  TraceSpec spec;
  spec.skip_bad_rows = true;
  ErrorLog errors("t.csv");
  std::vector<std::string> notes;
  const ReplayTrace trace = load_replay(spec, 1, TraceInput::of_text(text), errors, notes);
  CHECK(errors.empty());
  CHECK(trace.requests == 3);
  CHECK(notes ==
        Texts{"1 row cannot be read and is left out; the first, line 3: arrival_s `x` cannot be "
              "read",
              "1 row without input or output tokens is left out",
              "1 row equal to another of the same instant, kept"});
}

TEST_CASE("hash ids and shared prefixes say what a request's tokens are") {
  ErrorLog errors("t");
  const TraceSpec spec;
  const ReplayTrace blocks = load(
      spec, R"({"timestamp": 0, "input_length": 700, "output_length": 9, "hash_ids": [4, 5, 6]})",
      errors);
  ReplayStream stream(spec, blocks, {}, 0, nullptr);
  const Request request = stream.pop();
  REQUIRE(request.content.size() == 2);  // a third block would lie beyond the input
  CHECK(request.content[0].tokens == 512);
  CHECK(request.content[1].tokens == 700 - 512);
  CHECK(request.content[0].stream != request.content[1].stream);
  CHECK(request.session == 0);
  const ReplayTrace prefix = load(spec,
                                  "arrival_time_us,input_tokens,output_tokens,prefix_group,"
                                  "prefix_length,session_id\n0,10,1,a,30,s\n0,10,1,a,20,s\n",
                                  errors);
  ReplayStream other(spec, prefix, {}, 0, nullptr);
  const Request first = other.pop();
  const Request second = other.pop();
  CHECK(first.input_tokens == 40);
  REQUIRE(first.content.size() == 1);
  CHECK(first.content[0].tokens == 30);
  CHECK(first.content[0].stream == second.content[0].stream);
  CHECK(first.session == second.session);
  CHECK(first.session != 0);
}

TEST_CASE("Azure's conversation trace of 2023 is read to the last row") {
  const auto file = test::shared_data("data/traces/AzureLLMInferenceTrace_conv.csv");
  if (!file) {
    return test::skip_without_shared_data();
  }
  ErrorLog errors("conv.csv");
  std::vector<std::string> notes;
  const TraceInput conv(file->string());
  const ReplayTrace trace = load_replay({}, 1, conv, errors, notes);
  CHECK(test::brief(errors.diagnostics()) == Texts{});
  CHECK(notes.empty());
  REQUIRE(trace.requests == 19'366);
  CHECK(trace.last.ps == 3'501'721'937'000'000);
  std::int64_t input = 0;
  std::int64_t output = 0;
  ReplayStream stream({}, trace, {}, 0, nullptr);
  CHECK(stream.pop().arrival.ps == 0);
  CHECK(stream.next_arrival().ps == 4'314'579'000'000);
  while (stream.next_arrival() < SimTime::never()) {
    const Request request = stream.pop();
    input += request.input_tokens;
    output += request.output_tokens;
  }
  CHECK(input == 22'361'870 - 374);
  CHECK(output == 4'088'665 - 44);

  const Cuts cuts{.start = 60, .duration = 600, .rate_scale = 2};
  const ReplayTrace part = load_replay(cuts.spec(), 1, conv, errors, notes);
  CHECK(errors.empty());
  CHECK(part.requests < 4000);
  CHECK(part.last < seconds(300));
  CHECK(part.scan.rows == 19'366);
}

TEST_CASE("thinning keeps about its share, sessions whole, the same for the same seed") {
  std::string text = "arrival_s,input_tokens,output_tokens,session_id\n";
  for (int i = 0; i < 4000; ++i) {
    const std::string session = i < 2000 ? std::to_string(i % 500) : "";
    text += std::to_string(i) + "," + std::to_string(i + 1) + ",1," + session + "\n";
  }
  const auto thinned = [&text](double share, std::uint64_t seed, std::uint64_t most) {
    TraceSpec spec;
    spec.thin = share;
    spec.requests = most;
    spec.rate_scale = 2;
    ErrorLog errors("t.csv");
    std::vector<std::string> notes;
    const ReplayTrace trace = load_replay(spec, seed, TraceInput::of_text(text), errors, notes);
    CHECK(errors.empty());
    ReplayStream stream(spec, trace, {}, 0, nullptr);
    std::vector<std::int64_t> inputs;
    while (stream.next_arrival() < SimTime::never()) {
      const Request request = stream.pop();
      CHECK(request.arrival == seconds(static_cast<double>(request.input_tokens - 1) / 2));
      inputs.push_back(request.input_tokens);
    }
    CHECK(inputs.size() == trace.requests);
    return inputs;
  };
  const auto kept_rows = thinned(0.25, 1, UINT64_MAX);
  CHECK(std::abs(static_cast<int>(kept_rows.size()) - 1000) < 120);
  CHECK(thinned(0.25, 1, UINT64_MAX) == kept_rows);
  CHECK(thinned(0.25, 2, UINT64_MAX) != kept_rows);
  CHECK(thinned(1, 1, UINT64_MAX).size() == 4000);
  std::vector<int> of_session(500);
  for (const std::int64_t row : kept_rows) {
    if (row <= 2000) {
      ++of_session[static_cast<std::size_t>((row - 1) % 500)];
    }
  }
  CHECK(std::all_of(of_session.begin(), of_session.end(),
                    [](int rows) { return rows == 0 || rows == 4; }));
  const auto first = thinned(0.25, 1, 10);
  CHECK(first == std::vector(kept_rows.begin(), kept_rows.begin() + 10));
}

}  // namespace penstock
