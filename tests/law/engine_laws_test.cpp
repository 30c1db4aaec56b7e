#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "sim/kv/block_pool.h"
#include "tests/support/random_load.h"

/// Invariants of scheduler-semantics §7.2 on random small loads, numbered as there. Those asserted
/// inside the engine (block and money conservation, monotone clock, work conservation) fail here
/// as exceptions.
namespace penstock {

namespace {

constexpr std::uint64_t loads = 1500;

probe::Probe run(const probe::RandomLoad& load) {
  return probe::run(probe::scenario(load.limits), load.requests, load.step);
}

Int128 busy_ps(const Result& result) {
  Int128 sum = 0;
  for (const ReplicaResult& replica : result.replicas) {
    sum += replica.total.busy_ps;
  }
  return sum;
}

Int128 booked_ps(const Result& result) {
  Int128 sum = 0;
  for (const LedgerTotals::ClassAccounts& account : result.ledger.classes) {
    sum += account.recompute;
    for (const LedgerTotals::ByCause& causes : account.accounts) {
      sum = std::accumulate(causes.begin(), causes.end(), sum);
    }
  }
  return sum;
}

}  // namespace

TEST_CASE("7.2-1,2,10,11: requests and tokens are conserved, times are in order") {
  for (std::uint64_t seed = 1; seed <= loads; ++seed) {
    const probe::RandomLoad load = probe::random_load(seed);
    CAPTURE(load.describe());
    const probe::Probe probe = run(load);
    REQUIRE(probe.result.requests.size() == load.requests.size());
    for (std::size_t i = 0; i < load.requests.size(); ++i) {
      const RequestRecord& r = probe.result.requests[i];
      const Request& asked = load.requests[i];
      if (r.status == RequestStatus::rejected) {
        CHECK(probe.tokens[i].empty());
        continue;
      }
      REQUIRE(r.status == RequestStatus::completed);
      const std::int64_t output =
          std::min(asked.output_tokens, load.limits.max_model_len - asked.input_tokens);
      REQUIRE(static_cast<std::int64_t>(probe.tokens[i].size()) == output);
      REQUIRE(r.output_tokens == output);
      REQUIRE(r.arrival <= r.first_scheduled);
      REQUIRE(r.first_scheduled < r.first_token);
      REQUIRE(r.first_token == probe.tokens[i].front());
      REQUIRE(r.finish == probe.tokens[i].back());
      REQUIRE(std::is_sorted(probe.tokens[i].begin(), probe.tokens[i].end(),
                             [](SimTime a, SimTime b) { return a <= b; }));
    }
  }
}

TEST_CASE("7.2-3,4,5: positions computed, batch and block limits") {
  for (std::uint64_t seed = 1; seed <= loads; ++seed) {
    const probe::RandomLoad load = probe::random_load(seed);
    CAPTURE(load.describe());
    const probe::Probe probe = run(load);
    const SeriesPoint& total = probe.result.replicas[0].total;
    std::int64_t needed = 0;
    for (const RequestRecord& r : probe.result.requests) {
      needed += r.status == RequestStatus::completed ? r.input_tokens + r.output_tokens - 1 : 0;
    }
    REQUIRE(total.tokens == needed);
    REQUIRE(total.all_tokens - total.tokens == probe.result.ledger.classes[0].recomputed_tokens);
    REQUIRE(probe.result.replicas[0].batch_peak <= load.limits.max_num_seqs);
    REQUIRE(probe.result.replicas[0].blocks_peak <= load.limits.usable_blocks);
    REQUIRE(total.all_tokens <= load.limits.max_num_batched_tokens * probe.result.steps);
  }
}

TEST_CASE("7.2-34: Little's law holds exactly: the integral of N is the sum of times in system") {
  for (std::uint64_t seed = 1; seed <= loads; ++seed) {
    const probe::RandomLoad load = probe::random_load(seed);
    CAPTURE(load.describe());
    const probe::Probe probe = run(load);
    Int128 in_system = 0;
    for (const RequestRecord& r : probe.result.requests) {
      in_system += (r.finish - r.arrival).ps;
    }
    const SeriesPoint& total = probe.result.replicas[0].total;
    REQUIRE((total.running_ps + total.waiting_ps == in_system));
  }
}

TEST_CASE("7.2-34: so it does with those that the front end has, wherever the run stops") {
  std::int64_t left = 0;
  for (std::uint64_t seed = 1; seed <= loads; ++seed) {
    const probe::RandomLoad load = probe::random_load(seed);
    CAPTURE(load.describe());
    Scenario scenario = probe::scenario(load.limits);
    const std::int64_t step = load.step.base;
    scenario.engine.front_end_latency = {step * static_cast<std::int64_t>(seed % 5)};
    scenario.until =
        seed % 3 > 0 ? SimTime{step * static_cast<std::int64_t>(seed % 37)} : SimTime::never();
    const Result result = probe::run(scenario, load.requests, load.step).result;
    Int128 in_system = 0;
    std::int64_t arrived = 0;
    for (const RequestRecord& r : result.requests) {
      if (r.status != RequestStatus::rejected) {  // those are in no replica's series
        in_system += ((r.finish < SimTime{} ? result.duration : r.finish) - r.arrival).ps;
        ++arrived;
      }
      left += r.status == RequestStatus::queued ? 1 : 0;
    }
    const SeriesPoint& total = result.replicas[0].total;
    REQUIRE((total.running_ps + total.waiting_ps == in_system));
    REQUIRE(total.arrivals == arrived);
  }
  CHECK(left > 100);
}

TEST_CASE("cost: accounts sum to busy time, requests to the accounts, nothing is negative") {
  for (std::uint64_t seed = 1; seed <= loads; ++seed) {
    const probe::RandomLoad load = probe::random_load(seed);
    CAPTURE(load.describe());
    const probe::Probe probe = run(load);
    const Result& result = probe.result;
    REQUIRE((booked_ps(result) == busy_ps(result)));
    REQUIRE((booked_ps(result) + result.ledger.idle == result.ledger.wall));
    Int128 by_request = result.ledger.classes[0].recompute;
    for (const RequestRecord& r : result.requests) {
      REQUIRE(r.busy_ps >= 0);
      by_request += r.busy_ps;
    }
    // Whole picoseconds a sequence: what a step of n leaves over is at most n - 1 of each cause.
    const Int128 rounding = booked_ps(result) - by_request;
    REQUIRE((rounding >= 0));
    REQUIRE((rounding <= result.steps * 5 * load.limits.max_num_seqs));
  }
}

TEST_CASE("7.2-7,6: at the end no block is held, peak blocks of one request are ceil") {
  const probe::Probe probe = probe::run(probe::scenario({}), {probe::request(0, 33, 40)}, {});
  CHECK(probe.result.replicas[0].blocks_peak == blocks_for(33 + 40 - 1, 16));
  CHECK(probe.result.replicas[0].series.back().completed == 1);
}

TEST_CASE("7.2-14: FCFS admits in order of arrival") {
  for (std::uint64_t seed = 1; seed <= loads; ++seed) {
    const probe::RandomLoad load = probe::random_load(seed);
    if (load.limits.priority) {
      continue;
    }
    CAPTURE(load.describe());
    SimTime last;
    for (const RequestRecord& r : run(load).result.requests) {
      if (r.status == RequestStatus::completed) {
        REQUIRE(r.first_scheduled >= last);
        last = r.first_scheduled;
      }
    }
  }
}

TEST_CASE("7.2-27: scaling all times by k scales every latency by k") {
  for (std::uint64_t seed = 1; seed <= loads / 3; ++seed) {
    probe::RandomLoad load = probe::random_load(seed);
    CAPTURE(load.describe());
    const probe::Probe once = run(load);
    const std::int64_t k = 7;
    load.step.base *= k;
    load.step.per_token *= k;
    load.step.per_kv *= k;
    load.step.per_window *= k;
    for (Request& r : load.requests) {
      r.arrival = r.arrival * k;
    }
    const probe::Probe scaled = run(load);
    for (std::size_t i = 0; i < load.requests.size(); ++i) {
      REQUIRE(scaled.result.requests[i].finish == once.result.requests[i].finish * k);
      REQUIRE(scaled.result.requests[i].first_token.ps ==
              (once.result.requests[i].first_token.ps < 0
                   ? -1
                   : once.result.requests[i].first_token.ps * k));
    }
  }
}

TEST_CASE("7.2-30: removing future arrivals does not change the past") {
  for (std::uint64_t seed = 1; seed <= loads / 3; ++seed) {
    probe::RandomLoad load = probe::random_load(seed);
    CAPTURE(load.describe());
    const probe::Probe all = run(load);
    const SimTime cut = load.requests[load.requests.size() / 2].arrival;
    std::erase_if(load.requests, [&](const Request& r) { return r.arrival > cut; });
    const probe::Probe some = run(load);
    for (std::size_t i = 0; i < load.requests.size(); ++i) {
      for (std::size_t t = 0; t < some.tokens[i].size() && some.tokens[i][t] <= cut; ++t) {
        REQUIRE(some.tokens[i][t] == all.tokens[i][t]);
      }
    }
  }
}

TEST_CASE("7.2-31: no policy sees the true output length before the step that would end it") {
  for (std::uint64_t seed = 1; seed <= loads / 3; ++seed) {
    probe::RandomLoad load = probe::random_load(seed);
    if (load.limits.async) {
      continue;  // there max_tokens, which is the output length here, is part of the schedule
    }
    CAPTURE(load.describe());
    const probe::Probe before = run(load);
    Request& changed = load.requests[load.requests.size() / 2];
    const std::size_t index = load.requests.size() / 2;
    if (before.result.requests[index].status == RequestStatus::rejected) {
      continue;
    }
    changed.output_tokens = std::max<std::int64_t>(1, changed.output_tokens / 2);
    const probe::Probe after = run(load);
    const SimTime boundary = after.result.requests[index].finish;
    for (std::size_t i = 0; i < load.requests.size(); ++i) {
      for (std::size_t t = 0; t < after.tokens[i].size() && after.tokens[i][t] < boundary; ++t) {
        REQUIRE(after.tokens[i][t] == before.tokens[i][t]);
      }
    }
  }
}

TEST_CASE("7.2-36: TPOT times gaps plus TTFT is E2E, the pooled gaps are those of the requests") {
  for (std::uint64_t seed = 1; seed <= loads; ++seed) {
    const probe::RandomLoad load = probe::random_load(seed);
    CAPTURE(load.describe());
    const probe::Probe probe = run(load);
    std::int64_t gaps = 0;
    std::int64_t longest = 0;
    Int128 sum = 0;
    for (const std::vector<SimTime>& tokens : probe.tokens) {
      for (std::size_t t = 1; t < tokens.size(); ++t) {
        ++gaps;
        sum += (tokens[t] - tokens[t - 1]).ps;
        longest = std::max(longest, (tokens[t] - tokens[t - 1]).ps);
      }
    }
    REQUIRE(probe.result.gaps.count == gaps);
    REQUIRE((probe.result.gaps.sum == sum));
    REQUIRE(probe.result.gaps.max == longest);
  }
}

TEST_CASE("the pooled gaps leave out requests that arrive within the warm-up") {
  for (std::uint64_t seed = 1; seed <= loads / 3; ++seed) {
    const probe::RandomLoad load = probe::random_load(seed);
    CAPTURE(load.describe());
    Scenario scenario = probe::scenario(load.limits);
    scenario.workload.warmup = load.requests[load.requests.size() / 2].arrival;
    const probe::Probe probe = probe::run(scenario, load.requests, load.step);
    std::int64_t gaps = 0;
    Int128 sum = 0;
    for (std::size_t i = 0; i < load.requests.size(); ++i) {
      const std::vector<SimTime>& tokens = probe.tokens[i];
      if (tokens.empty() || load.requests[i].arrival < scenario.workload.warmup) {
        continue;
      }
      gaps += static_cast<std::int64_t>(tokens.size()) - 1;
      sum += (tokens.back() - tokens.front()).ps;
    }
    REQUIRE(probe.result.gaps.count == gaps);
    REQUIRE((probe.result.gaps.sum == sum));
  }
}

TEST_CASE("the time series shares out every step: intervals add up to the whole") {
  for (std::uint64_t seed = 1; seed <= loads / 3; ++seed) {
    const probe::RandomLoad load = probe::random_load(seed);
    CAPTURE(load.describe());
    Scenario scenario = probe::scenario(load.limits);
    scenario.timeseries_interval = SimTime{load.step.base / 3};  // shorter than a step
    const ReplicaResult fine =
        probe::run(scenario, load.requests, load.step).result.replicas.front();
    const ReplicaResult coarse = run(load).result.replicas.front();
    REQUIRE((fine.total.flop_time == coarse.total.flop_time));
    REQUIRE((fine.total.byte_time == coarse.total.byte_time));
    REQUIRE((fine.total.blocks_ps == coarse.total.blocks_ps));
    REQUIRE(fine.total.busy_ps == coarse.total.busy_ps);
    for (const SeriesPoint& point : fine.series) {
      REQUIRE(((point.flop_time > 0) <= (point.busy_ps > 0)));
      REQUIRE(point.busy_ps <= scenario.timeseries_interval.ps);
    }
  }
}

// cost.md §3: occupancy.
TEST_CASE("the block-time that requests are charged with is the integral of the blocks in use") {
  for (std::uint64_t seed = 1; seed <= loads; ++seed) {
    const probe::RandomLoad load = probe::random_load(seed);
    CAPTURE(load.describe());
    const Result result = run(load).result;
    Int128 held = 0;
    for (const LedgerTotals::ClassAccounts& account : result.ledger.classes) {
      REQUIRE(account.input_block_ps >= 0);
      REQUIRE(account.output_block_ps >= 0);
      held += account.input_block_ps + account.output_block_ps;
    }
    Int128 used = 0;
    for (const ReplicaResult& replica : result.replicas) {
      used += replica.total.blocks_ps;
    }
    REQUIRE((held == used));
  }
}

}  // namespace penstock
