#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/core/assert.h"
#include "tests/support/workload_text.h"
#include "workloads/generator.h"

namespace penstock {
namespace {

using test::make_class;

ClassSpec with_process(ClassSpec spec, ArrivalSpec::Process process) {
  spec.arrivals.process = process;
  return spec;
}

ClassSpec closed_loop(std::int64_t clients, SimTime think = {}) {
  ClassSpec spec = with_process(make_class("loop", 0), ArrivalSpec::Process::closed_loop);
  spec.arrivals.concurrency = clients;
  spec.arrivals.think = think;
  return spec;
}

std::vector<std::int64_t> arrivals_of(const ClassSpec& spec, std::size_t count,
                                      std::uint64_t seed = 1) {
  GeneratedStream stream(spec, {.seed = seed});
  std::vector<std::int64_t> all;
  while (all.size() < count && stream.next_arrival() < SimTime::never()) {
    all.push_back(stream.pop().arrival.ps);
  }
  return all;
}

}  // namespace

TEST_CASE("Poisson arrivals have their rate, and gaps of an exponential's spread and shape") {
  constexpr std::size_t count = 200'000;
  constexpr double rate = 7;
  const auto arrivals = arrivals_of(make_class("chat", rate), count);
  REQUIRE(arrivals.size() == count);
  double sum = 0;
  double squares = 0;
  std::size_t above_mean = 0;
  std::int64_t previous = 0;
  for (const std::int64_t at : arrivals) {
    REQUIRE(at >= previous);
    const double gap = static_cast<double>(at - previous) / ps_per_s;
    previous = at;
    sum += gap;
    squares += gap * gap;
    above_mean += gap > 1 / rate ? 1 : 0;
  }
  const double mean = sum / count;
  const double cv = std::sqrt(squares / count - mean * mean) / mean;
  CHECK(std::abs(mean * rate - 1) < 4 / std::sqrt(static_cast<double>(count)));
  CHECK(std::abs(cv - 1) < 0.015);
  CHECK(std::abs(static_cast<double>(above_mean) / count - std::exp(-1.0)) < 0.0045);
}

TEST_CASE("constant arrivals start after one gap and never drift") {
  const auto two = with_process(make_class("x", 2), ArrivalSpec::Process::constant);
  CHECK(arrivals_of(two, 3) == std::vector<std::int64_t>{ps_per_s / 2, ps_per_s, 3 * ps_per_s / 2});
  const auto three = with_process(make_class("x", 3), ArrivalSpec::Process::constant);
  const auto arrivals = arrivals_of(three, 300'000);
  CHECK(arrivals[0] == 333'333'333'333);
  CHECK(arrivals[1] == 666'666'666'667);
  CHECK(arrivals[2] == ps_per_s);
  CHECK(arrivals[299'999] == 100'000 * ps_per_s);
}

TEST_CASE("open-loop arrivals end at 100 days") {
  const auto rare =
      with_process(make_class("x", 1.0 / (40 * 86'400)), ArrivalSpec::Process::constant);
  CHECK(arrivals_of(rare, 10).size() == 2);
  CHECK(arrivals_of(make_class("x", 1e-300), 10).empty());
  for (const std::int64_t at : arrivals_of(make_class("x", 1e-6), 1000)) {
    CHECK(at <= SimTime::max().ps);
  }
}

TEST_CASE("offline requests all arrive at 0, as many as given") {
  GeneratedStream stream(with_process(make_class("x", 0), ArrivalSpec::Process::offline),
                         {.requests = 3});
  for (int i = 0; i < 3; ++i) {
    CHECK(stream.next_arrival().ps == 0);
    stream.pop();
  }
  CHECK(stream.next_arrival() == SimTime::never());
}

TEST_CASE("a closed loop sends again one think time after each departure") {
  GeneratedStream stream(closed_loop(2, SimTime{5}), {});
  CHECK(stream.pop().arrival.ps == 0);
  CHECK(stream.pop().arrival.ps == 0);
  CHECK(stream.next_arrival() == SimTime::never());
  stream.on_departure({.at = SimTime{100}});
  CHECK(stream.next_arrival().ps == 105);
  stream.on_departure({.at = SimTime{103}});
  CHECK(stream.pop().arrival.ps == 105);
  CHECK(stream.pop().arrival.ps == 108);
  CHECK(stream.next_arrival() == SimTime::never());
}

TEST_CASE("clients that are served at one instant send again at that instant") {
  GeneratedStream stream(closed_loop(3), {});
  for (int i = 0; i < 3; ++i) {
    stream.pop();
  }
  for (int round = 1; round < 4; ++round) {
    for (int i = 0; i < 3; ++i) {
      stream.on_departure({.at = SimTime{round}});
    }
    for (int i = 0; i < 3; ++i) {
      CHECK(stream.pop().arrival.ps == round);
    }
    CHECK(stream.next_arrival() == SimTime::never());
  }
}

TEST_CASE("clients that are refused on the spot cannot stop the clock") {
  GeneratedStream stream(closed_loop(3), {.until = SimTime{10 * ps_per_s}});
  int sent = 0;
  while (stream.next_arrival() < SimTime::never()) {
    const Request request = stream.pop();
    stream.on_departure({.at = request.arrival});
    ++sent;
    REQUIRE(sent < 100);
  }
  CHECK(sent >= 30);
}

TEST_CASE("no request arrives at `until` or later") {
  const auto spec = with_process(make_class("x", 1), ArrivalSpec::Process::constant);
  GeneratedStream stream(spec, {.until = SimTime{3 * ps_per_s}});
  stream.pop();
  CHECK(stream.pop().arrival.ps == 2 * ps_per_s);
  CHECK(stream.next_arrival() == SimTime::never());
  CHECK_THROWS_AS(stream.pop(), InternalError);
}

TEST_CASE("generated requests are the same on every machine") {
  ClassSpec spec = make_class("chat", 11);
  spec.priority = -1;
  spec.input = test::make_length(LengthSpec::Kind::lognormal, 7, 1);
  spec.output = test::make_length(LengthSpec::Kind::uniform, 1, 1000);
  GeneratedStream stream(spec, {.class_index = 2, .seed = 1});
  std::string drawn;
  for (int i = 0; i < 6; ++i) {
    const Request r = stream.pop();
    CHECK(r.class_index == 2);
    CHECK(r.priority == -1);
    drawn += std::to_string(r.arrival.ps) + " " + std::to_string(r.input_tokens) + " " +
             std::to_string(r.output_tokens) + "\n";
  }
  // Also computed by a script of its own: SplitMix64, FNV-1a, xoshiro256++, inversion.
  CHECK(drawn ==
        "382436649580 7720 156\n445170167923 754 558\n663260745652 343 74\n"
        "772173288502 2205 31\n801554898762 946 954\n867314070299 447 475\n");
}

TEST_CASE("a seed changes arrivals, a name changes them too") {
  const auto first = arrivals_of(make_class("a", 1), 10);
  CHECK(first == arrivals_of(make_class("a", 1), 10));
  CHECK(first != arrivals_of(make_class("a", 1), 10, 2));
  CHECK(first != arrivals_of(make_class("b", 1), 10));
}

TEST_CASE("prompts come in turn, all groups' before one comes again, in the same order") {
  ClassSpec spec = make_class("bench", 5, 9);
  spec.prefix = {.shared = 6, .groups = 3, .prompts = 4};
  GeneratedStream stream(spec, {.seed = 2});
  std::vector<Content> round;
  std::map<std::uint64_t, int> groups;
  std::set<std::uint64_t> prompts;
  for (int i = 0; i < 12; ++i) {
    const Content content = stream.pop().content;
    REQUIRE(content.size() == 2);
    CHECK((content[0].first == 0 && content[0].tokens == 6));
    CHECK((content[1].first == 0 && content[1].tokens == 3));
    ++groups[content[0].stream];
    prompts.insert(content[1].stream);
    round.push_back(content);
  }
  CHECK(prompts.size() == 12);
  CHECK(groups.size() == 3);
  for (const auto& [group, count] : groups) {
    CHECK(count == 4);
    CHECK(prompts.count(group) == 0);
  }
  for (int i = 0; i < 24; ++i) {
    const Content content = stream.pop().content;
    CHECK(content[0].stream == round[static_cast<std::size_t>(i % 12)][0].stream);
    CHECK(content[1].stream == round[static_cast<std::size_t>(i % 12)][1].stream);
  }
  spec.input.a = 5;  // shorter than what is shared
  CHECK(GeneratedStream(spec, {.seed = 2}).pop().content.size() == 1);
}

TEST_CASE("rates and clients that config/ must refuse are bugs here, not endless loops") {
  const auto make = [](const ClassSpec& spec) { GeneratedStream(spec, {}); };
  CHECK_THROWS_AS(make(make_class("x", 0)), InternalError);
  CHECK_THROWS_AS(make(make_class("x", -1)), InternalError);
  CHECK_THROWS_AS(make(make_class("x", 1e13)), InternalError);
  CHECK_THROWS_AS(make(make_class("x", std::nan(""))), InternalError);
  CHECK_THROWS_AS(make(with_process(make_class("x", 0), ArrivalSpec::Process::constant)),
                  InternalError);
  CHECK_THROWS_AS(make(closed_loop(0)), InternalError);
}

}  // namespace penstock
