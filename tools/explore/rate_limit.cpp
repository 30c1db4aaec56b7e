#include "tools/explore/rate_limit.h"

#include <algorithm>
#include <array>
#include <vector>

#include "tools/explore/jobs.h"

namespace penstock::explore {
namespace {

/// Rates tried at once while the limit is narrowed down, whatever the number of threads.
constexpr int sections = 4;
/// Rates below the limit that are checked, as shares of it.
constexpr std::array checks{0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99};

class Finder {
 public:
  Finder(const Scenario& scenario, int jobs, const std::function<bool()>& stop)
      : scenario_(scenario), jobs_(jobs), stop_(stop) {}

  std::optional<RateLimit> find() {
    const Traffic traffic = read_traffic(scenario_);
    std::size_t requests = 1;
    for (const auto& of_class : traffic.by_class) {
      requests += of_class.size();
    }
    most_ = std::min(most_factor,
                     static_cast<double>(most_planned_requests) / static_cast<double>(requests));
    double works = 0;
    double fails = 0;
    bracket(works, fails);
    while (!interrupted_ && works > 0 && fails > works * (1 + rate_precision)) {
      std::vector<double> factors;
      for (int i = 1; i < sections; ++i) {
        factors.push_back(works + (fails - works) * i / sections);
      }
      narrow(factors, works, fails);
    }
    RateLimit limit;
    limit.factor = works;
    check_below(limit, fails);
    if (fails > 0 && !interrupted_) {
      const Scenario beyond = scaled(fails);
      const std::vector<LimitLine> lines = limit_lines(beyond, evaluate(beyond, {}, stop_));
      if (const LimitLine* line = tightest(lines)) {
        limit.breaks = *line;
      }
      ++simulations_;
    }
    limit.simulations = simulations_;
    return interrupted_ ? std::nullopt : std::optional(limit);
  }

 private:
  Scenario scaled(double factor) const {
    Scenario scenario = scenario_;
    scale_rates(scenario.workload, factor);
    return scenario;
  }

  /// Whether each factor is borne.
  std::vector<bool> try_all(const std::vector<double>& factors) {
    std::vector<bool> borne;
    simulations_ += factors.size();
    run_jobs(
        factors.size(), jobs_, Order::by_number,
        [&](std::size_t i) {
          const Scenario scenario = scaled(factors[i]);
          const Traffic traffic = read_traffic(scenario);
          return meets_limits(scenario, &traffic, stop_);
        },
        [&](std::size_t, std::optional<bool> meets) {
          interrupted_ = interrupted_ || !meets;
          borne.push_back(meets.value_or(false));
          return !interrupted_;
        });
    borne.resize(factors.size());
    return borne;
  }

  /// A factor that works (0: none) and a higher one that fails (0: none).
  void bracket(double& works, double& fails) {
    double factor = 1;
    if (try_all({factor})[0]) {
      for (; !interrupted_ && factor <= std::max(most_, 1.0); factor *= 2) {
        if (factor > 1 && !try_all({factor})[0]) {
          fails = factor;
          return;
        }
        works = factor;
      }
      return;
    }
    for (; !interrupted_ && factor >= 1 / most_factor; factor /= 2) {
      if (factor < 1 && try_all({factor})[0]) {
        works = factor;
        return;
      }
      fails = factor;
    }
  }

  void narrow(const std::vector<double>& factors, double& works, double& fails) {
    const std::vector<bool> borne = try_all(factors);
    for (std::size_t i = 0; i < factors.size(); ++i) {
      if (!borne[i]) {
        fails = factors[i];
        return;
      }
      works = factors[i];
    }
  }

  /// Lower rates must be fine too; if one is not, the limit is the last one before it.
  void check_below(RateLimit& limit, double& fails) {
    if (limit.factor == 0 || interrupted_) {
      return;
    }
    std::vector<double> factors;
    for (const double share : checks) {
      factors.push_back(limit.factor * share);
    }
    const std::vector<bool> borne = try_all(factors);
    const auto miss = std::find(borne.begin(), borne.end(), false);
    if (miss == borne.end()) {
      return;
    }
    const auto index = static_cast<std::size_t>(miss - borne.begin());
    limit.is_ragged = true;
    fails = factors[index];
    limit.factor = index > 0 ? factors[index - 1] : 0;
  }

  const Scenario& scenario_;
  int jobs_;
  const std::function<bool()>& stop_;
  double most_ = most_factor;  ///< that a simulation can be asked to bear
  std::uint64_t simulations_ = 0;
  bool interrupted_ = false;
};

bool has_rate(const Scenario& scenario) {
  return scenario.workload.trace ||
         std::any_of(scenario.workload.classes.begin(), scenario.workload.classes.end(),
                     [](const ClassSpec& one) { return one.rate > 0; });
}

}  // namespace

std::optional<RateLimit> find_rate_limit(const Scenario& scenario, int jobs,
                                         const std::function<bool()>& stop) {
  bool has_limit = false;
  for (std::size_t c = 0; c < scenario.workload.classes.size(); ++c) {
    has_limit = has_limit || slo_of(scenario, c).any();
    if (scenario.workload.classes[c].arrivals.process == ArrivalSpec::Process::closed_loop) {
      return std::nullopt;
    }
  }
  return has_limit && has_rate(scenario) ? Finder(scenario, jobs, stop).find() : std::nullopt;
}

}  // namespace penstock::explore
