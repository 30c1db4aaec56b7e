#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/workload_text.h"
#include "workloads/sessions.h"

namespace penstock {
namespace {

LengthSpec exactly(double value) {
  LengthSpec spec;
  spec.a = value;
  return spec;
}

/// One conversation a second: 4 turns, first 100 + 10 tokens, later 20 + 10, 5 s to think.
ClassSpec talk() {
  ClassSpec spec = test::make_class("talk", 1);
  spec.arrivals.process = ArrivalSpec::Process::constant;
  SessionSpec sessions;
  sessions.turns = exactly(4);
  sessions.think = exactly(5);
  sessions.follow_up = exactly(20);
  sessions.max_context = 100'000;
  spec.sessions = sessions;
  return spec;
}

/// The same, but one conversation in 1000 s.
ClassSpec rare_talk() {
  ClassSpec spec = talk();
  spec.rate = 0.001;
  return spec;
}

constexpr SimTime after(double seconds) { return SimTime::from_seconds(seconds); }

/// Serves every request in `service` seconds and returns all, in order of arrival.
std::vector<Request> serve(const ClassSpec& spec, SimTime until, double service,
                           std::uint64_t seed = 1) {
  SessionStream stream(spec, {.seed = seed, .until = until});
  std::vector<Request> all;
  std::multimap<SimTime, std::uint64_t> in_service;
  while (stream.next_arrival() < SimTime::never() || !in_service.empty()) {
    if (!in_service.empty() && in_service.begin()->first <= stream.next_arrival()) {
      const auto [at, tag] = *in_service.begin();
      in_service.erase(in_service.begin());
      stream.on_departure({.tag = tag, .at = at});
      continue;
    }
    all.push_back(stream.pop());
    REQUIRE((all.size() < 2 || all[all.size() - 2].arrival <= all.back().arrival));
    in_service.emplace(all.back().arrival + after(service), all.back().tag);
  }
  return all;
}

/// "arrival_s input+output" of a conversation.
std::string turns_of(const std::vector<Request>& requests, std::uint64_t session) {
  std::string text;
  for (const Request& r : requests) {
    if (r.session == session) {
      text += std::to_string(r.arrival.ps / ps_per_s) + " " + std::to_string(r.input_tokens) + "+" +
              std::to_string(r.output_tokens) + "; ";
    }
  }
  return text;
}

}  // namespace

TEST_CASE("a turn comes think time after the one before has finished, with all that was said") {
  const auto requests = serve(rare_talk(), after(1999), 2);
  REQUIRE(requests.size() == 4);
  CHECK(turns_of(requests, requests[0].session) ==
        "1000 100+10; 1007 130+10; 1014 160+10; 1021 190+10; ");
  for (const Request& r : requests) {
    REQUIRE(r.content.size() == 1);
    CHECK(r.content[0].stream == r.session);
    CHECK(r.content[0].first == 0);
    CHECK(r.content[0].tokens == r.input_tokens + r.output_tokens);
  }
}

TEST_CASE("conversations are many at a time, each with a token stream of its own") {
  const auto requests = serve(talk(), after(100.5), 2);
  std::map<std::uint64_t, int> turns;
  for (const Request& r : requests) {
    ++turns[r.session];
  }
  CHECK(turns.size() == 100);
  CHECK(turns.begin()->second == 4);
  CHECK(turns.count(0) == 0);
}

TEST_CASE("what a conversation says does not depend on how fast it is served") {
  ClassSpec spec = talk();
  spec.output = test::make_length(LengthSpec::Kind::uniform, 1, 1000);
  spec.sessions->turns = test::make_length(LengthSpec::Kind::uniform, 1, 9);
  spec.sessions->follow_up = test::make_length(LengthSpec::Kind::uniform, 1, 500);
  const auto lengths = [](const std::vector<Request>& requests) {
    std::map<std::uint64_t, std::vector<std::int64_t>> all;
    for (const Request& r : requests) {
      all[r.session].push_back(r.input_tokens);
      all[r.session].push_back(r.output_tokens);
    }
    return all;
  };
  const auto quick = serve(spec, after(20.5), 0.1);
  const auto more = serve(spec, after(40.5), 0.1);
  auto slow = lengths(serve(spec, after(400.5), 30));
  for (const auto& [session, turns] : lengths(more)) {
    const auto& same = slow[session];
    REQUIRE(same.size() >= 2);
    for (std::size_t i = 0; i < std::min(turns.size(), same.size()); ++i) {
      REQUIRE(turns[i] == same[i]);
    }
  }
  CHECK(quick.size() < more.size());
}

TEST_CASE("the first turn is always sent, one that would exceed max_context ends the session") {
  ClassSpec spec = rare_talk();
  spec.sessions->max_context = 170;
  const auto requests = serve(spec, after(1999), 2);
  CHECK(turns_of(requests, requests[0].session) == "1000 100+10; 1007 130+10; 1014 160+10; ");
  spec.sessions->max_context = 169;
  CHECK(serve(spec, after(1999), 2).size() == 2);
  spec.sessions->max_context = 50;
  CHECK(serve(spec, after(1999), 2).size() == 1);
}

TEST_CASE("a rejected turn ends its conversation, and its place is used again") {
  SessionStream stream(talk(), {.seed = 1});
  const Request first = stream.pop();
  stream.on_departure({.tag = first.tag, .at = first.arrival, .rejected = true});
  const Request second = stream.pop();
  CHECK(second.arrival == after(2));
  CHECK(second.session != first.session);
  CHECK(second.tag == first.tag);
  CHECK(second.input_tokens == 100);
}

TEST_CASE("tools answer after their own delay with their own tokens") {
  ClassSpec spec = talk();
  spec.rate = 1e-4;  // one at 10,000 s
  spec.sessions->turns = exactly(2000);
  spec.sessions->max_context = 1'000'000;
  spec.sessions->tool_share = 0.7;
  spec.sessions->tool_delay = exactly(1);
  spec.sessions->tool_result = exactly(300);
  const auto requests = serve(spec, after(19'000), 0);
  std::size_t tools = 0;
  std::size_t seen = 0;
  const Request* before = nullptr;
  for (const Request& r : requests) {
    if (r.session != requests[0].session) {
      continue;
    }
    if (before != nullptr) {
      const bool is_tool = r.arrival - before->arrival == after(1);
      tools += is_tool ? 1 : 0;
      ++seen;
      REQUIRE(r.input_tokens - before->input_tokens == 10 + (is_tool ? 300 : 20));
      REQUIRE((is_tool || r.arrival - before->arrival == after(5)));
    }
    before = &r;
    if (seen == 1500) {
      break;
    }
  }
  CHECK(static_cast<double>(tools) / static_cast<double>(seen) ==
        doctest::Approx(0.7).epsilon(0.06));
}

TEST_CASE("branches fork off the conversation, the next turn joins them") {
  ClassSpec spec = rare_talk();
  spec.sessions->turns = exactly(2);
  spec.sessions->branch_share = 1;
  spec.sessions->branch_count = exactly(3);
  spec.sessions->branch_input = exactly(7);
  spec.sessions->branch_output = exactly(50);
  const auto requests = serve(spec, after(1999), 2);
  // A turn at 1000 s, three branches as it ends at 1002 s, the last turn 5 s after they end.
  REQUIRE(requests.size() == 5);
  std::set<std::uint64_t> streams;
  for (std::size_t i = 1; i < 4; ++i) {
    const Request& branch = requests[i];
    CHECK(branch.arrival == after(1002));
    CHECK(branch.input_tokens == 117);
    CHECK(branch.output_tokens == 50);
    CHECK(branch.session == requests[0].session);
    REQUIRE(branch.content.size() == 2);
    CHECK(branch.content[0].stream == branch.session);
    CHECK(branch.content[0].tokens == 110);
    CHECK(branch.content[1].tokens == 57);
    streams.insert(branch.content[1].stream);
  }
  CHECK(streams.size() == 3);
  CHECK(requests[4].arrival == after(1009));
  CHECK(requests[4].input_tokens == 130);
  CHECK(requests[4].content.size() == 1);
  spec.sessions->max_context = 150;  // too little for a branch: it is left out
  CHECK(serve(spec, after(1999), 2).size() == 2);
}

TEST_CASE("a closed loop keeps so many conversations going, not requests") {
  ClassSpec spec = talk();
  spec.arrivals.process = ArrivalSpec::Process::closed_loop;
  spec.arrivals.concurrency = 2;
  spec.sessions->turns = exactly(2);
  const auto requests = serve(spec, after(20), 2);
  // Two at a time: 2 s, 5 s to think, 2 s, and the next conversation.
  std::vector<std::int64_t> seconds;
  for (const Request& r : requests) {
    seconds.push_back(r.arrival.ps / ps_per_s);
  }
  CHECK(seconds == std::vector<std::int64_t>{0, 0, 7, 7, 9, 9, 16, 16, 18, 18});
}

TEST_CASE("with a prefix, conversations begin with that of a group, and go on as without one") {
  ClassSpec spec = talk();
  const std::vector<Request> plain = serve(spec, after(60), 1);
  spec.prefix = {.shared = 40, .groups = 3};
  const std::vector<Request> shared = serve(spec, after(60), 1);
  REQUIRE(shared.size() == plain.size());
  std::map<std::uint64_t, std::uint64_t> group_of;
  std::set<std::uint64_t> groups;
  for (std::size_t i = 0; i < shared.size(); ++i) {
    const Request& request = shared[i];
    CHECK(request.arrival == plain[i].arrival);
    CHECK(request.input_tokens == plain[i].input_tokens);
    REQUIRE(request.content.size() == 2);
    const auto [group, first, tokens] = request.content[0];
    CHECK(first == 0);
    CHECK(tokens == 40);
    CHECK(group_of.try_emplace(request.session, group).first->second == group);
    groups.insert(group);
    CHECK(request.content[1].stream == request.session);
    CHECK(request.content[1].first == 0);
    CHECK(request.content[1].tokens == request.input_tokens + request.output_tokens - 40);
  }
  CHECK(groups.size() == 3);
  // A first turn that is shorter is all prefix.
  spec.prefix.shared = 1000;
  CHECK(serve(spec, after(3), 1)[0].content[0].tokens == 100);
}

}  // namespace penstock
