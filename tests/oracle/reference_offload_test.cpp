// The host-memory tier (spec 4.5, 4.6): the engine against the reference, and laws of the tier.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/rng.h"
#include "sim/kv/host_tier.h"
#include "tests/oracle/comparison.h"
#include "tests/oracle/reference_blocks.h"
#include "tests/support/random_load.h"

namespace penstock::oracle {
namespace {

using probe::RandomLoad;

std::int64_t hits_of(const probe::Probe& run) {
  std::int64_t sum = 0;
  for (const RequestRecord& record : run.result.requests) {
    sum += record.cached_tokens;
  }
  return sum;
}

}  // namespace

TEST_CASE("4.6: the engine reloads what the reference reloads, on random loads") {
  int reloads = 0;
  int waits = 0;
  for (std::uint64_t seed = 1101; seed <= 2700; ++seed) {
    const RandomLoad load = probe::random_offload_load(seed);
    CAPTURE(load.describe());
    const Observation want = observe(run_reference(load));
    const Scenario scenario = probe::scenario(load.limits);
    const probe::Probe got = probe::run(scenario, load.requests, load.step);
    const std::string wrong = difference(want, observe(got));
    REQUIRE_MESSAGE(wrong.empty(), wrong);
    const std::string print = probe::fingerprint(got.result);
    REQUIRE(print == probe::fingerprint(
                         probe::run(scenario, load.requests, load.step, false, false).result));
    REQUIRE(print ==
            probe::fingerprint(probe::run(scenario, load.requests, load.step, true, false).result));
    reloads += want.host_tokens > 0 ? 1 : 0;
    waits += want.host_tokens > 0 && load.limits.host_block_ps > load.step.base / 2 ? 1 : 0;
  }
  CHECK(reloads > 200);  // the loads do hit the hard cases
  CHECK(waits > 60);
}

TEST_CASE("4.6: a host without limits finds what a GPU without limits finds, one by one") {
  int more = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    RandomLoad load = probe::random_offload_load(seed);
    load.step = {1000, 0, 0};
    load.limits.watermark = 0;
    std::int64_t blocks = 1;
    for (std::size_t r = 0; r < load.requests.size(); ++r) {
      penstock::Request& request = load.requests[r];
      request.arrival = SimTime{static_cast<std::int64_t>(r) * 1'000'000};
      const std::int64_t positions = request.input_tokens + request.output_tokens - 1;
      blocks = std::max(blocks, (positions + load.limits.block_size - 1) / load.limits.block_size);
    }
    CAPTURE(load.describe());
    load.limits.usable_blocks = blocks;
    load.limits.host_blocks = 0;
    const std::int64_t alone =
        hits_of(probe::run(probe::scenario(load.limits), load.requests, load.step));
    load.limits.host_blocks = 1'000'000;
    load.limits.host_block_ps = 0;
    const std::int64_t with_host =
        hits_of(probe::run(probe::scenario(load.limits), load.requests, load.step));
    load.limits.host_blocks = 0;
    load.limits.usable_blocks = 1'000'000;
    const std::int64_t unlimited =
        hits_of(probe::run(probe::scenario(load.limits), load.requests, load.step));
    REQUIRE(with_host == unlimited);
    more += with_host > alone ? 1 : 0;
  }
  CHECK(more > 60);
}

TEST_CASE("4.5: a host tier never holds more than it can, and loses what was used longest ago") {
  Rng rng(5, "host");
  const auto below = [&rng](std::uint64_t n) { return static_cast<std::int64_t>(rng.below(n)); };
  for (int round = 0; round < 200; ++round) {
    const std::int64_t capacity = 1 + below(12);
    const std::int64_t block_ps = below(4);
    HostTier tier(capacity, SimTime{block_ps});
    HostBlocks naive(capacity, block_ps);
    std::int64_t now = 0;
    for (int i = 0; i < 60; ++i) {
      now += below(6);
      tier.advance(SimTime{now});
      naive.finish_stores(now);
      // Chains of a family share their beginning.
      const std::int64_t family = below(5);
      std::vector<std::uint64_t> keys;
      std::vector<Identity> identities;
      for (std::int64_t k = 0, length = 1 + below(6); k < length; ++k) {
        keys.push_back(static_cast<std::uint64_t>(family * 100 + k));
        identities.push_back(family * 100 + k);
      }
      const std::int64_t found = naive.found(identities, std::ssize(identities));
      REQUIRE(tier.match(keys) == found);
      REQUIRE(tier.resident() == naive.resident());
      REQUIRE(tier.resident() <= capacity);
      if (found > 0 && below(2) == 0) {
        keys.resize(static_cast<std::size_t>(found));
        identities.resize(static_cast<std::size_t>(found));
        const std::int64_t blocks = 1 + below(static_cast<std::uint64_t>(found));
        REQUIRE(tier.load(keys, blocks, SimTime{now}).ps == naive.load(identities, blocks, now));
      } else {
        tier.store(keys, SimTime{now});
        naive.store(identities, now);
      }
    }
  }
}

}  // namespace penstock::oracle
