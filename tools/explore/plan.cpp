#include "tools/explore/plan.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "tools/explore/jobs.h"
#include "tools/explore/plan_traffic.h"
#include "tools/explore/stopwatch.h"

namespace penstock::explore {
namespace {

constexpr double any_cost = std::numeric_limits<double>::infinity();
/// Runners-up may cost so many times the plan.
constexpr double runner_up_cost = 4;
constexpr std::size_t most_runners_up = 6;
/// Other seeds with which the plan is tried.
constexpr int other_seeds = 4;

/// Adds up what the stages of a search take.
class Stages {
 public:
  explicit Stages(std::vector<SearchStage>& stages) : stages_(stages) {}

  /// What was done since the last call belongs to stage `name`.
  void end(std::string_view name, std::uint64_t simulations) {
    const double now = watch_.seconds();
    auto stage = std::find_if(stages_.begin(), stages_.end(),
                              [name](const SearchStage& one) { return one.name == name; });
    if (stage == stages_.end()) {
      stage = stages_.insert(stage, {.name = std::string(name)});
    }
    stage->simulations += simulations;
    stage->seconds += now - last_;
    last_ = now;
  }

 private:
  std::vector<SearchStage>& stages_;
  Stopwatch watch_;
  double last_ = 0;
};

/// The same pool at the mean rate, without peaks and headroom; nothing if that is the rate that it
/// was judged at.
std::optional<Scenario> at_mean_rate(const PlanQuestion& question, const Scenario& judged) {
  const config::PlanSpec& spec = question.spec;
  Scenario mean = judged;
  bool differs = false;
  const double all = 1 / ((1 + spec.headroom) * spec.peak);
  for (ClassSpec& one : mean.workload.classes) {
    const auto peak = spec.class_peak.find(one.name);
    const double factor = peak == spec.class_peak.end() ? all : all / peak->second;
    one.rate *= factor;
    differs = differs || (factor != 1 && one.rate > 0);
  }
  if (mean.workload.trace && all != 1) {
    mean.workload.trace->rate_scale *= all;
    differs = true;
  }
  return differs ? std::optional(mean) : std::nullopt;
}

/// Cost against load: the fewer tokens the same GPUs serve, the dearer each is.
std::vector<LoadPoint> try_loads(const PlanQuestion& question, const PlannedPool& planned) {
  constexpr std::array shares{0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5};
  std::vector<LoadPoint> points;
  run_jobs(
      shares.size(), question.jobs, Order::by_number,
      [&](std::size_t i) -> std::optional<Summary> {
        Scenario scenario = planned.scenario;
        scale_rates(scenario.workload, shares[i]);
        Evaluation run = evaluate(scenario, {}, question.stop);
        return run.is_complete ? std::optional(std::move(run.summary)) : std::nullopt;
      },
      [&](std::size_t i, std::optional<Summary> summary) {
        if (summary) {
          points.push_back({shares[i], std::move(*summary)});
        }
        return summary.has_value();
      });
  return points;
}

PlannedPool describe(const PlanQuestion& question, const PlanSearch& search, const Pool& pool,
                     Stages& stages) {
  PlannedPool out;
  out.pool = pool;
  out.scenario = search.scenario_of(pool);
  out.run = evaluate(out.scenario, {}, question.stop);
  out.limits = limit_lines(out.scenario, out.run);
  if (const std::optional<Scenario> mean = at_mean_rate(question, out.scenario)) {
    out.at_mean = evaluate(*mean, {}, question.stop);
  }
  if (pool.replicas > 1) {
    Pool fewer = pool;
    --fewer.replicas;
    const Scenario scenario = search.scenario_of(fewer);
    const std::vector<LimitLine> lines =
        limit_lines(scenario, evaluate(scenario, {}, question.stop));
    if (const LimitLine* line = tightest(lines)) {
      out.why_not_fewer = *line;
    }
  }
  stages.end("verdict", 1 + (out.at_mean ? 1 : 0) + (pool.replicas > 1 ? 1 : 0));
  out.rate_limit = find_rate_limit(out.scenario, question.jobs, question.stop);
  stages.end("rate_limit", out.rate_limit ? out.rate_limit->simulations : 0);
  if (out.rate_limit) {
    out.by_load = try_loads(question, out);
    stages.end("by_load", out.by_load.size());
  }
  for (int k = 1; k <= other_seeds; ++k) {
    Scenario other = out.scenario;
    other.seed += static_cast<std::uint64_t>(k);
    const Traffic traffic = read_traffic(other);
    ++out.seeds;
    out.seeds_held += meets_limits(other, &traffic, question.stop).value_or(false) ? 1 : 0;
  }
  stages.end("other_seeds", other_seeds);
  return out;
}

/// A class whose limit no shape reaches, and the shape that comes nearest.
void find_bound(const Space& space, Plan& plan) {
  const std::size_t classes = space.traffic.by_class.size();
  for (std::size_t c = 0; c < classes; ++c) {
    plan.bound.reset();
    for (std::size_t s = 0; s < space.shapes.size(); ++s) {
      const std::optional<Unreachable> bound =
          space.shapes[s].bounds.unreachable(ClassMask{1} << c);
      if (!bound) {
        plan.bound.reset();
        break;
      }
      if (!plan.bound ||
          bound->bound_ms / bound->limit_ms < plan.bound->bound_ms / plan.bound->limit_ms) {
        plan.bound = bound;
        plan.bound_shape = s;
      }
    }
    if (plan.bound) {
      return;
    }
  }
}

/// What the strongest pool that may be bought misses.
void find_closest(const PlanQuestion& question, const Space& space, const PlanSearch& search,
                  Plan& plan) {
  const ClassMask all = all_classes(space.shapes.front().scenario);
  double most_share = 0;
  for (std::size_t s = 0; s < space.shapes.size(); ++s) {
    const Shape& shape = space.shapes[s];
    const int replicas = search.most_replicas(shape);
    const double share = static_cast<double>(replicas) / shape.bounds.least_replicas(all);
    if (replicas > 0 && !shape.bounds.unreachable(all) && share > most_share) {
      most_share = share;
      plan.closest = Pool{s, replicas, all};
    }
  }
  if (plan.closest) {
    const Scenario scenario = search.scenario_of(*plan.closest);
    const std::vector<LimitLine> lines =
        limit_lines(scenario, evaluate(scenario, {}, question.stop));
    if (const LimitLine* line = tightest(lines)) {
      plan.closest_misses = *line;
    }
  }
}

bool may_split(const PlanQuestion& question, const Space& space) {
  // Only a duration gives each class the same requests whatever the others are.
  const WorkloadSpec& workload = space.shapes.front().scenario.workload;
  return question.spec.split && workload.classes.size() > 1 && workload.requests == 0;
}

void search_pools(const PlanQuestion& question, const Space& space, PlanSearch& search,
                  Stages& stages, Plan& plan) {
  const ClassMask all = all_classes(space.shapes.front().scenario);
  std::vector<Pool> pools;
  if (const std::optional<Pool> single = search.cheapest(all, any_cost)) {
    pools = {*single};
  }
  const std::uint64_t simulations = search.counts().simulations;
  stages.end("single_pool", simulations);
  if (!search.is_interrupted() && may_split(question, space)) {
    const double below = pools.empty() ? any_cost : search.usd_per_hour(pools.front());
    std::vector<Pool> split = search.cheapest_split(below);
    if (!split.empty()) {
      plan.single = pools.empty() ? std::nullopt : std::optional(pools.front());
      pools = std::move(split);
    }
    stages.end("split", search.counts().simulations - simulations);
  }
  if (search.is_interrupted()) {
    plan.outcome = PlanOutcome::interrupted;
    return;
  }
  for (const Pool& pool : pools) {
    plan.usd_per_hour += search.usd_per_hour(pool);
    plan.gpus += search.gpus(pool);
    plan.pools.push_back(describe(question, search, pool, stages));
  }
  plan.outcome = pools.empty() ? PlanOutcome::none : PlanOutcome::found;
}

}  // namespace

Plan make_plan(const PlanQuestion& question, const Space& space) {
  Plan plan;
  if (space.shapes.empty()) {
    plan.outcome = PlanOutcome::does_not_fit;
    return plan;
  }
  PlanSearch search(question, space);
  plan.stages = {{"bounds", 0, space.seconds}};
  Stages stages(plan.stages);
  find_bound(space, plan);
  if (plan.bound) {
    plan.outcome = PlanOutcome::unreachable;
    return plan;
  }
  search_pools(question, space, search, stages, plan);
  if (plan.outcome == PlanOutcome::none) {
    find_closest(question, space, search, plan);
    stages.end("verdict", plan.closest ? 1 : 0);
  }
  if (plan.outcome == PlanOutcome::found) {
    const std::size_t chosen = plan.pools.size() == 1 ? plan.pools.front().pool.shape
                                                      : std::numeric_limits<std::size_t>::max();
    const std::uint64_t searched = search.counts().simulations;
    plan.runners_up = search.runners_up(chosen, plan.usd_per_hour * runner_up_cost);
    plan.runners_up.resize(std::min(plan.runners_up.size(), most_runners_up));
    stages.end("runners_up", search.counts().simulations - searched);
  }
  plan.counts = search.counts();
  plan.counts.simulations = 0;
  for (const SearchStage& stage : plan.stages) {
    plan.counts.simulations += stage.simulations;
  }
  if (search.is_interrupted() || (question.stop && question.stop())) {
    plan.outcome = PlanOutcome::interrupted;
  }
  return plan;
}

}  // namespace penstock::explore
