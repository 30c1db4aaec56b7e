#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/oracle/comparison.h"
#include "tests/support/random_load.h"
#include "tests/support/workload_text.h"
#include "workloads/generator.h"

namespace penstock {

namespace {

std::uint64_t loads_to_try() {
  const char* asked = std::getenv("PENSTOCK_ORACLE_LOADS");
  return asked != nullptr ? std::strtoull(asked, nullptr, 10) : 12'000;
}

}  // namespace

TEST_CASE("1.0-1.6: every token time of random small loads is the naive reference's") {
  int storms = 0;
  for (std::uint64_t seed = 1; seed <= loads_to_try(); ++seed) {
    const probe::RandomLoad load = probe::random_load(seed);
    CAPTURE(load.describe());
    const probe::Probe got = probe::run(probe::scenario(load.limits), load.requests, load.step);
    const std::string wrong =
        oracle::difference(oracle::observe(oracle::run_reference(load)), oracle::observe(got));
    REQUIRE_MESSAGE(wrong.empty(), wrong);
    storms += got.result.preemptions > 3 ? 1 : 0;
  }
  CHECK(storms > 100);  // the loads do hit the hard cases
}

TEST_CASE("1.4: with prefix caching too, on requests that share what they say") {
  std::int64_t hits = 0;
  for (std::uint64_t seed = 1; seed <= loads_to_try(); ++seed) {
    const probe::RandomLoad load = probe::random_content_load(seed);
    CAPTURE(load.describe());
    const probe::Probe got = probe::run(probe::scenario(load.limits), load.requests, load.step);
    const std::string wrong =
        oracle::difference(oracle::observe(oracle::run_reference(load)), oracle::observe(got));
    REQUIRE_MESSAGE(wrong.empty(), wrong);
    hits += got.result.ledger.classes[0].cached_input_tokens > 0 ? 1 : 0;
  }
  CHECK(hits > 100);
}

TEST_CASE("1.4: prompts that come again in turn hit what the naive reference finds") {
  std::int64_t hits = 0;
  for (std::uint64_t seed = 1; seed <= loads_to_try() / 20; ++seed) {
    probe::RandomLoad load = probe::random_content_load(seed);
    const auto longest = std::max_element(
        load.requests.begin(), load.requests.end(),
        [](const Request& x, const Request& y) { return x.input_tokens < y.input_tokens; });
    ClassSpec spec = test::make_class("bench", 5);
    spec.input =
        test::make_length(LengthSpec::Kind::uniform, 1, static_cast<double>(longest->input_tokens));
    spec.prefix = {.shared = 1 + static_cast<std::int64_t>(seed % 40),
                   .groups = 1 + static_cast<std::int64_t>(seed % 3),
                   .prompts = 1 + static_cast<std::int64_t>(seed % 4)};
    GeneratedStream stream(spec, {.seed = seed});
    for (Request& request : load.requests) {  // their times and answers, other prompts
      const Request generated = stream.pop();
      request.input_tokens = generated.input_tokens;
      request.content = generated.content;
    }
    CAPTURE(load.describe());
    const probe::Probe got = probe::run(probe::scenario(load.limits), load.requests, load.step);
    const std::string wrong =
        oracle::difference(oracle::observe(oracle::run_reference(load)), oracle::observe(got));
    REQUIRE_MESSAGE(wrong.empty(), wrong);
    hits += got.result.ledger.classes[0].cached_input_tokens > 0 ? 1 : 0;
  }
  CHECK(hits > 100);
}

TEST_CASE("rule occupancy: each request's block-time is the integral of the blocks it held") {
  std::int64_t preempted = 0;
  for (std::uint64_t seed = 1; seed <= loads_to_try() / 4; ++seed) {
    const probe::RandomLoad load =
        seed % 2 == 0 ? probe::random_content_load(seed) : probe::random_load(seed);
    CAPTURE(load.describe());
    const oracle::Result want = oracle::run_reference(load);
    Scenario scenario = probe::scenario(load.limits);
    scenario.prices.rule = CostRule::occupancy;
    const Result got = probe::run(scenario, load.requests, load.step).result;
    Int128 sum = 0;
    for (std::size_t r = 0; r < load.requests.size(); ++r) {
      const Int128 held = r < got.ledger.block_ps.size() ? got.ledger.block_ps[r] : 0;
      REQUIRE_MESSAGE((held == want.requests[r].block_ps), "request ", r, ": ",
                      static_cast<double>(held), ", want ", want.requests[r].block_ps);
      sum += held;
    }
    const LedgerTotals::ClassAccounts& account = got.ledger.classes.front();
    REQUIRE((account.input_block_ps + account.cached_block_ps + account.output_block_ps == sum));
    preempted += got.preemptions;
  }
  CHECK(preempted > 1000);
}

TEST_CASE("the fast path and leaping change nothing: all switches give identical results") {
  for (std::uint64_t seed = 1; seed <= loads_to_try() / 4; ++seed) {
    const probe::RandomLoad load =
        seed % 2 == 0 ? probe::random_content_load(seed) : probe::random_load(seed);
    CAPTURE(load.describe());
    const Scenario scenario = probe::scenario(load.limits);
    const auto with = [&](bool fast, bool leap) {
      return probe::fingerprint(probe::run(scenario, load.requests, load.step, fast, leap).result);
    };
    const std::string both = with(true, true);
    REQUIRE_MESSAGE(both == with(false, false), "slow path");
    REQUIRE_MESSAGE(both == with(true, false), "no leaping");
    REQUIRE_MESSAGE(both == with(false, true), "slow path with leaping");
  }
}

}  // namespace penstock
