// `penstock plan` against trying everything: random small problems, all combinations simulated.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "sim/core/rng.h"
#include "sim/metrics/summary.h"
#include "sim/simulation.h"
#include "tools/explore/plan.h"
#include "workloads/source.h"

namespace penstock::explore {
namespace {

constexpr double nothing = 1e9;  // dollars an hour: dearer than any pool

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : rng_(seed, "plan problems") {}
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(high - low + 1)));
  }
  template <std::size_t n>
  std::string one_of(const char* const (&words)[n]) {
    return words[rng_.below(n)];
  }

 private:
  Rng rng_;
};

std::string random_class(Dice& dice, const char* name) {
  return fmt::format(
      "    - {{name: {}, rate: {}/s, lengths: {{input: {{uniform: [{}, {}]}}, output: {}}},\n"
      "       {}slo: {{{}: {}ms, {}: {}ms, attainment: {}%}}}}\n",
      name, dice.between(2, 40), dice.between(1, 400), dice.between(400, 2500),
      dice.between(1, 120), dice.one_of({"", "", "prefix: {shared: 1500, groups: 2}, "}),
      dice.one_of({"ttft", "ttft", "ttft", "e2e"}), dice.between(40, 2000), "tpot",
      dice.between(8, 60), dice.one_of({"50", "90", "95", "99"}));
}

/// A workload file with a small space: up to 32 combinations. `stages`: a list of them.
std::string random_problem(Dice& dice, bool two_classes, const char* stages) {
  std::string text = fmt::format(
      "model: llama-3.1-8b\nweights: {}\ncluster: {{router: {}}}\n"
      "engine: {{preset: {}, max_num_batched_tokens: {}, max_num_seqs: {}}}\n"
      "workload:\n  duration: {}s\n  warmup: {}s\n  classes:\n",
      dice.one_of({"fp8", "bf16"}),
      dice.one_of({"round_robin", "least_outstanding", "random", "power_of_two"}),
      dice.one_of({"vllm-0.19", "vllm-0.8-api", "sglang-0.5", "tensorrt-llm-1.0", "sarathi-serve"}),
      dice.between(64, 1024), dice.between(4, 64), dice.between(5, 12), dice.between(0, 3));
  text += random_class(dice, "a");
  if (two_classes) {
    text += random_class(dice, "b");
  }
  text += fmt::format(
      "prices: {{gpu: {{h100-sxm: ${}/h, l40s: ${}/h, a100-80-sxm: ${}/h}}}}\n"
      "plan: {{gpus: [{}], tensor_parallel: [{}], pipeline_parallel: [{}], "
      "max_replicas: {}, split: {}}}\nseed: {}\n",
      dice.between(2, 4), dice.between(1, 3), dice.between(1, 3),
      dice.one_of({"h100-sxm, l40s", "l40s, a100-80-sxm", "h100-sxm", "l40s"}),
      dice.one_of({"1", "2", "1, 2"}), stages, dice.between(1, 4), two_classes,
      dice.between(1, 99));
  return text;
}

bool is_feasible(const Scenario& scenario) {
  const OpenedSource opened = open_source(scenario.workload, scenario.seed);
  REQUIRE(opened.source != nullptr);
  return slo_met(summarize(scenario, simulate(scenario, *opened.source)));
}

/// The least cost of a pool for some of the classes, by simulating every one.
double least_cost(const config::PlanSpec& spec, const std::vector<Scenario>& replicas,
                  ClassMask classes) {
  double least = nothing;
  for (const Scenario& replica : replicas) {
    Scenario scenario = with_classes(replica, classes);
    for (int count = 1; count <= spec.max_replicas; ++count) {
      scenario.cluster.replicas = count;
      const double cost =
          count * (scenario.prices.gpu_per_hour * scenario.cluster.gpus_per_replica());
      if (cost < least && is_feasible(scenario)) {
        least = cost;
      }
    }
  }
  return least;
}

std::vector<Scenario> load_replicas(const std::string& text, const config::PlanSpec& spec) {
  std::vector<Scenario> replicas;
  for (const std::string& gpu : spec.gpus) {
    for (const int tensor_parallel : spec.tensor_parallel) {
      for (const int stages : spec.pipeline_parallel) {
        config::LoadOptions options;
        options.sets = {"cluster.gpu=" + gpu,
                        fmt::format("cluster.tensor_parallel={}", tensor_parallel),
                        fmt::format("cluster.pipeline_parallel={}", stages)};
        config::Loaded loaded = config::load_scenario_from_text(text, "mix.yaml", options);
        if (loaded.ok) {
          replicas.push_back(std::move(loaded.scenario));
        }
      }
    }
  }
  return replicas;
}

/// What came of some problems.
struct Tally {
  int found = 0;
  int split = 0;
  int staged = 0;  ///< found, with stages
};

/// What the plan says and what trying everything says, dollars an hour.
void compare(std::uint64_t seed, const char* stages, Tally& tally) {
  CAPTURE(seed);
  Dice dice(seed);
  const bool two_classes = seed % 3 == 0;
  const std::string text = random_problem(dice, two_classes, stages);
  CAPTURE(text);
  const config::LoadedPlan loaded = config::load_plan_from_text(text, "mix.yaml", {});
  REQUIRE(loaded.ok);
  PlanQuestion question;
  question.text = text;
  question.name = "mix.yaml";
  question.spec = loaded.plan;
  question.jobs = 1 + static_cast<int>(seed % 2);
  const Space space = make_space(question);
  REQUIRE(space.errors.empty());
  const std::vector<Scenario> replicas = load_replicas(text, loaded.plan);
  REQUIRE(replicas.size() == space.shapes.size());
  if (replicas.empty()) {  // an engine without stages
    return;
  }

  PlanSearch search(question, space);
  const ClassMask all = two_classes ? 3 : 1;
  const std::optional<Pool> pool = search.cheapest(all, nothing);
  const double single = least_cost(loaded.plan, replicas, all);
  CHECK((pool ? search.usd_per_hour(*pool) : nothing) == single);
  tally.found += pool ? 1 : 0;
  tally.staged += pool && space.shapes[pool->shape].pipeline_parallel > 1 ? 1 : 0;
  if (two_classes) {
    const std::vector<Pool> pools = search.cheapest_split(single);
    double cost = pools.empty() ? single : 0;
    for (const Pool& one : pools) {
      cost += search.usd_per_hour(one);
    }
    const double apart =
        least_cost(loaded.plan, replicas, 1) + least_cost(loaded.plan, replicas, 2);
    CHECK(cost == doctest::Approx(std::min(single, apart)).epsilon(1e-12));
    tally.split += pools.empty() ? 0 : 1;
  }
}

TEST_CASE("plan finds what trying everything finds, on 200 random problems") {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    compare(seed, "1", tally);
  }
  // The problems are neither all easy nor all impossible, and some are better split.
  CHECK(tally.found > 60);
  CHECK(tally.found < 190);
  CHECK(tally.split > 2);
}

TEST_CASE("plan with stages finds what trying everything finds, on 60 random problems") {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    compare(seed, seed % 2 == 0 ? "1, 2" : "2, 4", tally);
  }
  CHECK(tally.found > 10);
  CHECK(tally.staged > 5);
}

// scheduler-semantics.md 8.2-3: one sequence at a time, constant steps and a random router make
// each replica an M/D/1 queue, in which a share 1 - rate · D / R of the requests does not wait.
TEST_CASE("closed form: the replicas that M/D/1 demands are planned") {
  const struct {
    double rate;
    const char* attainment;
    int replicas;
  } cases[] = {{10, "47.5%", 8}, {5, "70%", 7}, {20, "20%", 10}, {2, "85%", 6}};
  for (const auto& c : cases) {
    CAPTURE(c.rate);
    const std::string text = fmt::format(
        R"(model: llama-3.1-8b
cluster: {{router: random}}
engine: {{preset: vllm-0.19, max_num_seqs: 1, async_scheduling: false}}
step_model: {{constant: 100ms}}
workload:
  requests: 20000
  classes: [{{name: a, rate: {}/s, lengths: {{input: 100, output: 4}}}}]
slo: {{ttft: 100ms, attainment: {}}}
prices: {{gpu: {{l40s: $1/h}}}}
plan: {{tensor_parallel: [1], max_replicas: 20}}
)",
        c.rate, c.attainment);
    const config::LoadedPlan loaded = config::load_plan_from_text(text, "mix.yaml", {});
    REQUIRE(loaded.ok);
    PlanQuestion question;
    question.text = text;
    question.name = "mix.yaml";
    question.spec = loaded.plan;
    const Space space = make_space(question);
    REQUIRE(space.errors.empty());
    PlanSearch search(question, space);
    const std::optional<Pool> pool = search.cheapest(1, nothing);
    REQUIRE(pool);
    CHECK(pool->replicas == c.replicas);
  }
}

}  // namespace
}  // namespace penstock::explore
