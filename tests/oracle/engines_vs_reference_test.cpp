#include <doctest/doctest.h>

#include <cstdlib>
#include <sstream>
#include <string>

#include "tests/oracle/comparison.h"
#include "tests/support/random_load.h"

namespace penstock {

namespace {

std::uint64_t engine_loads_to_try() {
  const char* asked = std::getenv("PENSTOCK_ORACLE_LOADS");
  return asked != nullptr ? std::strtoull(asked, nullptr, 10) : 3'000;
}

using MakeLoad = probe::RandomLoad (*)(std::uint64_t seed, std::string_view scheduler);

probe::RandomLoad random_drafting_load(std::uint64_t seed, std::string_view scheduler) {
  probe::RandomLoad load = seed % 2 == 0 ? probe::random_engine_load(seed, scheduler)
                                         : probe::random_engine_content_load(seed, scheduler);
  probe::draft_in_vain(load);
  return load;
}

/// Compares every token time, and each request's block-time, of random small loads. Returns how
/// often requests were preempted.
std::int64_t compare(std::string_view scheduler, MakeLoad make = probe::random_engine_load) {
  std::int64_t preempted = 0;
  std::int64_t hits = 0;
  for (std::uint64_t seed = 1; seed <= engine_loads_to_try(); ++seed) {
    const probe::RandomLoad load = make(seed, scheduler);
    CAPTURE(load.describe());
    const oracle::Result want = oracle::run_engine_reference(load);
    Scenario scenario = probe::engine_scenario(load.limits);
    scenario.prices.rule = CostRule::occupancy;
    const probe::Probe got = probe::run(scenario, load.requests, load.step);
    const std::string wrong = oracle::difference(oracle::observe(want), oracle::observe(got));
    REQUIRE_MESSAGE(wrong.empty(), wrong);
    const std::int64_t slot = scenario.engine.block_size / load.limits.block_size;
    const auto& held = got.result.ledger.block_ps;
    for (std::size_t r = 0; r < load.requests.size(); ++r) {
      const Int128 blocks = r < held.size() ? held[r] * slot : 0;
      REQUIRE_MESSAGE((blocks == want.requests[r].block_ps), "request ", r, ": block-time ",
                      static_cast<double>(blocks), ", want ", want.requests[r].block_ps);
    }
    preempted += got.result.preemptions;
    for (const RequestRecord& record : got.result.requests) {
      hits += record.cached_tokens > 0 ? 1 : 0;
    }
  }
  CHECK((make == probe::random_engine_load) == (hits == 0));  // the others have prompts that share
  return preempted;
}

/// The first line that differs, of both.
std::string first_difference(const std::string& a, const std::string& b) {
  std::istringstream in_a(a);
  std::istringstream in_b(b);
  std::string line_a;
  std::string line_b;
  while (std::getline(in_a, line_a) && std::getline(in_b, line_b)) {
    if (line_a != line_b) {
      return line_a + " != " + line_b;
    }
  }
  return a == b ? "" : "lengths differ";
}

/// Leaping and aggregation change nothing.
void compare_switches(std::string_view scheduler, MakeLoad make = probe::random_engine_load) {
  for (std::uint64_t seed = 1; seed <= engine_loads_to_try() / 3; ++seed) {
    const probe::RandomLoad load = make(seed, scheduler);
    CAPTURE(load.describe());
    const Scenario scenario = probe::engine_scenario(load.limits);
    const auto with = [&](bool fast, bool leap) {
      return probe::fingerprint(probe::run(scenario, load.requests, load.step, fast, leap).result);
    };
    const std::string both = with(true, true);
    const std::string single = with(true, false);
    REQUIRE_MESSAGE(first_difference(both, single) == "", "no leaping");
    REQUIRE_MESSAGE(first_difference(both, with(false, false)) == "", "slow path");
  }
}

}  // namespace

TEST_CASE("2.1: vLLM V0 is the naive reference's, token by token") {
  CHECK(compare("vllm_v0") > 100);
  compare_switches("vllm_v0");
}

TEST_CASE("2.2: Orca is the naive reference's, token by token, and never preempts") {
  CHECK(compare("orca") == 0);
  compare_switches("orca");
}

TEST_CASE("2.3: static batching is the naive reference's, token by token") {
  CHECK(compare("static") == 0);
  compare_switches("static");
}

TEST_CASE("2.4: Sarathi-Serve is the naive reference's, token by token") {
  CHECK(compare("sarathi") > 100);
  compare_switches("sarathi");
}

TEST_CASE("2.5: SGLang is the naive reference's, token by token") {
  CHECK(compare("sglang") > 80);
  compare_switches("sglang");
}

TEST_CASE("2.6: TensorRT-LLM is the naive reference's, token by token") {
  CHECK(compare("tensorrt_llm") > 100);
  compare_switches("tensorrt_llm");
}

TEST_CASE("2.5.5: SGLang with its radix cache is the naive reference's, token by token") {
  CHECK(compare("sglang", probe::random_engine_content_load) > 100);
  compare_switches("sglang", probe::random_engine_content_load);
}

TEST_CASE("2.6.1: TensorRT-LLM with block reuse is the naive reference's, token by token") {
  CHECK(compare("tensorrt_llm", probe::random_engine_content_load) > 100);
  compare_switches("tensorrt_llm", probe::random_engine_content_load);
}

TEST_CASE("7.3-39: SGLang with drafts in vain is the naive reference's, token by token") {
  CHECK(compare("sglang", random_drafting_load) > 80);
}

TEST_CASE("7.3-39: TensorRT-LLM with drafts in vain is the naive reference's, token by token") {
  CHECK(compare("tensorrt_llm", random_drafting_load) > 80);
}

}  // namespace penstock
