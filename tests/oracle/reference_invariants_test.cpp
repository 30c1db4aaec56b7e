// The invariants of scheduler-semantics §7.2 on the oracle itself, on random scenarios.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <random>
#include <vector>

#include "tests/oracle/reference.h"

namespace penstock::oracle {
namespace {

// T(n, context) summed over the rows of a step, plus a constant.
std::int64_t weighted_row(std::int64_t n, std::int64_t context) { return 7 * n + 3 * context; }

std::int64_t weighted_step(const Step& step) {
  std::int64_t time = 1000;
  for (const ScheduledRequest& entry : step.scheduled) {
    time += weighted_row(entry.n, entry.context);
  }
  return time;
}

struct LoadAndLimits {
  Config config;
  std::vector<Request> requests;
};

LoadAndLimits random_scenario(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(high - low + 1));
  };
  const auto coin = [&] { return pick(0, 1) == 1; };
  // One draw per full expression: the order of draws must not depend on the compiler.
  LoadAndLimits scenario;
  Config& config = scenario.config;
  config.max_num_seqs = pick(1, 6);
  config.max_num_batched_tokens = pick(1, 40);
  if (coin()) {
    config.long_prefill_token_threshold = pick(1, 12);
  }
  config.block_size = pick(1, 5);
  config.usable_blocks = pick(4, 30);
  config.max_model_len = pick(10, 60);
  config.chunked_prefill = pick(0, 3) != 0;
  if (!config.chunked_prefill) {  // 1.1.1: M >= max_model_len is required
    config.max_num_batched_tokens += config.max_model_len;
  }
  config.priority_policy = coin();
  config.async_scheduling = coin();
  config.reserve_full_isl = coin();
  if (coin()) {
    config.watermark = 0.1 * static_cast<double>(pick(0, 4));
  }
  std::int64_t arrival = 0;
  for (std::int64_t i = pick(1, 12); i > 0; --i) {
    Request request;
    request.arrival_ps = arrival;
    request.prompt = pick(1, 25);
    request.output = pick(1, 15);
    request.priority = pick(0, 3);
    scenario.requests.push_back(request);
    if (coin()) {
      arrival += pick(0, 4000);
    }
  }
  return scenario;
}

std::int64_t cut_output(const LoadAndLimits& scenario, std::size_t r) {
  const Request& request = scenario.requests[r];
  return std::min(request.output, scenario.config.max_model_len - request.prompt);
}

void check_steps(const LoadAndLimits& scenario, const Result& result) {
  const Config& config = scenario.config;
  std::vector<std::int64_t> computed(scenario.requests.size());
  std::int64_t last_end = 0;
  for (const Step& step : result.steps) {
    REQUIRE(step.start_ps >= last_end);  // 7.2-12
    REQUIRE(step.schedule_ps <= step.start_ps);
    last_end = step.start_ps + step.duration_ps;
    std::int64_t tokens = 0;
    for (const ScheduledRequest& entry : step.scheduled) {
      REQUIRE(entry.n >= 1);                                                     // 7.2-4
      REQUIRE(entry.context + entry.n <= config.max_model_len - 1);              // 7.2-8
      REQUIRE(scenario.requests[entry.request].arrival_ps <= step.schedule_ps);  // 7.2-13
      tokens += entry.n;
      computed[entry.request] += entry.n;
    }
    REQUIRE(!step.scheduled.empty());
    REQUIRE(tokens <= config.max_num_batched_tokens);
    REQUIRE(step.running <= config.max_num_seqs);
    REQUIRE(std::ssize(step.scheduled) <= step.running);
    REQUIRE(step.blocks_in_use <= config.usable_blocks);  // 7.2-5
  }
  for (std::size_t r = 0; r < computed.size(); ++r) {
    REQUIRE(result.requests[r].computed == computed[r]);
  }
}

TEST_CASE("7.2: invariants on random scenarios") {
  std::int64_t preemptions = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    const LoadAndLimits scenario = random_scenario(seed);
    const Result result = simulate(scenario.config, scenario.requests, weighted_step);
    check_steps(scenario, result);
    std::int64_t last_admission = 0;
    for (std::size_t r = 0; r < scenario.requests.size(); ++r) {
      const Outcome& outcome = result.requests[r];
      if (outcome.reject != Reject::kNone) {
        REQUIRE(outcome.token_ps.empty());
        continue;
      }
      const std::int64_t output = cut_output(scenario, r);
      REQUIRE(std::ssize(outcome.token_ps) == output);  // 7.2-1, 7.2-2, 7.2-16
      REQUIRE(outcome.token_ps.back() == outcome.finish_ps);
      REQUIRE(std::adjacent_find(outcome.token_ps.begin(), outcome.token_ps.end(),
                                 std::greater_equal<>()) == outcome.token_ps.end());  // 7.2-10
      REQUIRE(outcome.first_scheduled_ps >= scenario.requests[r].arrival_ps);
      REQUIRE(outcome.first_scheduled_ps < outcome.token_ps.front());
      if (outcome.preemptions == 0) {  // 7.2-3
        REQUIRE(outcome.computed == scenario.requests[r].prompt + output - 1);
      }
      if (!scenario.config.priority_policy) {  // 7.2-14
        REQUIRE(outcome.first_scheduled_ps >= last_admission);
        last_admission = outcome.first_scheduled_ps;
      }
      preemptions += outcome.preemptions;
    }
  }
  CHECK(preemptions > 1000);  // the scenarios are tight enough to be of use
}

}  // namespace
}  // namespace penstock::oracle
