#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/explore/evaluate.h"
#include "tools/explore/plan_search.h"
#include "tools/explore/plan_space.h"
#include "tools/explore/plan_trial.h"
#include "tools/explore/rate_limit.h"

namespace penstock::explore {

/// The planned pool under more or less traffic.
struct LoadPoint {
  double share = 1;  ///< of the planned rate
  Summary summary;
};

/// A pool of the answer, and the run that it was judged by.
struct PlannedPool {
  Pool pool;
  Scenario scenario;  ///< what plan.yaml describes
  Evaluation run;
  std::vector<LimitLine> limits;
  std::optional<Evaluation> at_mean;    ///< at the mean rate, if the pool was judged at another one
  std::optional<RateLimit> rate_limit;  ///< how much more traffic it bears; closed loops: nothing
  std::vector<LoadPoint> by_load;       ///< rising; empty where there is no rate limit
  /// With one replica less: the limit that breaks. Nothing if there is only one.
  std::optional<LimitLine> why_not_fewer;
  int seeds = 0;       ///< other seeds tried
  int seeds_held = 0;  ///< with which all limits were met too
};

enum class PlanOutcome {
  found,
  none,          ///< nothing within max_replicas and max_gpus meets the limits
  unreachable,   ///< no number of replicas would
  does_not_fit,  ///< no shape holds the model
  interrupted,
};

/// A part of the search: what it simulated, and the seconds that it took.
struct SearchStage {
  std::string name;
  std::uint64_t simulations = 0;
  double seconds = 0;
};

/// The answer of `penstock plan`.
struct Plan {
  PlanOutcome outcome = PlanOutcome::none;
  std::vector<PlannedPool> pools;  ///< one, or a split of the classes
  double usd_per_hour = 0;
  std::int64_t gpus = 0;
  /// The best single pool, where a split is cheaper.
  std::optional<Pool> single;
  std::vector<Pool> runners_up;
  /// none: what the strongest pool of the space misses.
  std::optional<Pool> closest;
  std::optional<LimitLine> closest_misses;
  /// unreachable: of the shape that comes nearest.
  std::optional<Unreachable> bound;
  std::size_t bound_shape = 0;
  SearchCounts counts;
  /// In order: bounds (loading the replicas, the traffic and the arithmetic), single_pool, split,
  /// verdict (the plan's own runs), rate_limit, by_load, other_seeds, runners_up; those that were
  /// reached.
  std::vector<SearchStage> stages;
};

/// Hours of a month, for $/month: 365 days / 12.
inline constexpr double hours_per_month = 730;

/// Searches a space that has shapes. Deterministic, whatever the number of threads.
Plan make_plan(const PlanQuestion& question, const Space& space);

}  // namespace penstock::explore
