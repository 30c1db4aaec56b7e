#include "workloads/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "workloads/check.h"
#include "workloads/describe.h"
#include "workloads/generator.h"
#include "workloads/merge.h"
#include "workloads/replay.h"
#include "workloads/sessions.h"
#include "workloads/trace.h"

namespace penstock {
namespace {

void append(Diagnostics& to, Diagnostics from) {
  for (Diagnostic& d : from) {
    to.push_back(std::move(d));
  }
}

std::optional<ReplayTrace> open_replay(const TraceSpec& spec, std::uint64_t seed,
                                       Diagnostics& diagnostics, std::vector<std::string>& notes) {
  if (!spec.format.empty() && find_trace_format(spec.format) == nullptr) {
    diagnostics.push_back(unknown_trace_format(spec.format));
    return std::nullopt;
  }
  ErrorLog errors(spec.file);
  ReplayTrace trace = load_replay(spec, seed, TraceInput(spec.path), errors, notes);
  if (!errors.empty()) {
    append(diagnostics, errors.diagnostics());
    return std::nullopt;
  }
  for (const std::string& note : notes) {
    Diagnostic warning;
    warning.severity = Diagnostic::Severity::warning;
    warning.file = spec.file;
    warning.message = note;
    diagnostics.push_back(std::move(warning));
  }
  return trace;
}

/// The requests of each offline class: its share of `requests` (equal shares if none are given),
/// rounded so that they add up.
std::vector<std::uint64_t> offline_requests(const WorkloadSpec& spec) {
  std::vector<double> shares(spec.classes.size());
  double sum = 0;
  double members = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (is_generated(spec, i) && is_offline(spec.classes[i])) {
      shares[i] = spec.classes[i].share;
      sum += shares[i];
      members += 1;
    }
  }
  std::vector<std::uint64_t> counts(shares.size());
  double so_far = 0;
  std::uint64_t given = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (!is_generated(spec, i) || !is_offline(spec.classes[i])) {
      continue;
    }
    so_far += sum > 0 ? shares[i] / sum : 1 / members;
    const auto up_to =
        static_cast<std::uint64_t>(std::llround(so_far * static_cast<double>(spec.requests)));
    counts[i] = std::min(up_to, spec.requests) - given;
    given += counts[i];
  }
  return counts;
}

/// The requests of the trace.
std::unique_ptr<RequestStream> open_stream(const WorkloadSpec& spec, std::uint64_t seed,
                                           const ReplayTrace& trace) {
  const ClassSpec& one = spec.classes[spec.trace_class];
  std::unique_ptr<ArrivalProcess> arrivals;
  if (trace.has_arrivals) {
    ClassSpec scaled = one;
    scaled.rate *= spec.trace->rate_scale;
    arrivals = make_arrivals(scaled, seed, trace.requests);
  }
  return std::make_unique<ReplayStream>(*spec.trace, trace, one, spec.trace_class,
                                        std::move(arrivals));
}

std::unique_ptr<RequestStream> generate(const ClassSpec& spec,
                                        const GeneratedStream::Options& options) {
  if (spec.sessions) {
    return std::make_unique<SessionStream>(spec, options);
  }
  return std::make_unique<GeneratedStream>(spec, options);
}

/// The streams of all classes, in order of class.
std::unique_ptr<RequestSource> merge(const WorkloadSpec& spec, std::uint64_t seed,
                                     const std::optional<ReplayTrace>& trace) {
  const std::uint64_t trace_rows = trace ? trace->requests : 0;
  auto merged = std::make_unique<MergedSource>(MergedSource::Limits{
      .generated = spec.requests > 0 ? spec.requests : UINT64_MAX,
      .expected = expected_requests(spec, trace_rows),
      .horizon = spec.duration,
  });
  std::unique_ptr<RequestStream> replay;
  if (trace) {
    replay = open_stream(spec, seed, *trace);
  }
  const std::vector<std::uint64_t> offline = offline_requests(spec);
  for (std::size_t i = 0; i < spec.classes.size(); ++i) {
    const ClassSpec& one = spec.classes[i];
    const auto index = static_cast<std::uint16_t>(i);
    if (!is_generated(spec, i)) {
      merged->add(std::exchange(replay, nullptr), {.class_index = index});
      continue;
    }
    GeneratedStream::Options options{.class_index = index,
                                     .seed = seed,
                                     .requests = is_offline(one) ? offline[i] : spec.requests};
    if (spec.duration > SimTime{}) {
      options.until = spec.duration;
    }
    merged->add(generate(one, options), {.class_index = index,
                                         .generated = true,
                                         .per_round = std::max<std::uint64_t>(offline[i], 1)});
  }
  return merged;
}

}  // namespace

OpenedSource open_source(const WorkloadSpec& spec, std::uint64_t seed) {
  OpenedSource opened;
  opened.diagnostics = check_workload(spec);
  std::optional<ReplayTrace> trace;
  if (spec.trace) {
    trace = open_replay(*spec.trace, seed, opened.diagnostics, opened.notes);
  }
  if (has_errors(opened.diagnostics)) {
    return opened;
  }
  opened.follows_answers =
      (trace && trace->scan.has_delays) ||
      std::any_of(spec.classes.begin(), spec.classes.end(), [](const ClassSpec& one) {
        return one.sessions || one.arrivals.process == ArrivalSpec::Process::closed_loop;
      });
  opened.rows = trace ? trace->requests : 0;
  opened.description = describe(spec, trace ? &*trace : nullptr);
  opened.source = merge(spec, seed, trace);
  return opened;
}

}  // namespace penstock
