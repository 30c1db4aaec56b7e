#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "tests/support/random_load.h"

/// The invariants of scheduler-semantics §7.2 for the schedulers of its section 2, on random small
/// loads, with and without clients that give up.
namespace penstock {
namespace {

constexpr std::string_view other_schedulers[] = {"vllm_v0", "orca",   "static",
                                                 "sarathi", "sglang", "tensorrt_llm"};

Int128 all_accounts(const Result& result) {
  Int128 sum = 0;
  for (const LedgerTotals::ClassAccounts& account : result.ledger.classes) {
    sum += account.recompute + account.aborted;
    for (const LedgerTotals::ByCause& causes : account.accounts) {
      sum = std::accumulate(causes.begin(), causes.end(), sum);
    }
  }
  return sum;
}

/// 7.2-2, 10, 11: tokens, and the order of times.
void check_tokens(const probe::RandomLoad& load, const probe::Probe& probe) {
  for (std::size_t i = 0; i < load.requests.size(); ++i) {
    const RequestRecord& r = probe.result.requests[i];
    if (r.status == RequestStatus::rejected) {
      REQUIRE(probe.tokens[i].empty());
      continue;
    }
    const std::int64_t output = std::min(load.requests[i].output_tokens,
                                         load.limits.max_model_len - load.requests[i].input_tokens);
    REQUIRE(r.status == RequestStatus::completed);
    REQUIRE(static_cast<std::int64_t>(probe.tokens[i].size()) == output);
    REQUIRE(r.arrival <= r.first_scheduled);
    REQUIRE(r.first_scheduled < r.first_token);
    REQUIRE(r.first_token == probe.tokens[i].front());
    REQUIRE(r.finish == probe.tokens[i].back());
    REQUIRE(std::is_sorted(probe.tokens[i].begin(), probe.tokens[i].end()));
  }
}

/// 7.2-36: the pooled gaps are those of the requests.
void check_gaps(const probe::Probe& probe) {
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

/// 7.2-34, and money: nothing is lost.
void check_sums(const probe::RandomLoad& load, const Result& result) {
  Int128 in_system = 0;
  Int128 by_request = result.ledger.classes[0].recompute;
  for (const RequestRecord& r : result.requests) {
    in_system += (r.finish - r.arrival).ps;
    by_request += r.busy_ps;
    REQUIRE(r.busy_ps >= 0);
  }
  const SeriesPoint& total = result.replicas[0].total;
  if (load.limits.scheduler == "static") {  // who has finished keeps its slot
    REQUIRE((total.running_ps + total.waiting_ps >= in_system));
  } else {
    REQUIRE((total.running_ps + total.waiting_ps == in_system));
  }
  const Int128 booked = all_accounts(result);
  REQUIRE((booked == total.busy_ps));
  REQUIRE((booked + result.ledger.idle == result.ledger.wall));
  REQUIRE((booked - by_request >= 0));
  REQUIRE((booked - by_request <= result.steps * 5 * load.limits.max_num_seqs));
  const LedgerTotals::ClassAccounts& account = result.ledger.classes[0];
  REQUIRE((account.input_block_ps + account.output_block_ps == total.blocks_ps));
}

}  // namespace

TEST_CASE("7.2-1,2,10,11,34,36: the other engines conserve requests, tokens, time and money") {
  for (const std::string_view scheduler : other_schedulers) {
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
      probe::RandomLoad load = probe::random_engine_load(seed, scheduler);
      load.limits.per_sequence = {};  // blocks beside tokens are booked to nobody
      CAPTURE(load.describe());
      const probe::Probe probe =
          probe::run(probe::engine_scenario(load.limits), load.requests, load.step);
      check_tokens(load, probe);
      check_gaps(probe);
      check_sums(load, probe.result);
      const bool evicts = load.limits.tensorrt_llm.capacity_scheduler_policy ==
                          TensorRtSpec::Capacity::max_utilization;
      if (scheduler == "orca" || scheduler == "static" ||
          (scheduler == "tensorrt_llm" && !evicts)) {
        REQUIRE(probe.result.preemptions == 0);  // 7.2-21
      }
    }
  }
}

TEST_CASE("the other engines' gaps leave out requests that arrive within the warm-up") {
  for (const std::string_view scheduler : other_schedulers) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
      const probe::RandomLoad load = probe::random_engine_load(seed, scheduler);
      CAPTURE(load.describe());
      Scenario scenario = probe::engine_scenario(load.limits);
      scenario.workload.warmup = load.requests[load.requests.size() / 2].arrival;
      const probe::Probe probe = probe::run(scenario, load.requests, load.step);
      std::int64_t gaps = 0;
      Int128 sum = 0;
      for (std::size_t i = 0; i < load.requests.size(); ++i) {
        const std::vector<SimTime>& tokens = probe.tokens[i];
        if (!tokens.empty() && load.requests[i].arrival >= scenario.workload.warmup) {
          gaps += static_cast<std::int64_t>(tokens.size()) - 1;
          sum += (tokens.back() - tokens.front()).ps;
        }
      }
      REQUIRE(probe.result.gaps.count == gaps);
      REQUIRE((probe.result.gaps.sum == sum));
    }
  }
}

TEST_CASE("1.5.8: clients of the other engines give up, whatever path computes it") {
  int aborted = 0;
  for (const std::string_view scheduler : other_schedulers) {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
      const probe::RandomLoad load = probe::random_engine_load(seed, scheduler);
      CAPTURE(load.describe());
      Scenario scenario = probe::engine_scenario(load.limits);
      scenario.workload.classes[0].timeout =
          SimTime{load.step.base * static_cast<std::int64_t>(2 + seed % 23)};
      const auto with = [&](bool fast, bool leap) {
        return probe::run(scenario, load.requests, load.step, fast, leap).result;
      };
      const Result both = with(true, true);
      REQUIRE(probe::fingerprint(with(true, false)) == probe::fingerprint(both));
      REQUIRE(probe::fingerprint(with(false, true)) == probe::fingerprint(both));
      REQUIRE((all_accounts(both) + both.ledger.idle == both.ledger.wall));
      for (const RequestRecord& record : both.requests) {
        REQUIRE(record.status != RequestStatus::running);
        REQUIRE(record.status != RequestStatus::queued);
        aborted += record.status == RequestStatus::aborted ? 1 : 0;
      }
    }
  }
  CHECK(aborted > 1000);
}

TEST_CASE("the other engines stop anywhere: what is unfinished is settled") {
  for (const std::string_view scheduler : other_schedulers) {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
      const probe::RandomLoad load = probe::random_engine_load(seed, scheduler);
      CAPTURE(load.describe());
      Scenario scenario = probe::engine_scenario(load.limits);
      scenario.until = SimTime{load.step.base * static_cast<std::int64_t>(1 + seed % 40)};
      const Result got = probe::run(scenario, load.requests, load.step).result;
      const Result single = probe::run(scenario, load.requests, load.step, true, false).result;
      REQUIRE(probe::fingerprint(got) == probe::fingerprint(single));
      REQUIRE((all_accounts(got) + got.ledger.idle == got.ledger.wall));
    }
  }
}

}  // namespace penstock
