#include "sim/core/math.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "sim/core/rng.h"

namespace penstock {
namespace {

/// The difference in units of the last place of `expected`.
double ulps(double actual, double expected) {
  const double next = std::nextafter(std::fabs(expected), std::numeric_limits<double>::infinity());
  return std::fabs(actual - expected) / (next - std::fabs(expected));
}

}  // namespace

TEST_CASE("log agrees with the C library") {
  double worst = 0;
  for (double x = 1e-300; x < 1e300; x *= 1.0313) {
    worst = std::max(worst, ulps(math::log(x), std::log(x)));
  }
  for (double x = 0.7; x < 1.4; x += 0.000613) {
    worst = std::max(worst, std::fabs(math::log(x) - std::log(x)) / 1.1e-16);
  }
  CHECK(worst <= 4);
  CHECK(math::log(1.0) == 0.0);
  CHECK(math::log(1024.0) == doctest::Approx(10 * std::log(2.0)).epsilon(1e-15));
}

TEST_CASE("exp agrees with the C library") {
  double worst = 0;
  for (double x = -690; x < 690; x += 0.0437) {
    worst = std::max(worst, ulps(math::exp(x), std::exp(x)));
  }
  CHECK(worst <= 4);
  CHECK(math::exp(0.0) == 1.0);
}

TEST_CASE("pow agrees with the C library where step times need it") {
  double worst = 0;
  for (const double y : {1.39, 1.46, 1.79, 2.33, 2.5, 4.0, 1 / 1.39, 1 / 2.5, 0.35}) {
    for (double x = 1e-3; x <= 3; x *= 1.00371) {
      worst = std::max(worst, std::fabs(math::pow(x, y) / std::pow(x, y) - 1));
    }
  }
  CHECK(worst < 4e-15);
  CHECK(math::pow(0.0, 1.79) == 0.0);
  CHECK(math::pow(1.0, 1.79) == 1.0);
  CHECK(math::pow(2.0, 0.5) == doctest::Approx(std::sqrt(2.0)).epsilon(1e-15));
}

TEST_CASE("log, exp and pow give the same bits on every machine") {
  CHECK(math::log(3.0) == 0x1.193ea7aad030ap+0);
  CHECK(math::exp(1.0) == 0x1.5bf0a8b14576ap+1);
  CHECK(math::exp(-20.5) == 0x1.57a3afeed00acp-30);
  CHECK(math::pow(0.37, 2.33) == 0x1.93e5796c0dd8fp-4);
  CHECK(math::pow(1.7, 1 / 1.39) == 0x1.76ffd7bcd679bp+0);
}

TEST_CASE("math::round is std::llround") {
  Rng rng(8, "round");
  for (int i = 0; i < 100'000; ++i) {
    const double x = rng.uniform() * static_cast<double>(std::uint64_t{1} << (i % 60));
    CHECK(math::round(x) == std::llround(x));
    CHECK(math::round(std::floor(x) + 0.5) == std::llround(std::floor(x) + 0.5));
  }
  CHECK(math::round(0.49999999999999994) == 0);
}

}  // namespace penstock
