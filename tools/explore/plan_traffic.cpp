#include "tools/explore/plan_traffic.h"

#include <algorithm>
#include <utility>

#include "sim/core/assert.h"
#include "workloads/source.h"

namespace penstock::explore {

Scenario with_classes(const Scenario& scenario, ClassMask classes) {
  Scenario out = scenario;
  WorkloadSpec& workload = out.workload;
  workload.classes.clear();
  workload.trace.reset();
  for (std::size_t c = 0; c < scenario.workload.classes.size(); ++c) {
    if ((classes >> c & 1U) == 0) {
      continue;
    }
    if (scenario.workload.trace && scenario.workload.trace_class == c) {
      workload.trace = scenario.workload.trace;
      workload.trace_class = static_cast<std::uint16_t>(workload.classes.size());
    }
    workload.classes.push_back(scenario.workload.classes[c]);
  }
  return out;
}

Diagnostics traffic_errors(const Scenario& scenario) {
  OpenedSource opened = open_source(scenario.workload, scenario.seed);
  return opened.source ? Diagnostics{} : std::move(opened.diagnostics);
}

Traffic read_traffic(const Scenario& scenario) {
  Traffic traffic;
  traffic.by_class.resize(scenario.workload.classes.size());
  const OpenedSource opened = open_source(scenario.workload, scenario.seed);
  PENSTOCK_ASSERT(opened.source != nullptr);
  if (opened.follows_answers) {
    traffic.is_open = false;
    return traffic;
  }
  std::size_t count = 0;
  while (opened.source->next_arrival() != SimTime::never()) {
    if (++count > most_planned_requests) {
      traffic.is_cut = true;
      break;
    }
    const Request request = opened.source->pop();
    traffic.last_arrival = request.arrival;
    if (request.arrival >= scenario.workload.warmup) {
      traffic.by_class[request.class_index].push_back(
          {.arrival = request.arrival,
           .input = request.input_tokens,
           .output = request.output_tokens,
           .least = request.content.empty() ? request.input_tokens : 1});
    }
  }
  return traffic;
}

void scale_rates(WorkloadSpec& workload, double factor) {
  for (ClassSpec& one : workload.classes) {
    one.rate *= factor;
  }
  if (workload.trace) {
    workload.trace->rate_scale *= factor;
  }
}

std::uint64_t allowed_misses(std::uint64_t counted, double attainment) {
  const auto holds = [&](std::uint64_t misses) {
    return static_cast<double>(counted - misses) / static_cast<double>(counted) >= attainment;
  };
  auto misses = static_cast<std::uint64_t>(static_cast<double>(counted) * (1 - attainment));
  misses = std::min(misses, counted);
  while (misses > 0 && !holds(misses)) {
    --misses;
  }
  while (misses < counted && holds(misses + 1)) {
    ++misses;
  }
  return misses;
}

}  // namespace penstock::explore
