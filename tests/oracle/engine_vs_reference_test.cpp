#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/oracle/reference.h"
#include "tests/support/random_load.h"

namespace penstock {

namespace {

oracle::Result run_reference(const probe::RandomLoad& load) {
  const probe::EngineLimits& limits = load.limits;
  oracle::Config config;
  config.max_num_seqs = limits.max_num_seqs;
  config.max_num_batched_tokens = limits.max_num_batched_tokens;
  config.long_prefill_token_threshold = limits.long_prefill_token_threshold;
  config.block_size = limits.block_size;
  config.usable_blocks = limits.usable_blocks;
  config.max_model_len = limits.max_model_len;
  config.chunked_prefill = limits.chunked_prefill;
  config.priority_policy = limits.priority;
  config.async_scheduling = limits.async;
  config.reserve_full_isl = limits.gate;
  config.watermark = limits.watermark;
  std::vector<oracle::Request> requests;
  for (const Request& r : load.requests) {
    requests.push_back({r.arrival.ps, r.input_tokens, r.output_tokens, r.priority});
  }
  return oracle::simulate(config, requests, [&](const oracle::Step& step) {
    std::int64_t time = load.step.base;
    for (const oracle::ScheduledRequest& s : step.scheduled) {
      time += load.step.per_token * s.n + load.step.per_kv * (s.context + s.n);
    }
    return time;
  });
}

/// Empty if both agree on everything a request can see; else what differs.
std::string difference(const probe::RandomLoad& load, const oracle::Result& want,
                       const probe::Probe& got) {
  std::int64_t computed = 0;
  for (std::size_t i = 0; i < load.requests.size(); ++i) {
    const oracle::Outcome& w = want.requests[i];
    const RequestRecord& g = got.result.requests[i];
    const std::string who = "request " + std::to_string(i);
    computed += w.computed;
    if ((w.reject != oracle::Reject::kNone) != (g.status == RequestStatus::rejected)) {
      return who + ": rejection";
    }
    if (w.reject != oracle::Reject::kNone) {
      continue;
    }
    if (w.token_ps.size() != got.tokens[i].size()) {
      return who + ": " + std::to_string(got.tokens[i].size()) + " tokens, want " +
             std::to_string(w.token_ps.size());
    }
    for (std::size_t t = 0; t < w.token_ps.size(); ++t) {
      if (w.token_ps[t] != got.tokens[i][t].ps) {
        return who + " token " + std::to_string(t + 1) + " at " +
               std::to_string(got.tokens[i][t].ps) + ", want " + std::to_string(w.token_ps[t]);
      }
    }
    if (w.first_scheduled_ps != g.first_scheduled.ps || w.finish_ps != g.finish.ps ||
        w.token_ps.front() != g.first_token.ps || w.preemptions != g.preemptions) {
      return who + ": first_scheduled, first token, finish or preemptions";
    }
  }
  if (computed != got.result.replicas.front().total.all_tokens) {
    return "computed positions";
  }
  return want.steps.size() == static_cast<std::size_t>(got.result.steps) ? "" : "number of steps";
}

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
    const oracle::Result want = run_reference(load);
    const probe::Probe got = probe::run(probe::scenario(load.limits), load.requests, load.step);
    const std::string wrong = difference(load, want, got);
    REQUIRE_MESSAGE(wrong.empty(), wrong);
    storms += got.result.preemptions > 3 ? 1 : 0;
  }
  CHECK(storms > 100);  // the loads do hit the hard cases
}

TEST_CASE("rule occupancy: each request's block-time is the integral of the blocks it held") {
  std::int64_t preempted = 0;
  for (std::uint64_t seed = 1; seed <= loads_to_try() / 4; ++seed) {
    const probe::RandomLoad load = probe::random_load(seed);
    CAPTURE(load.describe());
    const oracle::Result want = run_reference(load);
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
    REQUIRE((account.input_block_ps + account.output_block_ps == sum));
    preempted += got.preemptions;
  }
  CHECK(preempted > 1000);
}

TEST_CASE("the fast path and leaping change nothing: all switches give identical results") {
  for (std::uint64_t seed = 1; seed <= loads_to_try() / 4; ++seed) {
    const probe::RandomLoad load = probe::random_load(seed);
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
