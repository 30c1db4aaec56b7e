#include <doctest/doctest.h>

#include <string>
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

/// "input@milliseconds ..." of what is kept.
std::string kept(const Cuts& cuts) {
  ErrorLog errors("t.csv");
  const ReplayTrace trace = load_replay(cuts.spec(), LineReader(six_rows), errors);
  CHECK(test::brief(errors.diagnostics()) == Texts{});
  CHECK(trace.rows_in_file == 6);
  CHECK(trace.span_of_file.ps == 10 * ps_per_s);
  std::string text;
  for (const ReplayTrace::Row& row : trace.rows) {
    CHECK(row.arrival.ps % 1'000'000'000 == 0);
    text += std::to_string(row.input_tokens) + "@" +
            std::to_string(row.arrival.ps / 1'000'000'000) + " ";
  }
  return text;
}

Texts errors_of(const Cuts& cuts) {
  ErrorLog errors("t.csv");
  load_replay(cuts.spec(), LineReader(six_rows), errors);
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
  ErrorLog errors("t.csv");
  load_replay({}, LineReader("TIMESTAMP,ContextTokens,GeneratedTokens\n\n"), errors);
  CHECK(test::brief(errors.diagnostics()) == Texts{"t.csv: the trace has a header and no rows"});
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
  ReplayStream stream(load_replay(Cuts{.requests = 2}.spec(), LineReader(six_rows), errors), spec,
                      5);
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

TEST_CASE("Azure's conversation trace of 2023 is read to the last row") {
  const auto file = test::shared_data("data/traces/AzureLLMInferenceTrace_conv.csv");
  if (!file) {
    return test::skip_without_shared_data();
  }
  ErrorLog errors("conv.csv");
  const ReplayTrace trace = load_replay({}, LineReader(open_file(file->string())), errors);
  CHECK(test::brief(errors.diagnostics()) == Texts{});
  REQUIRE(trace.rows.size() == 19'366);
  std::int64_t input = 0;
  std::int64_t output = 0;
  for (const ReplayTrace::Row& row : trace.rows) {
    input += row.input_tokens;
    output += row.output_tokens;
  }
  CHECK(input == 22'361'870);
  CHECK(output == 4'088'665);
  CHECK(trace.rows.front().arrival.ps == 0);
  CHECK(trace.rows[1].arrival.ps == 4'314'579'000'000);
  CHECK(trace.rows.back().arrival.ps == 3'501'721'937'000'000);
  CHECK(trace.span_of_file == trace.rows.back().arrival);

  const Cuts cuts{.start = 60, .duration = 600, .rate_scale = 2};
  const ReplayTrace part = load_replay(cuts.spec(), LineReader(open_file(file->string())), errors);
  CHECK(errors.empty());
  CHECK(part.rows.size() < 4000);
  CHECK(part.rows.back().arrival < seconds(300));
  CHECK(part.rows_in_file == 19'366);
}

}  // namespace penstock
