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

/// What the loads came to.
struct Tally {
  std::int64_t preempted = 0;
  std::int64_t aborted = 0;
  std::int64_t cached = 0;
};

/// Compares every token time, and each request's block-time.
void compare_with(const oracle::Result& want, const probe::RandomLoad& load, bool fast,
                  Tally& tally) {
  Scenario scenario = probe::scenario(load.limits);
  scenario.prices.rule = CostRule::occupancy;
  const probe::Probe got = probe::run(scenario, load.requests, load.step, fast);
  const std::string wrong = oracle::difference(oracle::observe(want), oracle::observe(got));
  REQUIRE_MESSAGE(wrong.empty(), wrong);
  const auto& held = got.result.ledger.block_ps;
  for (std::size_t r = 0; r < load.requests.size(); ++r) {
    const Int128 blocks = r < held.size() ? held[r] : 0;
    tally.aborted += want.requests[r].aborted ? 1 : 0;
    tally.cached += want.requests[r].cached_tokens > 0 ? 1 : 0;
    REQUIRE_MESSAGE((want.requests[r].aborted || blocks == want.requests[r].block_ps), "request ",
                    r, ": block-time ", static_cast<double>(blocks), ", want ",
                    want.requests[r].block_ps);
  }
  tally.preempted += got.result.preemptions;
}

/// Clients of every third load give up.
void draw_timeout(std::uint64_t seed, probe::RandomLoad& load) {
  if (seed % 3 == 0) {
    load.limits.timeout_ps = load.step.base * static_cast<std::int64_t>(1 + seed % 29);
  }
}

}  // namespace

TEST_CASE("1.2.3: with stages, vLLM V1 is the naive reference's, token by token") {
  Tally tally;
  const auto compare = [&tally](std::uint64_t seed) {
    probe::RandomLoad load =
        seed % 2 == 0 ? probe::random_content_load(seed) : probe::random_load(seed);
    load.limits.async = false;
    load.limits.stages = 2 + static_cast<int>(seed / 2 % 4);
    draw_timeout(seed, load);
    CAPTURE(load.describe());
    compare_with(oracle::run_reference(load), load, seed % 8 < 6, tally);
  };
  for (std::uint64_t seed = 1; seed <= pipeline_loads_to_try(); ++seed) {
    compare(seed);
  }
  compare(17033);  // the head of the queue fits beside what decodes, but not in a batch alone
  CHECK(tally.preempted > 1000);
  CHECK(tally.aborted > 1000);
  CHECK(tally.cached > 1000);
}

TEST_CASE("1.2.4: ranks in lock-step are the naive reference's, token by token") {
  for (const int stages : {1, 3}) {
    Tally tally;
    for (std::uint64_t seed = 1; seed <= pipeline_loads_to_try() / 2; ++seed) {
      probe::RandomLoad load =
          seed % 2 == 0 ? probe::random_content_load(seed) : probe::random_load(seed);
      load.limits.async = false;
      load.limits.stages = stages == 1 ? 1 : 2 + static_cast<int>(seed / 2 % 3);
      load.limits.ranks = 2 + static_cast<int>(seed / 4 % 3);
      draw_timeout(seed, load);
      CAPTURE(load.describe());
      compare_with(oracle::run_reference(load), load, seed % 8 < 6, tally);
    }
    CHECK(tally.preempted > 100);
    CHECK(tally.aborted > 300);
    CHECK(tally.cached > 300);
  }
}

namespace {

/// Of another engine, with from `least` to `least` + 3 stages and as many ranks, or one of either.
Tally compare_engine(std::string_view scheduler, int least_stages, int least_ranks) {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= pipeline_loads_to_try() / 2; ++seed) {
    probe::RandomLoad load = seed % 2 == 0 ? probe::random_engine_content_load(seed, scheduler)
                                           : probe::random_engine_load(seed, scheduler);
    load.limits.async = false;
    load.limits.stages = least_stages > 1 ? least_stages + static_cast<int>(seed / 2 % 4) : 1;
    load.limits.ranks = least_ranks > 1 ? least_ranks + static_cast<int>(seed / 4 % 3) : 1;
    draw_timeout(seed, load);
    CAPTURE(load.describe());
    compare_with(oracle::run_engine_reference(load), load, seed % 8 < 6, tally);
  }
  CHECK(tally.aborted > 300);
  CHECK(tally.cached > 300);
  return tally;
}

}  // namespace

TEST_CASE("2.6 and 1.2.3: with stages, TensorRT-LLM is the naive reference's, token by token") {
  CHECK(compare_engine("tensorrt_llm", 2, 1).preempted > 300);
}

TEST_CASE("2.6 and 1.2.4: on ranks, TensorRT-LLM is the naive reference's, token by token") {
  CHECK(compare_engine("tensorrt_llm", 1, 2).preempted > 50);
  CHECK(compare_engine("tensorrt_llm", 2, 2).preempted > 50);
}

TEST_CASE("2.5 and 1.2.3: with stages, SGLang is the naive reference's, token by token") {
  CHECK(compare_engine("sglang", 2, 1).preempted > 100);
}

TEST_CASE("2.5 and 1.2.4: on ranks, SGLang is the naive reference's, token by token") {
  CHECK(compare_engine("sglang", 1, 2).preempted > 20);
  CHECK(compare_engine("sglang", 2, 2).preempted > 20);
}

TEST_CASE("2.5 and 2.6: clients give up as in the naive reference") {
  compare_engine("sglang", 1, 1);
  compare_engine("tensorrt_llm", 1, 1);
}

TEST_CASE("1.5.8: one batch at a time, aborts are the naive reference's too") {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= pipeline_loads_to_try() / 4; ++seed) {
    probe::RandomLoad load =
        seed % 2 == 0 ? probe::random_content_load(seed) : probe::random_load(seed);
    load.limits.timeout_ps = load.step.base * static_cast<std::int64_t>(1 + seed % 29);
    CAPTURE(load.describe());
    compare_with(oracle::run_reference(load), load, seed % 8 < 6, tally);
  }
  CHECK(tally.aborted > 500);
}

}  // namespace penstock
