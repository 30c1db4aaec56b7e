#include <doctest/doctest.h>

#include "tests/support/random_load.h"

/// Clients that give up (scheduler-semantics 1.5.8).
namespace penstock {
namespace {

Scenario impatient(const probe::RandomLoad& load, SimTime timeout) {
  Scenario scenario = probe::scenario(load.limits);
  scenario.workload.classes[0].timeout = timeout;
  return scenario;
}

/// Of all loads a third has stages.
probe::RandomLoad load_of(std::uint64_t seed) {
  probe::RandomLoad load =
      seed % 2 == 0 ? probe::random_content_load(seed) : probe::random_load(seed);
  if (seed % 3 == 0) {
    load.limits.async = false;
    load.limits.stages = 2 + static_cast<int>(seed / 6 % 3);
  }
  return load;
}

}  // namespace

TEST_CASE("1.5.8: an aborted request leaves at the next schedule and gives its blocks back") {
  // Two at a time need 4 + 4 blocks of 8; the third waits for the second to give up.
  Scenario scenario = probe::scenario({.max_num_seqs = 2, .block_size = 2, .usable_blocks = 60});
  scenario.workload.classes[0].timeout = SimTime::from_seconds(3.5);
  const probe::Probe run = probe::run(
      scenario, {probe::request(0, 3, 3), probe::request(0, 3, 50), probe::request(1, 3, 2)}, {});
  const RequestRecord& patient = run.result.requests[0];
  const RequestRecord& aborted = run.result.requests[1];
  const RequestRecord& last = run.result.requests[2];
  CHECK(patient.status == RequestStatus::completed);
  CHECK(patient.finish.seconds() == 3);
  CHECK(aborted.status == RequestStatus::aborted);
  CHECK(aborted.finish.seconds() == 4);  // it is in the step from 3 to 4
  CHECK(aborted.output_tokens == 4);
  CHECK(last.status == RequestStatus::completed);
  CHECK(last.first_token.seconds() == 4);  // it took the place of the first
}

TEST_CASE("1.5.8: a request that waits too long is never computed") {
  Scenario scenario = probe::scenario({.max_num_seqs = 1});
  scenario.workload.classes[0].timeout = SimTime::from_seconds(5);
  const probe::Probe run =
      probe::run(scenario, {probe::request(0, 4, 5), probe::request(0, 4, 5)}, {});
  CHECK(run.result.requests[0].status == RequestStatus::completed);  // at its deadline
  CHECK(run.result.requests[1].status == RequestStatus::aborted);
  CHECK(run.result.requests[1].first_scheduled.ps == -1);
  CHECK(run.result.requests[1].finish.seconds() == 5);
}

TEST_CASE("clients that give up: every request ends, whatever path computes it") {
  int aborted = 0;
  int completed = 0;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    const probe::RandomLoad load = load_of(seed);
    CAPTURE(load.describe());
    const Scenario scenario =
        impatient(load, SimTime{load.step.base * static_cast<std::int64_t>(2 + seed % 23)});
    const auto with = [&](bool fast, bool leap) {
      return probe::run(scenario, load.requests, load.step, fast, leap).result;
    };
    const Result both = with(true, true);
    const std::string want = probe::fingerprint(both);
    REQUIRE_MESSAGE(probe::fingerprint(with(false, false)) == want, "slow path");
    REQUIRE_MESSAGE(probe::fingerprint(with(true, false)) == want, "no leaping");
    for (const RequestRecord& record : both.requests) {
      const bool ended = record.status == RequestStatus::completed ||
                         record.status == RequestStatus::rejected ||
                         record.status == RequestStatus::aborted;
      REQUIRE(ended);
      aborted += record.status == RequestStatus::aborted ? 1 : 0;
      completed += record.status == RequestStatus::completed ? 1 : 0;
    }
  }
  CHECK(aborted > 300);
  CHECK(completed > 300);
}

TEST_CASE("cost.md 2: work for clients that gave up stands apart, and the others pay for it") {
  int seen = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const probe::RandomLoad load = load_of(seed);
    CAPTURE(load.describe());
    const Scenario scenario =
        impatient(load, SimTime{load.step.base * static_cast<std::int64_t>(2 + seed % 23)});
    const Result result = probe::run(scenario, load.requests, load.step).result;
    std::int64_t input = 0;
    std::int64_t cached = 0;
    std::int64_t output = 0;
    Int128 served = 0;
    Int128 lost = 0;
    for (const RequestRecord& record : result.requests) {
      (record.status == RequestStatus::aborted ? lost : served) += record.busy_ps;
      if (record.status == RequestStatus::completed) {
        input += record.input_tokens - record.cached_tokens;
        cached += record.cached_tokens;
        output += record.output_tokens;
      }
    }
    const LedgerTotals::ClassAccounts& account = result.ledger.classes.at(0);
    CHECK(account.input_tokens == input);
    CHECK(account.cached_input_tokens == cached);
    CHECK(account.output_tokens == output);
    CHECK(account.aborted == lost);
    Int128 booked = 0;
    for (const LedgerTotals::ByCause& causes : account.accounts) {
      for (const Int128 amount : causes) {
        booked += amount;
      }
    }
    CHECK(booked >= served);  // and what steps cannot divide among their sequences
    CHECK(booked + lost + account.recompute + result.ledger.idle == result.ledger.wall);
    seen += lost > 0 ? 1 : 0;
  }
  CHECK(seen > 50);
}

}  // namespace penstock
