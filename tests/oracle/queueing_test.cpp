#include <doctest/doctest.h>

#include "sim/core/rng.h"
#include "tests/support/engine_probe.h"

/// Closed forms of queueing theory (scheduler-semantics §8.2) with constant steps.
namespace penstock {

namespace {

std::vector<Request> poisson(double rate, std::int64_t input, std::int64_t output, int count) {
  Rng rng(7, "queueing");
  std::vector<Request> requests;
  double now = 0;
  for (int i = 0; i < count; ++i) {
    now += rng.exponential(1 / rate);
    requests.push_back(probe::request(now, input, output));
  }
  return requests;
}

probe::LinearStep constant(double seconds) {
  return {.base = SimTime::from_seconds(seconds).ps, .per_token = 0, .per_kv = 0};
}

/// Clients that send their next request as soon as the last one completes.
class Clients final : public RequestSource {
 public:
  Clients(int clients, std::int64_t input, std::int64_t output, int count)
      : ready_(clients), left_(count), input_(input), output_(output) {}
  SimTime next_arrival() override { return ready_ > 0 && left_ > 0 ? now_ : SimTime::never(); }
  Request pop() override {
    --ready_;
    --left_;
    return {.arrival = now_, .input_tokens = input_, .output_tokens = output_};
  }
  void on_departure(const Departure& departure) override {
    now_ = departure.at;
    ++ready_;
  }

 private:
  int ready_;
  int left_;
  std::int64_t input_;
  std::int64_t output_;
  SimTime now_;
};

Result run_clients(Clients& clients, const probe::EngineLimits& limits,
                   const probe::LinearStep& step) {
  SimulationOptions options;
  options.make_model = [&] { return probe::make_linear_model(step); };
  return simulate(probe::scenario(limits), clients, options);
}

}  // namespace

TEST_CASE("8.2-3: M/D/1 mean wait") {
  const double c = 0.01;
  const double service = 20 * c;
  const double rho = 0.7;
  const auto probe = probe::run(probe::scenario({.max_num_seqs = 1}),
                                poisson(rho / service, 10, 20, 60'000), constant(c));
  double wait = 0;
  for (const RequestRecord& r : probe.result.requests) {
    wait += (r.first_scheduled - r.arrival).seconds();
  }
  wait /= static_cast<double>(probe.result.requests.size());
  const double want = rho * service / (2 * (1 - rho));
  CHECK(wait == doctest::Approx(want).epsilon(0.06));  // about three standard errors
}

TEST_CASE("8.2-4: with ample limits every request takes between G and G + 1 steps") {
  const double c = 1;
  const std::int64_t output = 5;
  const auto probe = probe::run(probe::scenario({}), poisson(3, 10, output, 20'000), constant(c));
  double mean = 0;
  for (const RequestRecord& r : probe.result.requests) {
    const std::int64_t e2e = (r.finish - r.arrival).ps;
    REQUIRE(e2e >= output * constant(c).base);
    REQUIRE(e2e < (output + 1) * constant(c).base);
    mean += (r.finish - r.arrival).seconds();
  }
  mean /= static_cast<double>(probe.result.requests.size());
  CHECK(mean == doctest::Approx(static_cast<double>(output) + 0.5).epsilon(0.01));
}

TEST_CASE("8.2-6: closed-loop throughput N / (G a + b N (P + G - 1))") {
  const probe::LinearStep step{.base = 10'000'000'000, .per_token = 50'000'000};
  const int n = 8;
  const std::int64_t input = 100;
  const std::int64_t output = 20;
  Clients clients(n, input, output, 40'000);
  const Result result = run_clients(clients, {}, step);
  const double want = n / (static_cast<double>(output * step.base) * 1e-12 +
                           static_cast<double>(step.per_token * n * (input + output - 1)) * 1e-12);
  CHECK(40'000 / result.duration.seconds() == doctest::Approx(want).epsilon(0.002));
}

TEST_CASE("8.2-9: a zero-latency client's cycle is G steps: step end, reaction, schedule") {
  Clients clients(1, 10, 6, 100);
  const Result result = run_clients(clients, {}, constant(1));
  CHECK(result.duration.seconds() == 600);
}

TEST_CASE("a front end: the same run, that much later for those who sent the requests") {
  const SimTime latency = SimTime::from_seconds(0.25);
  Scenario scenario = probe::scenario({});
  const std::vector<Request> requests = poisson(3, 10, 5, 2'000);
  const auto without = probe::run(scenario, requests, constant(1));
  scenario.engine.front_end_latency = latency;
  const auto with = probe::run(scenario, requests, constant(1));
  REQUIRE(with.result.requests.size() == 2'000);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const RequestRecord& one = with.result.requests[i];
    const RequestRecord& other = without.result.requests[i];
    REQUIRE(one.arrival == other.arrival);
    REQUIRE(one.first_scheduled == other.first_scheduled + latency);
    REQUIRE(one.first_token == other.first_token + latency);
    REQUIRE(one.finish == other.finish + latency);
  }
}

TEST_CASE("8.2-9 behind a front end: it is part of a client's cycle") {
  Clients clients(1, 10, 6, 100);
  Scenario scenario = probe::scenario({});
  scenario.engine.front_end_latency = SimTime::from_seconds(1);
  SimulationOptions options;
  options.make_model = [] { return probe::make_linear_model(constant(1)); };
  CHECK(simulate(scenario, clients, options).duration.seconds() == 700);
}

TEST_CASE("8.2-11: a decode beside continuous prefill waits for full-budget steps") {
  const probe::LinearStep step{.base = 1'000'000, .per_token = 1'000};
  std::vector<Request> requests{probe::request(0, 1, 100)};
  requests.insert(requests.end(), 200, probe::request(0, 50, 1));
  const auto probe = probe::run(probe::scenario({.max_num_batched_tokens = 64}), requests, step);
  CHECK(probe.result.gaps.max == step.base + 64 * step.per_token);
}

TEST_CASE("8.2-13: round robin with gaps of D/R never waits") {
  Scenario scenario = probe::scenario({.max_num_seqs = 1});
  scenario.cluster.replicas = 4;
  scenario.cluster.router = RouterKind::round_robin;
  std::vector<Request> requests;
  for (int i = 0; i < 400; ++i) {
    requests.push_back(probe::request(i * 2.5, 10, 10));
  }
  SimulationOptions options;
  options.make_model = [] { return probe::make_linear_model({}); };
  probe::ListSource source(requests);
  for (const RequestRecord& r : simulate(scenario, source, options).requests) {
    CHECK(r.first_scheduled == r.arrival);
  }
}

}  // namespace penstock
