#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/explore/plan_space.h"

namespace penstock::explore {

/// So many replicas of one shape, for some of the classes.
struct Pool {
  std::size_t shape = 0;  ///< index into Space::shapes
  int replicas = 1;
  ClassMask classes = 0;
};

struct SearchCounts {
  std::uint64_t simulations = 0;
  std::uint64_t pruned = 0;  ///< combinations that arithmetic ruled out
};

/// Finds the cheapest pools that meet every limit.
///
/// Sound by construction: all combinations of a shape and a number of replicas that cost less than
/// the answer have been simulated and failed, or were ruled out by PlanBounds. Nothing is assumed
/// about more replicas being better. All runs use the same requests (common random numbers). The
/// answer, and the counts, do not depend on the number of threads.
class PlanSearch {
 public:
  PlanSearch(const PlanQuestion& question, const Space& space)
      : question_(question), space_(space) {}

  /// The cheapest single pool for these classes that costs less than `below` dollars an hour; of
  /// equal cost, the one with the fewest GPUs, then the earliest shape.
  std::optional<Pool> cheapest(ClassMask classes, double below);
  /// The cheapest way to divide the classes over several pools, if it costs less than `below`.
  /// Empty if there is none. Looks at all divisions of up to `most_split_classes` classes; of more,
  /// at one class apart from the rest.
  std::vector<Pool> cheapest_split(double below);
  /// For each shape but `except`, so many replicas as meet the limits, up to `below` dollars an
  /// hour: found by doubling and bisection, so that fewer may do. By cost.
  std::vector<Pool> runners_up(std::size_t except, double below);

  Scenario scenario_of(const Pool& pool) const;
  double usd_per_hour(const Pool& pool) const;
  std::int64_t gpus(const Pool& pool) const;
  /// As the plan section allows.
  int most_replicas(const Shape& shape) const;
  bool is_interrupted() const { return interrupted_; }
  const SearchCounts& counts() const { return counts_; }

  static constexpr std::size_t most_split_classes = 4;

 private:
  void count(std::uint64_t simulations);
  Traffic traffic_of(ClassMask classes) const;
  /// A lower bound of what these classes cost in one pool or more, dollars an hour.
  double least_cost(ClassMask classes) const;
  std::vector<Pool> candidates(ClassMask classes, double below);
  std::optional<Pool> grow(const Traffic& traffic, Pool pool, double below,
                           std::uint64_t& simulations) const;

  const PlanQuestion& question_;
  const Space& space_;
  SearchCounts counts_;
  bool interrupted_ = false;
};

}  // namespace penstock::explore
