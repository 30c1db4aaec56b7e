#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "tests/support/workload_text.h"
#include "workloads/lengths.h"
#include "workloads/limits.h"

namespace penstock {
namespace {

using test::make_length;

LengthSpec fixed(double value) { return make_length(LengthSpec::Kind::fixed, value, 0); }

LengthSpec uniform(double low, double high) {
  return make_length(LengthSpec::Kind::uniform, low, high);
}

LengthSpec lognormal(double mu, double sigma) {
  return make_length(LengthSpec::Kind::lognormal, mu, sigma);
}

LengthSpec quantiles(std::vector<double> probabilities, std::vector<double> values) {
  LengthSpec spec = make_length(LengthSpec::Kind::quantiles, 0, 0);
  spec.probabilities = std::move(probabilities);
  spec.values = std::move(values);
  return spec;
}

/// Largest distance between the samples' distribution and a cumulative one over whole numbers.
template <typename Cdf>
double ks_distance(const LengthSpec& spec, const Cdf& cdf) {
  constexpr int samples = 50'000;
  LengthSampler sampler(spec, 7, "input/test");
  std::vector<std::int64_t> drawn;
  drawn.reserve(samples);
  for (int i = 0; i < samples; ++i) {
    drawn.push_back(sampler.next());
  }
  std::sort(drawn.begin(), drawn.end());
  double distance = 0;
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    if (i + 1 == drawn.size() || drawn[i + 1] != drawn[i]) {
      const double empirical = static_cast<double>(i + 1) / samples;
      distance = std::max(distance, std::abs(empirical - cdf(static_cast<double>(drawn[i]))));
    }
  }
  return distance;
}

constexpr double ks_limit = 0.009;  // 2 / sqrt(50,000): one in 1,500 would exceed it

}  // namespace

TEST_CASE("fixed lengths are rounded to whole tokens from 1 to the limit") {
  CHECK(length_at(fixed(8000), 0.5) == 8000);
  CHECK(length_at(fixed(7.5), 0.5) == 8);
  CHECK(length_at(fixed(7.49), 0.5) == 7);
  CHECK(length_at(fixed(0.2), 0.5) == 1);
  CHECK(length_at(fixed(1e12), 0.5) == max_request_tokens);
}

TEST_CASE("uniform lengths reach both ends with equal shares") {
  const LengthSpec spec = uniform(10, 13);
  CHECK(length_at(spec, 1e-17) == 10);
  CHECK(length_at(spec, 0.2499) == 10);
  CHECK(length_at(spec, 0.25) == 11);
  CHECK(length_at(spec, 0.75) == 13);
  CHECK(length_at(spec, std::nextafter(1.0, 0.0)) == 13);
  CHECK(length_at(uniform(5, 5), 0.9) == 5);
}

TEST_CASE("lognormal lengths have their median and quantiles") {
  const LengthSpec spec = lognormal(std::log(2000.0), 0.5);
  CHECK(length_at(spec, 0.5) == 2000);
  CHECK(length_at(spec, 0.95) == std::llround(2000 * std::exp(0.5 * 1.6448536269514722)));
  CHECK(length_at(lognormal(-50, 1), 0.5) == 1);
  CHECK(length_at(lognormal(900, 1), 0.5) == max_request_tokens);
  CHECK(length_at(lognormal(3, 0), 0.1) == 20);
}

TEST_CASE("quantile lengths pass through every point, linear between") {
  const LengthSpec spec = quantiles({0, 0.5, 0.9, 1}, {10, 20, 100, 1000});
  CHECK(length_at(spec, 0.5) == 20);
  CHECK(length_at(spec, 0.25) == 15);
  CHECK(length_at(spec, 0.7) == 60);
  CHECK(length_at(spec, 0.9) == 100);
  CHECK(length_at(spec, 0.95) == 550);
  CHECK(length_at(spec, 1e-17) == 10);
  CHECK(length_at(spec, std::nextafter(1.0, 0.0)) == 1000);
  CHECK(length_at(quantiles({0, 0.5, 1}, {0, 0, 5}), 0.3) == 1);
}

TEST_CASE("drawn lengths follow their distribution") {
  CHECK(ks_distance(uniform(1, 200), [](double n) { return n / 200; }) < ks_limit);
  const double mu = std::log(1500.0);
  CHECK(ks_distance(lognormal(mu, 1.1), [&](double n) {
          return 0.5 * std::erfc(-(std::log(n + 0.5) - mu) / 1.1 / std::sqrt(2.0));
        }) < ks_limit);
  // Whole numbers are the roundings of their neighbourhood: P(length <= n) = F(n + 1/2).
  CHECK(ks_distance(quantiles({0, 0.5, 0.9, 1}, {10, 20, 100, 1000}), [](double n) {
          const double x = n + 0.5;
          return x < 20    ? (x - 10) / 10 * 0.5
                 : x < 100 ? 0.5 + (x - 20) / 80 * 0.4
                           : std::min(1.0, 0.9 + (x - 100) / 900 * 0.1);
        }) < ks_limit);
}

TEST_CASE("fixed lengths draw no random number, others one for each length") {
  LengthSampler sampler(uniform(1, 1'000'000), 5, "input/x");
  Rng rng(5, "input/x");
  for (int i = 0; i < 10; ++i) {
    const double p = rng.uniform();
    CHECK(sampler.next() == length_at(uniform(1, 1'000'000), p));
  }
}

}  // namespace penstock
