#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/oracle/comparison.h"
#include "tests/support/random_load.h"

namespace penstock {

namespace {

std::uint64_t pipeline_loads_to_try() {
  const char* asked = std::getenv("PENSTOCK_ORACLE_LOADS");
  return asked != nullptr ? std::strtoull(asked, nullptr, 10) : 4'000;
}

/// Compares every token time, and each request's block-time.
void compare_with(const oracle::Result& want, const probe::RandomLoad& load, bool fast,
                  std::int64_t& preempted) {
  Scenario scenario = probe::scenario(load.limits);
  scenario.prices.rule = CostRule::occupancy;
  const probe::Probe got = probe::run(scenario, load.requests, load.step, fast);
  const std::string wrong = oracle::difference(oracle::observe(want), oracle::observe(got));
  REQUIRE_MESSAGE(wrong.empty(), wrong);
  const auto& held = got.result.ledger.block_ps;
  for (std::size_t r = 0; r < load.requests.size(); ++r) {
    const Int128 blocks = r < held.size() ? held[r] : 0;
    REQUIRE_MESSAGE((blocks == want.requests[r].block_ps), "request ", r, ": block-time ",
                    static_cast<double>(blocks), ", want ", want.requests[r].block_ps);
  }
  preempted += got.result.preemptions;
}

}  // namespace

TEST_CASE("1.2.3: with stages, vLLM V1 is the naive reference's, token by token") {
  std::int64_t preempted = 0;
  for (std::uint64_t seed = 1; seed <= pipeline_loads_to_try(); ++seed) {
    probe::RandomLoad load =
        seed % 2 == 0 ? probe::random_content_load(seed) : probe::random_load(seed);
    load.limits.async = false;
    load.limits.stages = 2 + static_cast<int>(seed / 2 % 4);
    CAPTURE(load.describe());
    compare_with(oracle::run_reference(load), load, seed % 8 < 6, preempted);
  }
  CHECK(preempted > 1000);
}

TEST_CASE("2.6 and 1.2.3: with stages, TensorRT-LLM is the naive reference's, token by token") {
  std::int64_t preempted = 0;
  for (std::uint64_t seed = 1; seed <= pipeline_loads_to_try() / 2; ++seed) {
    probe::RandomLoad load = probe::random_engine_load(seed, "tensorrt_llm");
    load.limits.async = false;
    load.limits.tensorrt_llm.capacity_scheduler_policy =
        TensorRtSpec::Capacity::guaranteed_no_evict;
    load.limits.stages = 2 + static_cast<int>(seed % 4);
    CAPTURE(load.describe());
    compare_with(oracle::run_engine_reference(load), load, seed % 8 < 6, preempted);
  }
  CHECK(preempted == 0);
}

}  // namespace penstock
