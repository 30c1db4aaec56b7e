#include "tools/explore/plan_search.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <tuple>

#include "tools/explore/jobs.h"
#include "tools/explore/plan_trial.h"

namespace penstock::explore {

namespace {

/// Costs that differ by less are equal: sums of prices in another order.
constexpr double cent = 1e-9;

int size(ClassMask classes) { return std::popcount(classes); }

}  // namespace

void PlanSearch::count(std::uint64_t simulations) {
  counts_.simulations += simulations;
  if (question_.progress) {
    question_.progress(counts_.simulations);
  }
}

double PlanSearch::usd_per_hour(const Pool& pool) const {
  return space_.shapes[pool.shape].usd_per_hour() * pool.replicas;
}

std::int64_t PlanSearch::gpus(const Pool& pool) const {
  return std::int64_t{space_.shapes[pool.shape].gpus()} * pool.replicas;
}

Scenario PlanSearch::scenario_of(const Pool& pool) const {
  Scenario scenario = with_classes(space_.shapes[pool.shape].scenario, pool.classes);
  scenario.cluster.replicas = pool.replicas;
  return scenario;
}

int PlanSearch::most_replicas(const Shape& shape) const {
  std::int64_t most = question_.spec.max_replicas;
  if (question_.spec.max_gpus > 0) {
    most = std::min(most, question_.spec.max_gpus / shape.gpus());
  }
  return static_cast<int>(most);
}

Traffic PlanSearch::traffic_of(ClassMask classes) const {
  Traffic traffic = space_.traffic;
  traffic.by_class.clear();
  for (std::size_t c = 0; c < space_.traffic.by_class.size(); ++c) {
    if ((classes >> c & 1U) != 0) {
      traffic.by_class.push_back(space_.traffic.by_class[c]);
    }
  }
  return traffic;
}

std::vector<Pool> PlanSearch::candidates(ClassMask classes, double below) {
  std::vector<Pool> pools;
  for (std::size_t s = 0; s < space_.shapes.size(); ++s) {
    const Shape& shape = space_.shapes[s];
    const int most = most_replicas(shape);
    const bool hopeless = shape.bounds.unreachable(classes).has_value();
    const int least = hopeless ? most + 1 : shape.bounds.least_replicas(classes);
    for (int replicas = 1; replicas <= most; ++replicas) {
      const Pool pool{s, replicas, classes};
      if (usd_per_hour(pool) >= below - cent) {
        break;
      }
      if (replicas < least) {
        ++counts_.pruned;
      } else {
        pools.push_back(pool);
      }
    }
  }
  std::sort(pools.begin(), pools.end(), [&](const Pool& a, const Pool& b) {
    return std::tuple(usd_per_hour(a), gpus(a), a.shape) <
           std::tuple(usd_per_hour(b), gpus(b), b.shape);
  });
  return pools;
}

std::optional<Pool> PlanSearch::cheapest(ClassMask classes, double below) {
  const std::vector<Pool> pools = candidates(classes, below);
  const Traffic traffic = traffic_of(classes);
  std::optional<Pool> found;
  run_jobs(
      pools.size(), question_.jobs, Order::by_number,
      [&](std::size_t i) { return meets_limits(scenario_of(pools[i]), &traffic, question_.stop); },
      [&](std::size_t i, std::optional<bool> meets) {
        if (!meets) {
          interrupted_ = true;
          return false;
        }
        count(1);
        if (*meets) {
          found = pools[i];
        }
        return !*meets;
      });
  return interrupted_ ? std::nullopt : found;
}

double PlanSearch::least_cost(ClassMask classes) const {
  double least = std::numeric_limits<double>::infinity();
  for (const Shape& shape : space_.shapes) {
    if (!shape.bounds.unreachable(classes)) {
      least = std::min(least, shape.usd_per_hour() * shape.bounds.least_replicas(classes));
    }
  }
  return least;
}

std::vector<Pool> PlanSearch::cheapest_split(double below) {
  const ClassMask all = all_classes(space_.shapes.front().scenario);
  const bool few = static_cast<std::size_t>(size(all)) <= most_split_classes;
  // The best pools for each set of classes, from its subsets: single pools first.
  std::map<ClassMask, std::vector<Pool>> best;
  std::map<ClassMask, double> cost;
  std::vector<ClassMask> sets;
  for (ClassMask set = 1; set < all; ++set) {
    const ClassMask rest = all & ~set;
    if (few || size(set) == 1 || size(rest) == 1) {
      sets.push_back(set);
    }
  }
  std::stable_sort(sets.begin(), sets.end(),
                   [](ClassMask a, ClassMask b) { return size(a) < size(b); });
  sets.push_back(all);
  for (const ClassMask set : sets) {
    // What the others cost at least, each in whatever company.
    double others = 0;
    for (std::size_t c = 0; c < most_classes; ++c) {
      const ClassMask one = ClassMask{1} << c;
      if ((all & ~set & one) != 0) {
        others = std::max(others, least_cost(one));
      }
    }
    cost[set] = std::numeric_limits<double>::infinity();
    if (set != all) {
      if (const std::optional<Pool> pool = cheapest(set, below - others)) {
        best[set] = {*pool};
        cost[set] = usd_per_hour(*pool);
      }
    }
    if (interrupted_) {
      return {};
    }
    for (const ClassMask part : sets) {
      const ClassMask rest = set & ~part;
      if ((part & ~set) != 0 || part == set || part < rest || !cost.contains(rest)) {
        continue;
      }
      if (cost[part] + cost[rest] < cost[set] - cent) {
        cost[set] = cost[part] + cost[rest];
        best[set] = best[part];
        best[set].insert(best[set].end(), best[rest].begin(), best[rest].end());
      }
    }
  }
  return cost[all] < below - cent ? best[all] : std::vector<Pool>{};
}

std::optional<Pool> PlanSearch::grow(const Traffic& traffic, Pool pool, double below,
                                     std::uint64_t& simulations) const {
  const Shape& shape = space_.shapes[pool.shape];
  const auto affordable = static_cast<int>(std::min(below / shape.usd_per_hour(), 1e6));
  const int most = std::min(most_replicas(shape), affordable);
  const auto meets = [&](int replicas) {
    pool.replicas = replicas;
    ++simulations;
    return meets_limits(scenario_of(pool), &traffic, question_.stop).value_or(false);
  };
  int fails = shape.bounds.least_replicas(pool.classes) - 1;
  int works = 0;
  for (int step = 1; works == 0 && fails < most; step *= 2) {
    const int next = std::min(fails + step, most);
    (meets(next) ? works : fails) = next;
  }
  while (works > fails + 1) {
    const int middle = (works + fails) / 2;
    (meets(middle) ? works : fails) = middle;
  }
  pool.replicas = works;
  return works > 0 ? std::optional(pool) : std::nullopt;
}

std::vector<Pool> PlanSearch::runners_up(std::size_t except, double below) {
  const ClassMask all = all_classes(space_.shapes.front().scenario);
  const Traffic traffic = traffic_of(all);
  std::vector<std::size_t> shapes;
  for (std::size_t s = 0; s < space_.shapes.size(); ++s) {
    if (s != except && !space_.shapes[s].bounds.unreachable(all)) {
      shapes.push_back(s);
    }
  }
  std::vector<Pool> pools;
  using Grown = std::pair<std::optional<Pool>, std::uint64_t>;
  run_jobs(
      shapes.size(), question_.jobs, Order::by_number,
      [&](std::size_t i) {
        Grown grown;
        grown.first = grow(traffic, {shapes[i], 1, all}, below, grown.second);
        return grown;
      },
      [&](std::size_t, const Grown& grown) {
        count(grown.second);
        if (grown.first) {
          pools.push_back(*grown.first);
        }
        interrupted_ = interrupted_ || (question_.stop && question_.stop());
        return !interrupted_;
      });
  std::stable_sort(pools.begin(), pools.end(),
                   [&](const Pool& a, const Pool& b) { return usd_per_hour(a) < usd_per_hour(b); });
  return pools;
}

}  // namespace penstock::explore
