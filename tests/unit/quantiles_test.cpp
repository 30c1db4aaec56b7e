#include "sim/metrics/quantiles.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "sim/core/rng.h"
#include "sim/metrics/gap_histogram.h"
#include "sim/result.h"

namespace penstock {
namespace {

constexpr std::int64_t ps_per_ms = 1'000'000'000;

/// The definition, on sorted values: index (n - 1) p, linear between neighbours.
double type7(std::vector<std::int64_t> values, double p) {
  std::sort(values.begin(), values.end());
  const double index = static_cast<double>(values.size() - 1) * p;
  const auto lower = static_cast<std::size_t>(index);
  const auto low = static_cast<double>(values[lower]);
  if (lower + 1 == values.size()) {
    return low / 1e9;
  }
  const double step = static_cast<double>(values[lower + 1] - values[lower]);
  return (low + (index - static_cast<double>(lower)) * step) / 1e9;
}

void check_against_definition(const std::vector<std::int64_t>& values, double attainment) {
  std::vector<std::int64_t> scratch = values;
  const LatencyStats stats = latency_stats(scratch, attainment);
  CHECK(stats.count == values.size());
  CHECK(stats.p50 == type7(values, 0.50));
  CHECK(stats.p90 == type7(values, 0.90));
  CHECK(stats.p95 == type7(values, 0.95));
  CHECK(stats.p99 == type7(values, 0.99));
  CHECK(stats.at_attainment == type7(values, attainment));
  CHECK(stats.max == static_cast<double>(*std::max_element(values.begin(), values.end())) / 1e9);
  double mean = 0;
  for (const std::int64_t value : values) {
    mean += static_cast<double>(value) / 1e9 / static_cast<double>(values.size());
  }
  double variance = 0;
  for (const std::int64_t value : values) {
    const double difference = static_cast<double>(value) / 1e9 - mean;
    variance += difference * difference / static_cast<double>(values.size());
  }
  CHECK(stats.mean == doctest::Approx(mean).epsilon(1e-9));
  CHECK(stats.std == doctest::Approx(std::sqrt(variance)).epsilon(1e-6));
}

}  // namespace

TEST_CASE("quantiles interpolate linearly between neighbours as numpy does") {
  // numpy.percentile([1, 2, 3, 4], [50, 90, 95, 99]) = 2.5, 3.7, 3.85, 3.97
  std::vector<std::int64_t> values{4 * ps_per_ms, 1 * ps_per_ms, 3 * ps_per_ms, 2 * ps_per_ms};
  const LatencyStats stats = latency_stats(values, 0.25);
  CHECK(stats.mean == 2.5);
  CHECK(stats.p50 == 2.5);
  CHECK(stats.p90 == doctest::Approx(3.7));
  CHECK(stats.p95 == doctest::Approx(3.85));
  CHECK(stats.p99 == doctest::Approx(3.97));
  CHECK(stats.at_attainment == 1.75);
  CHECK(stats.max == 4);
  CHECK(stats.std == doctest::Approx(std::sqrt(1.25)));
}

TEST_CASE("no value gives no statistics, one value gives itself") {
  std::vector<std::int64_t> none;
  CHECK(latency_stats(none, 0.99).count == 0);
  std::vector<std::int64_t> one{7 * ps_per_ms};
  const LatencyStats stats = latency_stats(one, 1.0);
  CHECK(stats.count == 1);
  for (const double value :
       {stats.mean, stats.p50, stats.p90, stats.p99, stats.max, stats.at_attainment}) {
    CHECK(value == 7);
  }
  CHECK(stats.std == 0);
}

TEST_CASE("quantiles of random samples of any spread follow the definition") {
  Rng rng(1, "quantiles");
  for (const std::size_t size : {2U, 3U, 5U, 10U, 99U, 100U, 101U, 1000U, 20'000U}) {
    for (const int spread : {0, 1, 10, 30, 45, 61}) {
      CAPTURE(size);
      CAPTURE(spread);
      std::vector<std::int64_t> values(size);
      for (std::int64_t& value : values) {
        value = static_cast<std::int64_t>(rng.below(std::uint64_t{1} << spread));
      }
      check_against_definition(values, 0.999);
      check_against_definition(values, 0.3);
      check_against_definition(values, 0.93);
    }
  }
}

TEST_CASE("statistics do not depend on the order of the values") {
  Rng rng(2, "order");
  std::vector<std::int64_t> values(5000);
  for (std::int64_t& value : values) {
    value = static_cast<std::int64_t>(rng.exponential(3e11));
  }
  std::vector<std::int64_t> reversed(values.rbegin(), values.rend());
  const LatencyStats a = latency_stats(values, 0.99);
  const LatencyStats b = latency_stats(reversed, 0.99);
  CHECK(a.mean == b.mean);
  CHECK(a.std == b.std);
  CHECK(a.p50 == b.p50);
  CHECK(a.p99 == b.p99);
}

TEST_CASE("the deviation of equal values is zero, and months do not overflow") {
  std::vector<std::int64_t> equal(1000, 123'456'789'012);
  CHECK(latency_stats(equal, 0).std == 0);
  const std::int64_t month = 30 * 86400 * std::int64_t{1'000'000'000'000};
  std::vector<std::int64_t> months;
  for (int i = 0; i < 1000; ++i) {
    months.push_back(i % 2 == 0 ? 0 : 2 * month);
  }
  const LatencyStats stats = latency_stats(months, 0);
  CHECK(stats.mean == doctest::Approx(static_cast<double>(month) / 1e9));
  CHECK(stats.std == doctest::Approx(static_cast<double>(month) / 1e9));
}

TEST_CASE("pooled gaps have exact moments and quantiles within 0.1 %") {
  Rng rng(3, "gaps");
  GapHistogram histogram;
  std::vector<std::int64_t> gaps;
  for (int i = 0; i < 3000; ++i) {
    const auto gap = static_cast<std::int64_t>(rng.exponential(2e10));
    const auto weight = static_cast<std::int64_t>(1 + rng.below(20));
    histogram.add(gap, 0, 1, weight);
    gaps.insert(gaps.end(), static_cast<std::size_t>(weight), gap);
  }
  const LatencyStats pooled = latency_stats(histogram.statistics(), 0.97);
  std::vector<std::int64_t> scratch = gaps;
  const LatencyStats exact = latency_stats(scratch, 0.97);
  CHECK(pooled.count == exact.count);
  CHECK(pooled.mean == exact.mean);
  CHECK(pooled.max == exact.max);
  CHECK(pooled.std == doctest::Approx(exact.std).epsilon(1e-9));
  CHECK(pooled.p50 == doctest::Approx(exact.p50).epsilon(1e-3));
  CHECK(pooled.p90 == doctest::Approx(exact.p90).epsilon(1e-3));
  CHECK(pooled.p99 == doctest::Approx(exact.p99).epsilon(1e-3));
  CHECK(pooled.at_attainment == doctest::Approx(exact.at_attainment).epsilon(1e-3));
}

TEST_CASE("equal gaps have no deviation, and no gap is below the least or above the greatest") {
  GapHistogram histogram;
  histogram.add(20'000'000'407, 0, 1000, 64);
  const LatencyStats stats = latency_stats(histogram.statistics(), 0);
  CHECK(stats.p50 == 20.000000407);
  CHECK(stats.p99 == 20.000000407);
  CHECK(stats.std < 1e-5);
  CHECK(latency_stats(GapHistogram().statistics(), 0).count == 0);
}

}  // namespace penstock
