#include "sim/engine/step_run.h"

#include <doctest/doctest.h>

#include "sim/core/rng.h"

namespace penstock {

namespace {

/// The first step boundary at or after `now`, step by step; `steps` if there is none before the
/// end.
std::int64_t boundary_by_steps(const StepRun& run, SimTime now) {
  std::int64_t j = 1;
  while (j < run.steps && run.start_of(j) < now) {
    ++j;
  }
  return j;
}

}  // namespace

TEST_CASE("a leap is cut at the first step boundary at or after a time, as counting finds it") {
  Rng rng(1, "step_run");
  for (int i = 0; i < 20'000; ++i) {
    StepRun run;
    run.start = SimTime{static_cast<std::int64_t>(rng.below(1'000'000'000'000))};
    run.steps = 1 + static_cast<std::int64_t>(rng.below(rng.below(8) == 0 ? 8192 : 40));
    run.first = 1 + static_cast<std::int64_t>(rng.below(rng.below(3) == 0 ? 4 : 60'000'000'000));
    const std::int64_t most_growth = rng.below(3) == 0 ? run.first : run.first / 1000;
    run.growth = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(most_growth) + 1));
    // Near a boundary, or anywhere from before the start to after the end.
    const auto step =
        static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(run.steps) + 1));
    const std::int64_t off = static_cast<std::int64_t>(rng.below(3)) - 1;
    const auto span = static_cast<std::uint64_t>((run.end() - run.start).ps);
    const SimTime anywhere{run.start.ps - 5 + static_cast<std::int64_t>(rng.below(span + 10))};
    const SimTime now = rng.below(2) == 0 ? run.start_of(step) + SimTime{off} : anywhere;

    const std::int64_t expected = boundary_by_steps(run, now);
    StepRun cut = run;
    CAPTURE(i);
    REQUIRE(cut.cut(now) == (expected < run.steps));
    REQUIRE(cut.steps == expected);
  }
}

TEST_CASE("a leap of the longest steps and growths is cut without overflow") {
  StepRun run{.start = SimTime{0}, .steps = StepRun::max_steps};
  run.first = StepRun::max_step_ps / 2;
  run.growth = run.first / StepRun::max_steps;
  const SimTime now = run.start_of(5000) - SimTime{1};
  CHECK(run.cut(now));
  CHECK(run.steps == 5000);
}

}  // namespace penstock
