#include "sim/core/rng.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>

namespace penstock {

TEST_CASE("a stream gives the same numbers on every machine") {
  Rng arrivals(1, "arrivals/default");
  CHECK(arrivals.next() == 0xf5f58994349ea737ULL);
  CHECK(arrivals.next() == 0x74c0655be8cdfe68ULL);
  CHECK(arrivals.next() == 0x61b0718482f61682ULL);
  Rng unnamed(0, "");
  CHECK(unnamed.next() == 0x96bb3c9cab98ed3fULL);
  Rng router(42, "router");
  CHECK(router.uniform() == 0.59212064858749891);
  CHECK(router.uniform() == 0.98753201340012031);
  CHECK(router.uniform() == 0.62535576974015317);
  CHECK(router.normal() == -0.54134160557459243);
  CHECK(router.normal() == 0.40514152567727119);
  CHECK(router.normal() == -1.3978044078183252);
  CHECK(router.exponential(2) == 0.76207414062773515);
  CHECK(router.exponential(2) == 0.85356282059860533);
  for (const std::uint64_t side : {5U, 5U, 4U, 2U, 4U}) {
    CHECK(router.below(6) == side);
  }
}

TEST_CASE("streams of other names and seeds are other streams") {
  Rng a(7, "a");
  Rng same(7, "a");
  Rng b(7, "b");
  Rng other_seed(8, "a");
  const std::uint64_t first = a.next();
  CHECK(first == same.next());
  CHECK(first != b.next());
  CHECK(first != other_seed.next());
}

TEST_CASE("uniform numbers lie inside (0, 1) and have the right moments") {
  Rng rng(3, "moments");
  double sum = 0;
  double squares = 0;
  constexpr int draws = 200'000;
  bool inside = true;
  for (int i = 0; i < draws; ++i) {
    const double u = rng.uniform();
    inside = inside && u > 0 && u < 1;
    sum += u;
    squares += u * u;
  }
  CHECK(inside);
  CHECK(sum / draws == doctest::Approx(0.5).epsilon(0.005));
  CHECK(squares / draws == doctest::Approx(1.0 / 3).epsilon(0.005));
}

TEST_CASE("below(n) gives each number equally often") {
  Rng rng(4, "dice");
  std::array<int, 7> counts{};
  constexpr int draws = 70'000;
  for (int i = 0; i < draws; ++i) {
    ++counts.at(rng.below(7));
  }
  double chi_squared = 0;
  for (const int count : counts) {
    chi_squared += (count - 10'000.0) * (count - 10'000.0) / 10'000.0;
  }
  CHECK(chi_squared < 22.5);  // 6 degrees of freedom: 0.1 %
  CHECK(rng.below(1) == 0);
  CHECK(rng.below(1ULL << 63) < 1ULL << 63);
  CHECK(rng.below(~0ULL) < ~0ULL);
}

TEST_CASE("the normal quantile agrees with published values") {
  // Wichura (1988), section 4.
  CHECK(normal_quantile(0.25) == doctest::Approx(-0.6744897501960817).epsilon(1e-15));
  CHECK(normal_quantile(0.001) == doctest::Approx(-3.090232306167814).epsilon(1e-15));
  CHECK(normal_quantile(1e-20) == doctest::Approx(-9.262340089798408).epsilon(1e-15));
  CHECK(normal_quantile(0.5) == 0.0);
  CHECK(normal_quantile(0.975) == doctest::Approx(1.959963984540054).epsilon(1e-15));
  for (double p = 1e-12; p < 0.5; p *= 1.7) {
    const double back = 0.5 * std::erfc(-normal_quantile(p) / std::sqrt(2.0));
    CHECK(back == doctest::Approx(p).epsilon(1e-13));
  }
}

TEST_CASE("normal and exponential numbers have the right moments") {
  Rng rng(5, "moments");
  double sum = 0;
  double squares = 0;
  double waits = 0;
  constexpr int draws = 200'000;
  for (int i = 0; i < draws; ++i) {
    const double z = rng.normal();
    sum += z;
    squares += z * z;
    waits += rng.exponential(3);
  }
  CHECK(std::fabs(sum / draws) < 0.01);
  CHECK(squares / draws == doctest::Approx(1).epsilon(0.01));
  CHECK(waits / draws == doctest::Approx(3).epsilon(0.01));
}

}  // namespace penstock
