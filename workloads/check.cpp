#include "workloads/check.h"

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <utility>

#include "sim/core/assert.h"
#include "workloads/error_log.h"
#include "workloads/lengths.h"
#include "workloads/limits.h"

namespace penstock {
namespace {

void add_error(Diagnostics& errors, std::string message) {
  Diagnostic d;
  d.message = std::move(message);
  errors.push_back(std::move(d));
}

/// Turns of a conversation that nothing cuts short, roughly.
double mean_turns(const SessionSpec& spec) {
  constexpr int points = 64;
  double sum = 0;
  for (int i = 0; i < points; ++i) {
    sum += static_cast<double>(length_at(spec.turns, (i + 0.5) / points));
  }
  return sum / points;
}

/// What the generated classes are, taken together.
struct Mix {
  std::size_t classes = 0;
  std::size_t closed_loops = 0;
  double rate_per_s = 0;               ///< of all that have one
  const ClassSpec* offline = nullptr;  ///< the first of each kind
  const ClassSpec* timed = nullptr;
};

Mix mix_of(const WorkloadSpec& spec) {
  Mix mix;
  for (std::size_t i = 0; i < spec.classes.size(); ++i) {
    const ClassSpec& one = spec.classes[i];
    if (!is_generated(spec, i)) {
      continue;
    }
    ++mix.classes;
    mix.closed_loops += one.arrivals.process == ArrivalSpec::Process::closed_loop ? 1 : 0;
    mix.rate_per_s += has_rate(one) ? one.rate * (one.sessions ? mean_turns(*one.sessions) : 1) : 0;
    const ClassSpec*& first = is_offline(one) ? mix.offline : mix.timed;
    first = first == nullptr ? &one : first;
  }
  return mix;
}

void check_class(const ClassSpec& one, Diagnostics& errors) {
  if (has_rate(one) && !(one.rate > 0 && one.rate <= max_rate_per_s)) {
    add_error(errors, fmt::format("class {}: a rate of {}/s; it must be above 0 and at most {:g}/s",
                                  quoted(one.name), one.rate, max_rate_per_s));
  }
  const bool is_closed_loop = one.arrivals.process == ArrivalSpec::Process::closed_loop;
  if (is_closed_loop && one.arrivals.concurrency < 1) {
    add_error(errors, fmt::format("class {}: a closed loop needs a concurrency of at least 1",
                                  quoted(one.name)));
  }
}

/// True if so many requests may take longer than a run can last: the mean, and ten standard
/// deviations of a Poisson process.
bool may_last_too_long(std::uint64_t requests, double rate_per_s) {
  const auto n = static_cast<double>(requests);
  return (n + 10 * std::sqrt(n)) / rate_per_s > SimTime::max().seconds();
}

void check_mix(const WorkloadSpec& spec, const Mix& mix, Diagnostics& errors) {
  const bool is_bounded = spec.requests > 0 || spec.duration > SimTime{};
  if (!is_bounded) {
    add_error(errors, "generated traffic needs `workload.requests` or `workload.duration`");
    return;
  }
  if (mix.offline != nullptr && spec.requests == 0) {
    add_error(errors, fmt::format("class {}: offline traffic needs `workload.requests`",
                                  quoted(mix.offline->name)));
  } else if (mix.offline != nullptr && mix.timed != nullptr) {
    add_error(
        errors,
        fmt::format("class {} would get no request: the offline class {} takes all {} of "
                    "`workload.requests` at time 0",
                    quoted(mix.timed->name), quoted(mix.offline->name), grouped(spec.requests)));
  }
  if (spec.duration == SimTime{} && mix.closed_loops == 0 && mix.rate_per_s > 0 &&
      may_last_too_long(spec.requests, mix.rate_per_s)) {
    add_error(errors, fmt::format("{} requests at {}/s may take longer than the 100 days that a "
                                  "run can last",
                                  grouped(spec.requests), mix.rate_per_s));
  }
}

}  // namespace

bool is_generated(const WorkloadSpec& spec, std::size_t index) {
  return !(spec.trace && index == spec.trace_class);
}

bool is_offline(const ClassSpec& spec) {
  return spec.arrivals.process == ArrivalSpec::Process::offline;
}

bool has_rate(const ClassSpec& spec) {
  return !is_offline(spec) && spec.arrivals.process != ArrivalSpec::Process::closed_loop;
}

Diagnostics check_workload(const WorkloadSpec& spec) {
  PENSTOCK_ASSERT(spec.classes.size() <= UINT16_MAX);
  PENSTOCK_ASSERT(!spec.trace || spec.trace_class < spec.classes.size());
  Diagnostics errors;
  for (std::size_t i = 0; i < spec.classes.size(); ++i) {
    if (is_generated(spec, i)) {
      check_class(spec.classes[i], errors);
    }
  }
  const Mix mix = mix_of(spec);
  if (mix.classes > 0) {
    check_mix(spec, mix, errors);
  } else if (!spec.trace) {
    add_error(errors, "the workload has neither a trace nor a class");
  }
  return errors;
}

std::uint64_t expected_requests(const WorkloadSpec& spec, std::uint64_t trace_rows) {
  const Mix mix = mix_of(spec);
  if (mix.classes == 0) {
    return trace_rows;
  }
  const double open_loop = mix.rate_per_s * spec.duration.seconds();
  const bool is_open_loop = mix.closed_loops == 0 && mix.offline == nullptr;
  if (is_open_loop && spec.duration > SimTime{} && open_loop < 1e18) {
    const auto by_time = static_cast<std::uint64_t>(std::llround(open_loop));
    const bool is_less = spec.requests == 0 || by_time < spec.requests;
    return trace_rows + (is_less ? by_time : spec.requests);
  }
  return spec.requests > 0 ? trace_rows + spec.requests : 0;
}

}  // namespace penstock
