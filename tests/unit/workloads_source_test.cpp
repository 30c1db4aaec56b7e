#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "sim/core/units.h"
#include "tests/support/command.h"
#include "tests/support/workload_text.h"
#include "workloads/source.h"

namespace penstock {
namespace {

using test::make_class;
using Texts = std::vector<std::string>;

TraceSpec make_trace(std::string file, std::string path) {
  TraceSpec spec;
  spec.file = std::move(file);
  spec.path = std::move(path);
  return spec;
}

/// A trace with three requests, at 0, 1 and 2 s, in a file of its own.
class TraceFile {
 public:
  explicit TraceFile(const std::string& text =
                         "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:00:00,11,1\n"
                         "2023-11-16 18:00:01,12,1\n2023-11-16 18:00:02,13,1\n") {
    std::ofstream(path_, std::ios::binary) << text;
  }

  TraceSpec spec() const { return make_trace("dir/t.csv", path_.string()); }

 private:
  test::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "t.csv";
};

ClassSpec two_in_flight(ClassSpec spec, ArrivalSpec::Process process) {
  spec.arrivals.process = process;
  spec.arrivals.concurrency = 2;
  return spec;
}

WorkloadSpec workload(std::vector<ClassSpec> classes, std::uint64_t requests,
                      SimTime duration = {}) {
  WorkloadSpec spec;
  spec.classes = std::move(classes);
  spec.requests = requests;
  spec.duration = duration;
  return spec;
}

std::vector<Request> all_requests(const WorkloadSpec& spec, std::uint64_t seed = 1) {
  OpenedSource opened = open_source(spec, seed);
  REQUIRE(test::brief(opened.diagnostics) == Texts{});
  std::vector<Request> all;
  while (opened.source->next_arrival() < SimTime::never()) {
    const SimTime next = opened.source->next_arrival();
    all.push_back(opened.source->pop());
    REQUIRE(all.back().arrival == next);
    REQUIRE((all.size() < 2 || all[all.size() - 2].arrival <= next));
  }
  return all;
}

/// "class:arrival input output" of the requests of one class.
Texts of_class(const std::vector<Request>& requests, std::uint16_t index) {
  Texts texts;
  for (const Request& r : requests) {
    if (r.class_index == index) {
      texts.push_back(std::to_string(r.arrival.ps) + " " + std::to_string(r.input_tokens) + " " +
                      std::to_string(r.output_tokens));
    }
  }
  return texts;
}

/// The classes of the requests, in order.
std::string order(const std::vector<Request>& requests) {
  std::string text;
  for (const Request& r : requests) {
    text += std::to_string(r.class_index);
  }
  return text;
}

Texts errors_of(const WorkloadSpec& spec) {
  const OpenedSource opened = open_source(spec, 1);
  CHECK((opened.source == nullptr) == has_errors(opened.diagnostics));
  return test::brief(opened.diagnostics);
}

}  // namespace

TEST_CASE("adding a class changes no request of another") {
  ClassSpec chat = make_class("chat", 5);
  chat.input = test::make_length(LengthSpec::Kind::uniform, 1, 1'000'000);
  ClassSpec code = make_class("code", 3);
  code.output = chat.input;
  const SimTime hour{3600 * ps_per_s};
  const auto alone = all_requests(workload({chat}, 0, hour));
  const auto both = all_requests(workload({chat, code}, 0, hour));
  const auto swapped = all_requests(workload({code, chat}, 0, hour));
  CHECK(alone.size() > 17'000);
  CHECK(of_class(alone, 0) == of_class(both, 0));
  CHECK(of_class(alone, 0) == of_class(swapped, 1));
  CHECK(of_class(both, 1) == of_class(swapped, 0));
  CHECK(of_class(both, 1).size() > 10'000);
}

TEST_CASE("`requests` counts over all classes in order of arrival, `duration` bounds arrivals") {
  const auto constant = ArrivalSpec::Process::constant;
  const auto fast = two_in_flight(make_class("fast", 2), constant);
  const auto slow = two_in_flight(make_class("slow", 1), constant);
  // 0.5: fast; 1.0: both, slow's first before fast's second; and so on.
  CHECK(order(all_requests(workload({fast, slow}, 5))) == "01001");
  CHECK(order(all_requests(workload({fast, slow}, 0, SimTime{2 * ps_per_s}))) == "0100");
  CHECK(order(all_requests(workload({fast, slow}, 2, SimTime{2 * ps_per_s}))) == "01");
  CHECK(all_requests(workload({slow}, 0, SimTime{ps_per_s})).empty());
}

TEST_CASE("offline classes divide `requests` by their shares and mix evenly") {
  const auto offline = ArrivalSpec::Process::offline;
  auto a = two_in_flight(make_class("a", 0), offline);
  auto b = two_in_flight(make_class("b", 0), offline);
  const auto requests = all_requests(workload({a, b}, 5));
  CHECK(order(requests) == "01010");
  CHECK(requests.back().arrival.ps == 0);
  a.share = 0.75;
  b.share = 0.25;
  CHECK(order(all_requests(workload({a, b}, 8))) == "00100010");
  a.share = 1.0 / 3;
  b.share = 1.0 - a.share;
  CHECK(order(all_requests(workload({a, b}, 10))) == "1011011101");
  b.share = 0;
  CHECK(order(all_requests(workload({a, b}, 3))) == "000");
}

TEST_CASE("closed-loop classes react to their own departures, up to `requests`") {
  const auto loop = ArrivalSpec::Process::closed_loop;
  const auto a = two_in_flight(make_class("a", 0), loop);
  const auto b = two_in_flight(make_class("b", 0), loop);
  const OpenedSource opened = open_source(workload({a, b}, 6), 1);
  REQUIRE(opened.source != nullptr);
  RequestSource& source = *opened.source;
  CHECK(source.expected_requests() == 6);
  for (const int index : {0, 1, 0, 1}) {
    CHECK(source.pop().class_index == index);
  }
  CHECK(source.next_arrival() == SimTime::never());
  source.on_departure({.class_index = 1, .at = SimTime{7}});
  CHECK(source.next_arrival().ps == 7);
  CHECK(source.pop().class_index == 1);
  source.on_departure({.class_index = 0, .at = SimTime{9}});
  source.on_departure({.class_index = 1, .at = SimTime{9}});
  CHECK(source.next_arrival().ps == 9);
  CHECK(source.pop().class_index == 0);
  CHECK(source.next_arrival() == SimTime::never());
  source.on_departure({.class_index = 0, .at = SimTime{10}});
  CHECK(source.next_arrival() == SimTime::never());
}

TEST_CASE("a trace and classes come as one source, the workload's limits spare the trace") {
  const TraceFile file;
  ClassSpec chat = two_in_flight(make_class("chat", 2), ArrivalSpec::Process::constant);
  WorkloadSpec spec = workload({chat, ClassSpec{}}, 3, SimTime{100 * ps_per_s});
  spec.trace = file.spec();
  spec.trace_class = 1;
  const auto requests = all_requests(spec);
  CHECK(order(requests) == "100101");
  CHECK(of_class(requests, 1) == Texts{"0 11 1", std::to_string(ps_per_s) + " 12 1",
                                       std::to_string(2 * ps_per_s) + " 13 1"});
  const OpenedSource opened = open_source(spec, 1);
  CHECK(opened.rows == 3);
  CHECK(opened.source->expected_requests() == 6);
  CHECK(opened.source->horizon().ps == 100 * ps_per_s);
  CHECK(opened.description == "t.csv, 3 requests, 2 s; chat 2/s constant, 3 requests, 100 s");
}

TEST_CASE("a trace alone: departures do nothing, the description says what is replayed") {
  const TraceFile file;
  WorkloadSpec spec = workload({ClassSpec{}}, 0);
  spec.trace = file.spec();
  spec.trace->rate_scale = 2.5;
  spec.trace->requests = 2;
  spec.trace->format = "azure";
  OpenedSource opened = open_source(spec, 1);
  REQUIRE(opened.source != nullptr);
  CHECK(opened.description == "t.csv × 2.5, 2 requests, 0.4 s");
  CHECK(opened.rows == 2);
  opened.source->pop();
  opened.source->on_departure({.class_index = 0, .at = SimTime{5}});
  CHECK(opened.source->pop().arrival.ps == 400'000'000'000);
  CHECK(opened.source->next_arrival() == SimTime::never());
  CHECK(opened.source->expected_requests() == 2);
  CHECK(opened.source->horizon() == SimTime{});
}

TEST_CASE("progress is told from what is known") {
  const auto expected = [](const WorkloadSpec& spec) {
    return open_source(spec, 1).source->expected_requests();
  };
  const SimTime minute{60 * ps_per_s};
  const auto loop = two_in_flight(make_class("l", 0), ArrivalSpec::Process::closed_loop);
  CHECK(expected(workload({make_class("a", 5)}, 100)) == 100);
  CHECK(expected(workload({make_class("a", 5), make_class("b", 1)}, 0, minute)) == 360);
  CHECK(expected(workload({make_class("a", 5)}, 1000, minute)) == 300);
  CHECK(expected(workload({make_class("a", 5)}, 200, minute)) == 200);
  CHECK(expected(workload({loop}, 0, minute)) == 0);
  CHECK(expected(workload({loop, make_class("a", 5)}, 70, minute)) == 70);
}

TEST_CASE("the description names up to three classes") {
  const auto describe = [](const WorkloadSpec& spec) { return open_source(spec, 1).description; };
  const auto loop = two_in_flight(make_class("l", 0), ArrivalSpec::Process::closed_loop);
  const auto offline = two_in_flight(make_class("o", 0), ArrivalSpec::Process::offline);
  CHECK(describe(workload({make_class("chat", 11)}, 3000)) == "chat 11/s, 3,000 requests");
  CHECK(describe(workload({loop, make_class("a", 0.25)}, 0, SimTime{1800 * ps_per_s})) ==
        "l closed loop of 2 + a 0.25/s, 30 min");
  CHECK(describe(workload({offline}, 1)) == "o offline, 1 request");
  CHECK(describe(workload(
            {make_class("a", 1), make_class("b", 1), make_class("c", 1), make_class("d", 1)}, 0,
            SimTime{SimTime::max()})) == "4 classes, 100 days");
}

TEST_CASE("workloads that make no sense are refused, all errors at once") {
  const auto loop = two_in_flight(make_class("l", 0), ArrivalSpec::Process::closed_loop);
  const auto offline = two_in_flight(make_class("o", 0), ArrivalSpec::Process::offline);
  CHECK(errors_of(workload({}, 5)) == Texts{"the workload has neither a trace nor a class"});
  CHECK(errors_of(workload({make_class("a", 1)}, 0)) ==
        Texts{"generated traffic needs `workload.requests` or `workload.duration`"});
  CHECK(errors_of(workload({make_class("a", 0), make_class("b", 1e10)}, 5)) ==
        Texts{"class `a`: a rate of 0/s; it must be above 0 and at most 1e+09/s",
              "class `b`: a rate of 10000000000/s; it must be above 0 and at most 1e+09/s"});
  CHECK(errors_of(workload({offline}, 0, SimTime{5})) ==
        Texts{"class `o`: offline traffic needs `workload.requests`"});
  CHECK(errors_of(workload({offline, loop}, 1000)) ==
        Texts{"class `l` would get no request: the offline class `o` takes all 1,000 of "
              "`workload.requests` at time 0"});
  CHECK(errors_of(workload({make_class("a", 0.001)}, 10'000)) ==
        Texts{"10,000 requests at 0.001/s may take longer than the 100 days that a run can last"});
  CHECK(errors_of(workload({make_class("a", 0.001)}, 7000)) == Texts{});
}

TEST_CASE("errors of a trace come with those of the classes, and nothing runs") {
  const TraceFile file("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:00:00,-1,1\n");
  WorkloadSpec spec = workload({ClassSpec{}, make_class("a", -1)}, 5);
  spec.trace = file.spec();
  CHECK(errors_of(spec) ==
        Texts{"class `a`: a rate of -1/s; it must be above 0 and at most 1e+09/s",
              "dir/t.csv:2:21+2: ContextTokens `-1` is below 0"});
  spec.trace->format = "azzure";
  CHECK(errors_of(spec)[1] == "workload.trace.format: there is no trace format `azzure`");
}

TEST_CASE("a trace that is not there cannot be read") {
  WorkloadSpec spec = workload({ClassSpec{}}, 0);
  spec.trace = make_trace("gone.csv", "no/such/gone.csv");
  const OpenedSource opened = open_source(spec, 1);
  REQUIRE(opened.diagnostics.size() == 1);
  CHECK(opened.source == nullptr);
  CHECK(opened.diagnostics[0].kind == Diagnostic::Kind::io);
  CHECK(test::brief(opened.diagnostics[0]) ==
        "gone.csv: cannot read the trace: No such file or directory");
}

}  // namespace penstock
