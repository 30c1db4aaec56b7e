#pragma once

#include <cstdint>
#include <vector>

#include "sim/core/diagnostic.h"
#include "sim/scenario.h"

namespace penstock::explore {

/// A set of the workload's classes, a bit each.
using ClassMask = std::uint32_t;
inline constexpr std::size_t most_classes = 32;

inline ClassMask all_classes(const Scenario& scenario) {
  return static_cast<ClassMask>((std::uint64_t{1} << scenario.workload.classes.size()) - 1);
}

/// The same scenario with only some of its classes (and its trace only with the trace's class).
Scenario with_classes(const Scenario& scenario, ClassMask classes);

/// The requests that a plan is judged by: those that arrive after the warm-up.
struct Traffic {
  struct Request {
    SimTime arrival;
    std::int64_t input = 0;
    std::int64_t output = 0;
    std::int64_t least = 0;  ///< of the prompt, computed whatever a prefix cache has
  };
  std::vector<std::vector<Request>> by_class;
  SimTime last_arrival;
  /// False if what arrives depends on what is served (closed loops, conversations): nothing is
  /// listed then.
  bool is_open = true;
  bool is_cut = false;  ///< there are more than most_planned_requests: the rest was not read
};

/// More requests than this are not planned with: a simulation of so many takes seconds, and a plan
/// needs hundreds.
inline constexpr std::size_t most_planned_requests = 2'000'000;

/// What is wrong with a scenario's traffic that only opening it shows (a trace's rows); empty if
/// nothing is.
Diagnostics traffic_errors(const Scenario& scenario);

/// What a scenario's sources will send. Requires a workload that open_source() accepts.
Traffic read_traffic(const Scenario& scenario);

/// All rates and the trace's speed, times `factor`.
void scale_rates(WorkloadSpec& workload, double factor);

/// How many of `counted` requests may miss their limits while `attainment` is still met, by the
/// very comparison of SloVerdict.
std::uint64_t allowed_misses(std::uint64_t counted, double attainment);

}  // namespace penstock::explore
