#include "tools/output/tariff.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/sample_run.h"
#include "tools/output/margins.h"

namespace penstock::output {
namespace {

using Requests = std::vector<TariffRequest>;

double charged(const Requests& requests, const TariffFit& fit) {
  double sum = 0;
  for (const TariffRequest& r : requests) {
    sum += (fit.per_million[0].value_or(0) * static_cast<double>(r.input) +
            fit.per_million[1].value_or(0) * static_cast<double>(r.cached_input) +
            fit.per_million[2].value_or(0) * static_cast<double>(r.output)) /
           1e6;
  }
  return sum;
}

config::ListPrice two_step_price() {
  config::ListPrice price;
  price.name = "example";
  price.currency = "USD";
  price.steps = {{0, 2, 0.5, 8}, {300, 4, {}, 12}};
  return price;
}

TEST_CASE("costs that are linear in the tokens give back their prices") {
  Requests requests;
  for (std::int64_t i = 1; i <= 50; ++i) {
    const std::int64_t cached = 13 * i % 7;
    const std::int64_t output = 1 + i * i % 31;
    requests.push_back({100 * i, cached, output,
                        (0.2 * 100 * static_cast<double>(i) + 0.05 * static_cast<double>(cached) +
                         1.6 * static_cast<double>(output)) /
                            1e6});
  }
  const Tariff tariff = fit_tariff(requests);
  REQUIRE(tariff.linear.is_fitted());
  CHECK(*tariff.linear.per_million[0] == doctest::Approx(0.2).epsilon(1e-9));
  CHECK(*tariff.linear.per_million[1] == doctest::Approx(0.05).epsilon(1e-4));
  CHECK(*tariff.linear.per_million[2] == doctest::Approx(1.6).epsilon(1e-9));
  CHECK(*tariff.linear.r2 == doctest::Approx(1));
  CHECK(tariff.linear.overcharged.requests == 0);
  CHECK(tariff.linear.undercharged.requests == 0);
  CHECK(tariff.longest.requests == 1);
  CHECK_FALSE(tariff.two_step);
}

TEST_CASE("a tariff computed by hand") {
  // Slope (1 x 1 + 2 x 3) / (1 + 4) = 7/5 asks 4.2 for what costs 4: scaled to 4/3 a token.
  const Tariff tariff = fit_tariff(Requests{{1, 0, 0, 1}, {2, 0, 0, 3}});
  REQUIRE(tariff.linear.is_fitted());
  CHECK(*tariff.linear.per_million[0] == doctest::Approx(4e6 / 3));
  CHECK_FALSE(tariff.linear.per_million[2]);
  CHECK(*tariff.linear.r2 == doctest::Approx(8.0 / 9));
  CHECK(tariff.bill == doctest::Approx(4));
  CHECK(tariff.longest.from_tokens == 2);
  CHECK(tariff.longest.subsidy == doctest::Approx(1.0 / 3));
}

TEST_CASE("no price of a tariff is below zero") {
  // Unbounded squares would ask 1.5 for input and -5 for output.
  const Tariff tariff = fit_tariff(Requests{{10, 0, 1, 10}, {10, 0, 2, 5}});
  REQUIRE(tariff.linear.is_fitted());
  CHECK(*tariff.linear.per_million[0] == doctest::Approx(0.75e6));
  CHECK(*tariff.linear.per_million[2] == 0);
  CHECK(*tariff.linear.r2 == doctest::Approx(0));
}

TEST_CASE("a tariff recovers the bill, whatever the order of requests") {
  Requests requests;
  std::uint64_t state = 7;
  const auto next = [&state](std::uint64_t below) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::int64_t>((state >> 33U) % below);
  };
  double bill = 0;
  for (int i = 0; i < 2000; ++i) {
    requests.push_back(
        {1 + next(9000), next(500), 1 + next(900), 1e-6 * static_cast<double>(1 + next(100'000))});
    bill += requests.back().cost;
  }
  const Tariff tariff = fit_tariff(requests, 4000);
  REQUIRE(tariff.linear.is_fitted());
  CHECK(charged(requests, tariff.linear) == doctest::Approx(bill).epsilon(1e-9));
  CHECK(tariff.bill == doctest::Approx(bill).epsilon(1e-9));
  CHECK(tariff.longest.requests >= 20);
  CHECK(tariff.linear.overcharged.requests > 0);
  std::reverse(requests.begin(), requests.end());
  const Tariff again = fit_tariff(requests, 4000);
  CHECK(again.linear.per_million == tariff.linear.per_million);
  CHECK(again.linear.r2 == tariff.linear.r2);
  CHECK(again.two_step->above == tariff.two_step->above);
  CHECK(again.longest.subsidy == tariff.longest.subsidy);
}

TEST_CASE("who pays more than twice or less than half of the cost is counted") {
  Requests requests(8, {10, 0, 0, 10});
  requests.push_back({10, 0, 0, 1});   // charged 12.3 of 1
  requests.push_back({10, 0, 0, 42});  // 12.3 of 42
  const Tariff tariff = fit_tariff(requests);
  CHECK(tariff.linear.overcharged.requests == doctest::Approx(0.1));
  CHECK(tariff.linear.overcharged.bill == doctest::Approx(1.0 / 123));
  CHECK(tariff.linear.undercharged.requests == doctest::Approx(0.1));
  CHECK(tariff.linear.undercharged.bill == doctest::Approx(42.0 / 123));
}

TEST_CASE("a threshold gives long prompts prices of their own") {
  Requests requests;
  for (std::int64_t i = 1; i <= 40; ++i) {
    const bool above = 10 * i > 200;
    const std::int64_t output = 1 + i % 5;
    requests.push_back({10 * i, 0, output,
                        static_cast<double>(10 * i) * (above ? 2 : 1) +
                            static_cast<double>(output) * (above ? 9 : 5)});
  }
  const Tariff tariff = fit_tariff(requests, 200);
  REQUIRE(tariff.two_step);
  REQUIRE(tariff.two_step->is_fitted());
  CHECK(*tariff.two_step->per_million[0] == doctest::Approx(1e6));
  CHECK(*tariff.two_step->per_million[2] == doctest::Approx(5e6));
  CHECK(*tariff.two_step->above[0] == doctest::Approx(2e6));
  CHECK(*tariff.two_step->above[2] == doctest::Approx(9e6));
  CHECK(*tariff.two_step->r2 == doctest::Approx(1));
  CHECK(*tariff.linear.r2 < 0.99);
  CHECK(fit_tariff(requests, 400).two_step->missing == "no prompt is longer than the threshold");
  CHECK(fit_tariff(requests, 1).two_step->missing == "every prompt is longer than the threshold");
}

TEST_CASE("a tariff that means nothing is not given, with a reason") {
  const Tariff fixed = fit_tariff(Requests(9, {800, 0, 100, 0.3}));
  CHECK_FALSE(fixed.linear.is_fitted());
  CHECK(fixed.linear.missing.find("one fixed ratio") != std::string::npos);
  CHECK_FALSE(fixed.linear.per_million[0]);
  CHECK(fit_tariff({}).linear.missing == "no request was served at a cost");
  CHECK(fit_tariff(Requests{{5, 0, 5, 0}}, 3).two_step->missing ==
        "no request was served at a cost");
  const Tariff equal = fit_tariff(Requests(3, {800, 0, 0, 0.3}));
  CHECK(equal.linear.is_fitted());
  CHECK_FALSE(equal.linear.r2);
}

TEST_CASE("the requests of a run carry their tokens and the bill") {
  const test::SampleRun run = test::sample_run();
  Summary summary;
  summary.bill = make_bill(run.scenario, run.result);
  const Requests requests = tariff_requests(summary.bill, run.result);
  CHECK(requests.size() == 5);  // not the rejected and the queued one
  double sum = 0;
  for (const TariffRequest& request : requests) {
    sum += request.cost;
  }
  CHECK(sum == doctest::Approx(summary.bill.total));
  CHECK(requests.front().input == 100);
  CHECK(requests.front().output == 5);
}

TEST_CASE("a list price bills the whole request at the step that its prompt is above") {
  const test::SampleRun run = test::sample_run();
  Summary summary;
  summary.bill = make_bill(run.scenario, run.result);
  const Requests requests{{100, 100, 10, 1}, {200, 101, 20, 1}};
  const Margin margin = margin_at(two_step_price(), requests, summary, "USD");
  REQUIRE(margin.missing.empty());
  CHECK(margin.long_requests == 1);
  CHECK(margin.revenue[0] == doctest::Approx((100 * 2 + 200 * 4) / 1e6));
  CHECK(margin.revenue[1] == doctest::Approx((100 * 0.5 + 101 * 4) / 1e6));
  CHECK(margin.revenue[2] == doctest::Approx((10 * 8 + 20 * 12) / 1e6));
  CHECK(margin.total_cost == summary.bill.total);
  CHECK(margin.margin() == doctest::Approx(1 - summary.bill.total / margin.total_revenue));
  CHECK(margin_at(two_step_price(), requests, summary, "EUR").missing ==
        "the list price is in USD, the costs of this run are in EUR");
  CHECK_FALSE(margin_at(two_step_price(), {}, summary, "USD").missing.empty());
}

}  // namespace
}  // namespace penstock::output
