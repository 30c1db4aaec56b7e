#include "sim/cost/bill.h"

#include <doctest/doctest.h>

#include <map>
#include <numeric>

#include "sim/core/rng.h"
#include "sim/cost/apportion.h"
#include "tests/support/sample_run.h"

namespace penstock {
namespace {

using test::sample_run;
using test::SampleRun;

constexpr std::array built{CostRule::phase, CostRule::cause,       CostRule::occupancy,
                           CostRule::flops, CostRule::output_only, CostRule::blended};

Bill bill_of(const SampleRun& run) { return make_bill(run.scenario, run.result); }

double sum_of_rule(const PerMillion& prices, const SampleRun& run) {
  double sum = 0;
  for (const auto& traffic : run.result.ledger.classes) {
    const std::array tokens{traffic.input_tokens, traffic.cached_input_tokens,
                            traffic.output_tokens};
    for (std::size_t type = 0; type < token_type_count; ++type) {
      sum += prices.by_type[type].value_or(0) * static_cast<double>(tokens[type]) / 1e6;
    }
  }
  return sum;
}

std::int64_t nano_of(const Bill& bill, std::optional<TokenType> token, const std::string& cause) {
  for (const BillAccount& account : bill.accounts) {
    if (account.token == token && account.cause == cause) {
      return account.nano;
    }
  }
  return 0;
}

}  // namespace

TEST_CASE("largest remainders split an amount exactly, ties to the lower index") {
  CHECK(apportion(10, {1, 1, 1}) == std::vector<Int128>{4, 3, 3});
  CHECK(apportion(0, {1, 2}) == std::vector<Int128>{0, 0});
  CHECK(apportion(7, {0, 0}) == std::vector<Int128>{0, 0});
  CHECK(apportion(5, {0, 3, 0}) == std::vector<Int128>{0, 5, 0});
  CHECK(apportion(100, {3, 6, 1}) == std::vector<Int128>{30, 60, 10});
  CHECK(apportion(3, {}).empty());
}

TEST_CASE("parts of any size sum to the amount and are within one of their share") {
  Rng rng(1, "apportion");
  for (int round = 0; round < 300; ++round) {
    const auto total = static_cast<Int128>(rng.below(std::uint64_t{1} << 62));
    std::vector<Int128> weights(1 + rng.below(12));
    const int scale = static_cast<int>(rng.below(100));
    for (Int128& weight : weights) {
      weight = static_cast<Int128>(rng.below(1000)) << scale;
    }
    const Int128 sum = std::accumulate(weights.begin(), weights.end(), Int128{0});
    const std::vector<Int128> parts = apportion(total, weights);
    const Int128 parts_sum = std::accumulate(parts.begin(), parts.end(), Int128{0});
    CHECK((parts_sum == (sum > 0 ? total : 0)));
    for (std::size_t i = 0; i < parts.size() && sum > 0; ++i) {
      const double share = static_cast<double>(weights[i]) / static_cast<double>(sum);
      const double exact = static_cast<double>(total) * share;
      CHECK(static_cast<double>(parts[i]) == doctest::Approx(exact).epsilon(1e-12));
    }
  }
}

TEST_CASE("the bill is GPUs x time x price, rounded once") {
  SampleRun run = sample_run();
  const Bill bill = bill_of(run);
  CHECK(bill.total_nano == 20'000'000);  // 2 GPUs x 10 s x $3.60/h
  CHECK(bill.total == 0.02);
  CHECK(bill.gpu_hours == doctest::Approx(20.0 / 3600).epsilon(1e-15));
}

TEST_CASE("accounts and ledger rows sum to the bill to the nano-dollar under every rule") {
  for (const CostRule rule : built) {
    for (const double price : {0.0, 1e-7, 2.5, 3.333333, 1e6}) {
      SampleRun run = sample_run();
      run.scenario.prices.rule = rule;
      run.scenario.prices.gpu_per_hour = price;
      const Bill bill = bill_of(run);
      std::int64_t sum = 0;
      for (const BillAccount& account : bill.accounts) {
        CHECK(account.nano >= 0);
        sum += account.nano;
      }
      CHECK(sum == bill.total_nano);
      std::map<std::string, std::int64_t> rows;
      for (const LedgerRow& row : bill.ledger) {
        rows[row.rule] += row.nano;
      }
      CHECK(rows.size() == built.size());
      for (const auto& [name, amount] : rows) {
        CHECK(amount == bill.total_nano);
      }
    }
  }
}

TEST_CASE("prices per million sum to the bill under every rule") {
  const SampleRun run = sample_run();
  const Bill bill = bill_of(run);
  CHECK(bill.rules.size() == built.size());
  for (const RuleResult& rule : bill.rules) {
    CHECK(sum_of_rule(rule.per_million, run) == doctest::Approx(bill.total).epsilon(1e-12));
    CHECK(rule.per_million.blended.value() == doctest::Approx(0.02 / 770 * 1e6));
    CHECK_FALSE(rule.per_million.by_type[1].has_value());  // no cached token
  }
}

TEST_CASE("the default rule charges who causes the time, and spreads idle and recompute") {
  const Bill bill = bill_of(sample_run());
  // 3.25 s of 7.5 busy seconds are input, 4.25 s output; 2 s idle, 0.5 s recompute.
  CHECK(bill.per_million.by_type[0].value() == doctest::Approx(0.02 * 3.25 / 7.5 / 750 * 1e6));
  CHECK(bill.per_million.by_type[2].value() == doctest::Approx(0.02 * 4.25 / 7.5 / 20 * 1e6));
  CHECK(bill.busy_per_million.by_type[0].value() == doctest::Approx(0.02 * 3.25 / 10 / 750 * 1e6));
  for (const std::size_t type : {0U, 2U}) {
    CHECK(bill.busy_per_million.by_type[type].value() +
              bill.idle_per_million.by_type[type].value() ==
          doctest::Approx(bill.per_million.by_type[type].value()).epsilon(1e-12));
  }
  CHECK(nano_of(bill, TokenType::input, "weights") == 1'500'000);
  CHECK(nano_of(bill, TokenType::output, "kv_read_prompt") == 2'300'000);
  CHECK(nano_of(bill, std::nullopt, "idle") == 4'000'000);
  CHECK(nano_of(bill, std::nullopt, "recompute") == 1'000'000);
}

TEST_CASE("rule cause moves the reading of prompts to input tokens") {
  SampleRun run = sample_run();
  run.scenario.prices.rule = CostRule::cause;
  const Bill bill = bill_of(run);
  CHECK(nano_of(bill, TokenType::output, "kv_read_prompt") == 0);
  CHECK(nano_of(bill, TokenType::input, "kv_read_prompt") == 2'300'000);
  CHECK(nano_of(bill, TokenType::output, "kv_read_output") == 450'000);
  CHECK(bill.per_million.by_type[0].value() == doctest::Approx(0.02 * 4.4 / 7.5 / 750 * 1e6));
}

TEST_CASE("rule output_only charges output alone, rule blended every token alike") {
  SampleRun run = sample_run();
  run.scenario.prices.rule = CostRule::output_only;
  CHECK(bill_of(run).per_million.by_type[0].value() == 0);
  CHECK(bill_of(run).per_million.by_type[2].value() == doctest::Approx(0.02 / 20 * 1e6));
  run.scenario.prices.rule = CostRule::blended;
  for (const std::size_t type : {0U, 2U}) {
    CHECK(bill_of(run).per_million.by_type[type].value() == doctest::Approx(0.02 / 770 * 1e6));
  }
}

TEST_CASE("classes and requests sum to the bill under every rule") {
  for (const CostRule rule : built) {
    SampleRun run = sample_run();
    run.scenario.prices.rule = rule;
    const Bill bill = bill_of(run);
    double classes = 0;
    for (const ClassBill& traffic : bill.classes) {
      classes += traffic.total;
    }
    CHECK(classes == doctest::Approx(bill.total).epsilon(1e-12));
    double requests = 0;
    for (std::size_t id = 0; id < run.result.requests.size(); ++id) {
      requests += request_cost(bill, run.result, id);
    }
    CHECK(requests == doctest::Approx(bill.total).epsilon(1e-12));
    CHECK(request_cost(bill, run.result, 4) == 0);  // rejected
  }
}

TEST_CASE("doubling the price doubles every account within a nano-dollar") {
  SampleRun run = sample_run();
  run.scenario.prices.gpu_per_hour = 1.2345678;
  const Bill once = bill_of(run);
  run.scenario.prices.gpu_per_hour *= 2;
  const Bill twice = bill_of(run);
  REQUIRE(once.accounts.size() == twice.accounts.size());
  for (std::size_t i = 0; i < once.accounts.size(); ++i) {
    CHECK(std::abs(twice.accounts[i].nano - 2 * once.accounts[i].nano) <= 2);
  }
}

TEST_CASE("where nothing was served all is idle and no token has a price") {
  SampleRun run = sample_run();
  run.result.ledger.classes.assign(2, {});
  run.result.ledger.idle = run.result.ledger.wall;
  run.result.requests.clear();
  const Bill bill = bill_of(run);
  CHECK(nano_of(bill, std::nullopt, "idle") == bill.total_nano);
  CHECK(bill.total_nano == 20'000'000);
  for (const auto& price : bill.per_million.by_type) {
    CHECK_FALSE(price.has_value());
  }
  CHECK_FALSE(bill.per_million.blended.has_value());
  CHECK(bill.weight == 0);
}

TEST_CASE("time that no token can pay for stays in the bill without an owner") {
  SampleRun run = sample_run();
  run.scenario.prices.rule = CostRule::output_only;
  for (auto& traffic : run.result.ledger.classes) {
    traffic.output_tokens = 0;
  }
  const Bill bill = bill_of(run);
  std::int64_t sum = 0;
  for (const BillAccount& account : bill.accounts) {
    CHECK_FALSE(account.token.has_value());
    sum += account.nano;
  }
  CHECK(sum == bill.total_nano);
}

TEST_CASE("there is no rule by FLOP without hardware") {
  SampleRun run = sample_run();
  run.result.peak = {};
  for (const RuleResult& rule : bill_of(run).rules) {
    CHECK(rule.rule != CostRule::flops);
  }
}

}  // namespace penstock
