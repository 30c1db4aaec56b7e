#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <vector>

#include "sim/cost/phase_split.h"
#include "sim/simulation.h"
#include "tests/support/engine_probe.h"
#include "tests/support/fixtures.h"

/// The split of a step among those in it is the Shapley value, found here by trying every order.
namespace penstock {
namespace {

/// Each player's mean marginal value over all orders. `value` takes a set of players, as bits.
std::vector<double> shapley(std::size_t players, const std::function<double(unsigned)>& value) {
  std::vector<std::size_t> order(players);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<double> sums(players);
  double orders = 0;
  do {
    unsigned present = 0;
    for (const std::size_t player : order) {
      const double before = value(present);
      present |= 1U << player;
      sums[player] += value(present) - before;
    }
    ++orders;
  } while (std::next_permutation(order.begin(), order.end()));
  for (double& sum : sums) {
    sum /= orders;
  }
  return sums;
}

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all{
      fixtures::scenario(),
      fixtures::scenario({.model = fixtures::llama_70b(), .tensor_parallel = 4}),
      fixtures::constant_step_scenario(SimTime::from_seconds(1), 64)};
  for (Scenario& scenario : all) {
    scenario.engine.async_scheduling = false;
  }
  return all;
}

/// A small step with both phases.
struct MixedStep {
  std::int64_t decodes;
  std::int64_t kv;
  Chunk chunk;
  bool completes;

  StepLoad load(bool with_prefill) const {
    StepLoad load{.decodes = decodes, .kv_sum = decodes * kv, .kv_max = kv, .sampled = decodes};
    if (with_prefill) {
      load.chunks = {&chunk, 1};
      load.sampled += completes ? 1 : 0;
    }
    return load;
  }
};

/// Time of a part that decode (bit 0) and prefill (bit 1) take on their own or together.
double value_of(StepModel& model, const MixedStep& step, Part part, unsigned present) {
  StepLoad load = step.load((present & 2U) != 0);
  if ((present & 1U) == 0) {
    load.sampled -= load.decodes;
    load.decodes = load.kv_sum = load.kv_max = 0;
  }
  return present == 0 ? 0 : static_cast<double>(model.cost(load).part(part));
}

std::vector<MixedStep> mixed_steps() {
  std::vector<MixedStep> steps;
  for (const std::int64_t decodes : {1, 2, 7, 64}) {
    for (const std::int64_t kv : {1, 100, 5000}) {
      for (const Chunk chunk : {Chunk{1, 0}, Chunk{16, 64}, Chunk{700, 0}, Chunk{2000, 3000}}) {
        steps.push_back({decodes, kv, chunk, (decodes + kv) % 2 == 0});
      }
    }
  }
  return steps;
}

/// What each of several requests paid, all of them sent at once.
std::vector<std::int64_t> paid(const Scenario& scenario, const std::vector<std::int64_t>& prompts,
                               std::int64_t output) {
  std::vector<Request> requests;
  for (const std::int64_t prompt : prompts) {
    requests.push_back(probe::request(0, prompt, output));
  }
  probe::ListSource source(std::move(requests));
  std::vector<std::int64_t> amounts;
  for (const RequestRecord& record : simulate(scenario, source).requests) {
    amounts.push_back(record.busy_ps);
  }
  return amounts;
}

}  // namespace

TEST_CASE("a mixed step is split by the Shapley value of decode and prefill, part by part") {
  for (const Scenario& scenario : scenarios()) {
    const auto model = make_step_model(scenario);
    int clamped = 0;
    for (const MixedStep& step : mixed_steps()) {
      CAPTURE(step.decodes);
      CAPTURE(step.kv);
      CAPTURE(step.chunk.q);
      const StepCost both = model->cost(step.load(true));
      const PhaseSplit split = split_phases(*model, both, step.load(true));
      for (std::size_t c = 0; c < shared_parts.size(); ++c) {
        const Part part = shared_parts[c];
        const auto whole = static_cast<double>(both.part(part));
        const std::vector<double> want =
            shapley(2, [&](unsigned present) { return value_of(*model, step, part, present); });
        CHECK(want[0] + want[1] == doctest::Approx(whole));  // efficiency
        const auto decode = static_cast<double>(split.decode[c]);
        CHECK(decode >= 0);
        CHECK(decode <= whole);
        CHECK(std::abs(decode - std::clamp(want[0], 0.0, whole)) <= 1);
        clamped += want[0] < 0 || want[0] > whole ? 1 : 0;
        if (value_of(*model, step, part, 1) == value_of(*model, step, part, 2)) {
          CHECK(std::abs(whole - 2 * decode) <= 2);  // symmetry
        }
      }
    }
    CHECK(clamped < 20);  // the rule is the Shapley value itself nearly everywhere
  }
}

TEST_CASE("sequences that decode together pay the Shapley value of a game of all of them") {
  const std::vector<std::int64_t> prompts{10, 50, 50, 700, 3000};
  for (const Scenario& scenario : scenarios()) {
    const auto model = make_step_model(scenario);
    // The second token comes from a decode step of all five, with one token of KV more than
    // prompts.
    const std::vector<std::int64_t> one = paid(scenario, prompts, 1);
    const std::vector<std::int64_t> two = paid(scenario, prompts, 2);
    const std::vector<double> want = shapley(prompts.size(), [&](unsigned present) {
      StepLoad load;
      for (std::size_t i = 0; i < prompts.size(); ++i) {
        if ((present >> i & 1U) != 0) {
          ++load.decodes;
          load.kv_sum += prompts[i] + 1;
        }
      }
      load.sampled = load.decodes;
      return load.decodes == 0 ? 0.0 : static_cast<double>(model->cost(load).total);
    });
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      // Shares are whole picoseconds of each part.
      CHECK(static_cast<double>(two[i] - one[i]) == doctest::Approx(want[i]).epsilon(1e-9));
      sum += two[i] - one[i];
    }
    CHECK(two[1] - one[1] == two[2] - one[2]);  // alike, so they pay alike
    CHECK(static_cast<double>(sum) ==
          doctest::Approx(std::accumulate(want.begin(), want.end(), 0.0)).epsilon(1e-9));
  }
}

}  // namespace penstock
