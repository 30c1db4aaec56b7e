#include <doctest/doctest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/simulation.h"
#include "tests/support/fixtures.h"
#include "workloads/source.h"

namespace penstock {
namespace {

/// Passes requests on and notes when each came and left.
class Watched final : public RequestSource {
 public:
  explicit Watched(RequestSource& source) : source_(source) {}

  struct Event {
    Request request;
    bool is_departure = false;
    SimTime at;
  };

  SimTime next_arrival() override { return source_.next_arrival(); }
  Request pop() override {
    Request request = source_.pop();
    events.push_back({request, false, request.arrival});
    return request;
  }
  void on_departure(const Departure& departure) override {
    Request left;
    left.tag = departure.tag;
    left.class_index = departure.class_index;
    events.push_back({left, true, departure.at});
    source_.on_departure(departure);
  }
  SimTime horizon() const override { return source_.horizon(); }

  std::vector<Event> events;

 private:
  RequestSource& source_;
};

LengthSpec between(double low, double high) {
  LengthSpec spec;
  spec.kind = LengthSpec::Kind::uniform;
  spec.a = low;
  spec.b = high;
  return spec;
}

Scenario talkative(std::uint64_t seed) {
  Scenario scenario = fixtures::constant_step_scenario(SimTime::from_seconds(0.02), 8);
  scenario.cluster.replicas = 2;
  scenario.engine.max_model_len = 3000;
  scenario.seed = seed;
  ClassSpec spec;
  spec.name = "talk";
  spec.rate = 1;
  spec.input = between(1, 900);
  spec.output = between(1, 60);
  SessionSpec sessions;
  sessions.turns = between(1, 9);
  sessions.think = between(0.5, 4);
  sessions.follow_up = between(1, 700);
  sessions.tool_share = 0.3;
  sessions.tool_delay = {};  // at once
  sessions.tool_result = between(1, 100);
  sessions.branch_share = 0.3;
  sessions.branch_count = between(1, 4);
  sessions.branch_input = between(1, 100);
  sessions.branch_output = between(1, 100);
  sessions.max_context = scenario.engine.max_model_len;
  spec.sessions = sessions;
  ClassSpec other;
  other.name = "other";
  other.rate = 1;
  other.input = between(1, 100);
  other.output = between(1, 20);
  scenario.workload = {};
  scenario.workload.duration = SimTime::from_seconds(200);
  scenario.workload.classes = {spec, other};
  return scenario;
}

}  // namespace

TEST_CASE("law: turns wait for the turn before, contexts grow by what was said, none too long") {
  std::size_t follow_ups = 0;
  std::size_t branches = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    const Scenario scenario = talkative(seed);
    const OpenedSource opened = open_source(scenario.workload, seed);
    REQUIRE(opened.source != nullptr);
    Watched source(*opened.source);
    const Result result = simulate(scenario, source);
    struct Talk {
      std::int64_t said = 0;  // prompts and answers of its turns
      std::int64_t in_flight = 0;
      SimTime last_departure;
    };
    std::map<std::uint64_t, Talk> talks;
    std::map<std::uint64_t, std::uint64_t> session_of;  // by tag
    for (const Watched::Event& event : source.events) {
      const Request& r = event.request;
      if (r.class_index == 1) {
        REQUIRE(r.tag == 0);
        continue;
      }
      if (event.is_departure) {
        Talk& talk = talks[session_of.at(r.tag)];
        --talk.in_flight;
        talk.last_departure = event.at;
        continue;
      }
      session_of[r.tag] = r.session;
      REQUIRE(r.input_tokens + r.output_tokens <= scenario.engine.max_model_len);
      Talk& talk = talks[r.session];
      if (talk.said > 0) {
        const bool is_branch = r.content.size() == 2;
        REQUIRE((is_branch || talk.in_flight == 0));
        REQUIRE(r.arrival >= talk.last_departure);
        REQUIRE(r.input_tokens > talk.said);
        REQUIRE(r.content[0].stream == r.session);
        (is_branch ? branches : follow_ups) += 1;
      }
      ++talk.in_flight;
      talk.said = r.content.size() == 2 ? talk.said : r.input_tokens + r.output_tokens;
    }
    for (const auto& [session, talk] : talks) {
      CHECK(talk.in_flight == 0);
    }
    CHECK(result.requests.size() * 2 == source.events.size());
  }
  CHECK(follow_ups > 1000);
  CHECK(branches > 300);
}

TEST_CASE("law: conversations end where their first turn is refused") {
  Scenario scenario = talkative(1);
  scenario.engine.max_model_len = 400;
  scenario.workload.classes[0].sessions->max_context = 400;
  const OpenedSource opened = open_source(scenario.workload, 1);
  const Result result = simulate(scenario, *opened.source);
  std::size_t rejected = 0;
  for (const RequestRecord& record : result.requests) {
    rejected += record.status == RequestStatus::rejected ? 1 : 0;
    CHECK(record.input_tokens > 0);
  }
  CHECK(rejected > 50);
  CHECK(rejected < 150);
}

}  // namespace penstock
