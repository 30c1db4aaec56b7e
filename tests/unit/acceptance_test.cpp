// How many tokens verification yields, against steps drawn one by one.

#include "sim/engine/acceptance.h"

#include <doctest/doctest.h>

#include <cmath>

#include "sim/core/rng.h"

namespace penstock {
namespace {

struct Moments {
  double mean = 0;
  double deviation = 0;
};

template <typename Draw>
Moments moments_of(std::int64_t draws, Draw draw) {
  double sum = 0;
  double squares = 0;
  for (std::int64_t i = 0; i < draws; ++i) {
    const auto steps = static_cast<double>(draw(i));
    sum += steps;
    squares += steps * steps;
  }
  const double mean = sum / static_cast<double>(draws);
  return {mean, std::sqrt(std::max(0.0, squares / static_cast<double>(draws) - mean * mean))};
}

/// Step by step, draft by draft.
std::int64_t naive_steps(const std::vector<double>& acceptance, std::int64_t tokens, Rng& rng) {
  std::int64_t steps = 0;
  while (tokens > 0) {
    ++steps;
    --tokens;
    for (const double p : acceptance) {
      if (rng.uniform() >= p) {
        break;
      }
      --tokens;
    }
  }
  return steps;
}

TEST_CASE("1.8.4: tokens a step are 1 + p1 + p1 p2 + ...") {
  CHECK(AcceptanceLaw(std::vector<double>{0.7}).mean() == doctest::Approx(1.7));
  CHECK(AcceptanceLaw(std::vector<double>{0.7, 0.7, 0.7}).mean() ==
        doctest::Approx((1 - std::pow(0.7, 4)) / 0.3));
  CHECK(AcceptanceLaw(std::vector<double>{0.9, 0.5, 0.0}).mean() ==
        doctest::Approx(1 + 0.9 + 0.45));
}

TEST_CASE("6-15: drafts that are all accepted take ceil(tokens / (k + 1)) steps, none: each one") {
  const AcceptanceLaw all(std::vector<double>(3, 1.0));
  const AcceptanceLaw none(std::vector<double>(3, 0.0));
  for (std::int64_t tokens = 0; tokens < 3000; tokens += 1 + tokens / 7) {
    CAPTURE(tokens);
    CHECK(all.draw_steps(tokens, static_cast<std::uint64_t>(tokens)) == (tokens + 3) / 4);
    CHECK(none.draw_steps(tokens, static_cast<std::uint64_t>(tokens)) == tokens);
  }
}

TEST_CASE("steps drawn together have the law of steps drawn one by one") {
  const std::vector<std::vector<double>> acceptances{
      {0.6}, {0.7, 0.7, 0.7}, {0.9, 0.6, 0.3, 0.1}, std::vector<double>(7, 0.85)};
  Rng rng(11, "acceptance");
  std::uint64_t key = 1;
  for (const std::vector<double>& acceptance : acceptances) {
    const AcceptanceLaw law(acceptance);
    for (const std::int64_t tokens : {1, 2, 5, 17, 200, 3000}) {
      CAPTURE(acceptance.size());
      CAPTURE(tokens);
      const std::int64_t draws = tokens > 1000 ? 4'000 : 20'000;
      const Moments want =
          moments_of(draws, [&](std::int64_t) { return naive_steps(acceptance, tokens, rng); });
      const Moments got =
          moments_of(draws, [&](std::int64_t) { return law.draw_steps(tokens, key++); });
      // Four standard errors of a difference of means; of deviations, about as much.
      const double error = 4 * std::sqrt(2.0 / static_cast<double>(draws)) * want.deviation;
      CHECK(std::abs(got.mean - want.mean) <= error + 1e-12);
      CHECK(std::abs(got.deviation - want.deviation) <= error + 1e-12);
    }
  }
}

TEST_CASE("the same key draws the same number") {
  const AcceptanceLaw law(std::vector<double>(4, 0.6));
  CHECK(law.draw_steps(500, 42) == law.draw_steps(500, 42));
  CHECK(law.draw_steps(500, 42) != law.draw_steps(500, 43));
}

TEST_CASE("the pace is a fraction near the mean") {
  for (double p = 0; p <= 1; p += 0.01) {
    const AcceptanceLaw law(std::vector<double>(3, p));
    const Pace pace = make_pace(law, 6);
    CAPTURE(p);
    CHECK(pace.unit <= 16);
    CHECK(pace.ahead == 6);
    CHECK(std::abs(static_cast<double>(pace.advance) / static_cast<double>(pace.unit) -
                   law.mean()) <= 1.0 / 32);
  }
  const Pace none = make_pace(AcceptanceLaw(std::vector<double>{0.0}), 0);
  CHECK(none.unit == 1);
  CHECK(none.advance == 1);
}

}  // namespace
}  // namespace penstock
