#include "sim/step/smooth_max.h"

#include <doctest/doctest.h>

#include "sim/core/rng.h"
#include "sim/step/operators.h"

namespace penstock {

TEST_CASE("the tabulated smooth maximum is within 1e-9 of the powers, for every exponent in use") {
  Rng rng(1, "smooth_max");
  for (const double p : {1.39, 1.46, 1.79, 1.8, 2.0, 2.08, 2.33, 2.37, 2.4, 2.46, 2.5, 2.56}) {
    const SmoothMax exact(p);
    const SmoothMaxTable table(p);
    for (int i = 0; i < 20'000; ++i) {
      const double a = math::exp(10 * rng.uniform());
      const double b = math::exp(10 * rng.uniform());
      const double c = math::exp(10 * rng.uniform());
      REQUIRE(table(a, b) == doctest::Approx(exact(a, b)).epsilon(1e-9));
      REQUIRE(table(a, b, c) == doctest::Approx(exact(a, b, c)).epsilon(2e-9));
      REQUIRE(table(a, b) == table(b, a));
      REQUIRE(table(a, b) >= std::max(a, b));
    }
  }
}

TEST_CASE("the tabulated smooth maximum at the ends of its table") {
  const SmoothMaxTable table(2);
  CHECK(table(0, 0) == 0);
  CHECK(table(3, 0) == 3);
  CHECK(table(3, 3) == doctest::Approx(3 * std::sqrt(2.0)).epsilon(1e-12));
  CHECK(table(3, 4) == doctest::Approx(5).epsilon(1e-9));
}

}  // namespace penstock
