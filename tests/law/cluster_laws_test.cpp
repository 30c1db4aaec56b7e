#include <doctest/doctest.h>

#include "sim/cluster/router.h"
#include "sim/core/rng.h"
#include "tests/support/random_load.h"

/// Laws of the cluster: routers, stopping early, determinism.
namespace penstock {

namespace {

std::vector<Request> load(double rate, int count) {
  Rng rng(3, "cluster_laws");
  std::vector<Request> requests;
  double now = 0;
  for (int i = 0; i < count; ++i) {
    now += rng.exponential(1 / rate);
    const auto input = static_cast<std::int64_t>(1 + rng.below(400));
    const auto output = static_cast<std::int64_t>(1 + rng.below(100));
    requests.push_back(probe::request(now, input, output));
  }
  return requests;
}

constexpr probe::LinearStep linear_step{
    .base = 8'000'000'000, .per_token = 20'000'000, .per_kv = 30'000};

Result run(const Scenario& scenario, const std::vector<Request>& requests) {
  SimulationOptions options;
  options.make_model = [] { return probe::make_linear_model(linear_step); };
  probe::ListSource source(requests);
  return simulate(scenario, source, options);
}

Scenario cluster(RouterKind router, int replicas) {
  Scenario scenario = probe::scenario({.max_num_batched_tokens = 512, .max_num_seqs = 32});
  scenario.cluster.router = router;
  scenario.cluster.replicas = replicas;
  return scenario;
}

double mean_latency(const Result& result) {
  double sum = 0;
  for (const RequestRecord& r : result.requests) {
    sum += (r.finish - r.arrival).seconds();
  }
  return sum / static_cast<double>(result.requests.size());
}

}  // namespace

TEST_CASE("7.2-28: the same input gives the same result") {
  for (const RouterEntry& router : routers) {
    const auto requests = load(30, 2000);
    CHECK(probe::fingerprint(run(cluster(router.kind, 3), requests)) ==
          probe::fingerprint(run(cluster(router.kind, 3), requests)));
  }
}

TEST_CASE("7.2-32: one replica behind any router is no router") {
  const auto requests = load(10, 1000);
  const std::string want = probe::fingerprint(run(cluster(RouterKind::round_robin, 1), requests));
  for (const RouterEntry& router : routers) {
    CHECK(probe::fingerprint(run(cluster(router.kind, 1), requests)) == want);
  }
}

TEST_CASE("7.2-32: round robin over R replicas is R simulations of every R-th request") {
  const auto requests = load(20, 900);
  const Result together = run(cluster(RouterKind::round_robin, 3), requests);
  for (std::size_t r = 0; r < 3; ++r) {
    std::vector<Request> own;
    for (std::size_t i = r; i < requests.size(); i += 3) {
      own.push_back(requests[i]);
    }
    const Result alone = run(cluster(RouterKind::round_robin, 1), own);
    for (std::size_t i = 0; i < own.size(); ++i) {
      REQUIRE(alone.requests[i].finish == together.requests[3 * i + r].finish);
      REQUIRE(alone.requests[i].busy_ps == together.requests[3 * i + r].busy_ps);
    }
  }
}

TEST_CASE(
    "8.2-13: least outstanding waits no longer than round robin, that no longer than random") {
  const auto requests = load(40, 8000);
  const double least = mean_latency(run(cluster(RouterKind::least_outstanding, 4), requests));
  const double two = mean_latency(run(cluster(RouterKind::power_of_two, 4), requests));
  const double turns = mean_latency(run(cluster(RouterKind::round_robin, 4), requests));
  const double random = mean_latency(run(cluster(RouterKind::random, 4), requests));
  CHECK(least <= turns * 1.01);
  CHECK(turns <= random);
  CHECK(two <= random);
}

TEST_CASE("stopping early leaves requests running or queued, and the bill adds up") {
  const auto requests = load(40, 2000);
  for (const double until : {0.5, 3.0, 11.0}) {
    for (const bool async : {false, true}) {
      Scenario scenario = cluster(RouterKind::least_outstanding, 2);
      scenario.engine.async_scheduling = async;
      scenario.until = SimTime::from_seconds(until);
      const Result result = run(scenario, requests);
      CHECK(result.stop == StopReason::until);
      CHECK(result.duration >= scenario.until);
      CHECK(result.duration.seconds() < until + 1);
      std::uint64_t completed = 0;
      std::int64_t emitted = 0;
      std::int64_t computed = 0;
      for (const RequestRecord& r : result.requests) {
        CHECK(r.arrival < scenario.until);
        completed += r.status == RequestStatus::completed ? 1 : 0;
        emitted += r.output_tokens;
        computed += r.status == RequestStatus::completed ? r.input_tokens : r.computed_input_tokens;
        CHECK((r.output_tokens > 0) == (r.first_token >= SimTime{}));
      }
      CHECK(completed < result.requests.size());
      CHECK(emitted == result.ledger.classes[0].output_tokens);
      CHECK(computed == result.ledger.classes[0].input_tokens);
      std::int64_t rows = 0;
      for (const ReplicaResult& replica : result.replicas) {
        rows += replica.total.rows;
      }
      CHECK(emitted == rows);
    }
  }
}

TEST_CASE("an interrupt keeps what is complete") {
  const auto requests = load(40, 20'000);
  SimulationOptions options;
  options.make_model = [] { return probe::make_linear_model(linear_step); };
  probe::ListSource source(requests);
  int calls = 0;
  const Result result = simulate(cluster(RouterKind::round_robin, 2), source, options,
                                 [&](const Progress&) { return ++calls < 2; });
  CHECK(result.stop == StopReason::interrupted);
  CHECK(result.requests.size() < requests.size());
  CHECK(result.requests.front().status == RequestStatus::completed);
}

TEST_CASE("an empty workload is all idle") {
  const Result result = run(cluster(RouterKind::random, 2), {});
  CHECK(result.requests.empty());
  CHECK(result.duration == SimTime{});
}

}  // namespace penstock
