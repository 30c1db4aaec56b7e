#include "workloads/replay.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include "sim/core/assert.h"
#include "sim/core/rng.h"
#include "workloads/exact.h"
#include "workloads/trace.h"

namespace penstock {
namespace {

bool is_kept(const TraceSpec& spec, SimTime time, std::size_t kept) {
  return kept < spec.requests && time >= spec.start && time - spec.start < spec.duration;
}

void report_empty_window(const TraceSpec& spec, const ReplayTrace& trace, ErrorLog& errors) {
  std::string cuts;
  if (spec.start > SimTime{}) {
    cuts += fmt::format(" start {:.9g} s", spec.start.seconds());
  }
  if (spec.duration < SimTime::never()) {
    cuts += fmt::format(" duration {:.9g} s", spec.duration.seconds());
  }
  if (spec.requests == 0) {
    cuts += " requests 0";
  }
  errors.add(Diagnostic::Kind::input,
             fmt::format("no request is left of the trace after the cuts:{}", cuts),
             {fmt::format("the trace has {} {}, from 0 to {:.9g} s", grouped(trace.rows_in_file),
                          trace.rows_in_file == 1 ? "request" : "requests",
                          trace.span_of_file.seconds())});
}

/// Moves the window to 0 and divides times by the rate scale.
void rescale(const TraceSpec& spec, ReplayTrace& trace, ErrorLog& errors) {
  const SimTime last = trace.rows.back().arrival - spec.start;
  const double scaled_ps = static_cast<double>(last.ps) / spec.rate_scale;
  if (scaled_ps > static_cast<double>(SimTime::max().ps)) {
    errors.add(Diagnostic::Kind::input,
               fmt::format("the trace spans {:.9g} s: divided by a rate_scale of {} it is longer "
                           "than the 100 days that a run can last",
                           last.seconds(), spec.rate_scale));
    return;
  }
  for (ReplayTrace::Row& row : trace.rows) {
    row.arrival = row.arrival - spec.start;
    if (spec.rate_scale != 1) {
      row.arrival.ps = divide_rounded(row.arrival.ps, spec.rate_scale);
    }
  }
}

}  // namespace

ReplayTrace load_replay(const TraceSpec& spec, LineReader lines, ErrorLog& errors) {
  const TraceFormat* const format = spec.format.empty() ? nullptr : find_trace_format(spec.format);
  PENSTOCK_ASSERT(spec.format.empty() || format != nullptr);
  PENSTOCK_ASSERT(spec.rate_scale > 0 && spec.start >= SimTime{});
  ReplayTrace trace;
  const std::unique_ptr<TraceReader> reader = open_trace(std::move(lines), format, errors);
  if (reader == nullptr) {
    return trace;
  }
  TraceRow row;
  while (reader->next(row)) {
    ++trace.rows_in_file;
    trace.span_of_file = row.time;
    if (is_kept(spec, row.time, trace.rows.size())) {
      trace.rows.push_back({row.time, static_cast<std::uint32_t>(row.input_tokens),
                            static_cast<std::uint32_t>(row.output_tokens)});
    }
  }
  if (!errors.empty()) {
    return trace;
  }
  if (trace.rows_in_file == 0) {
    errors.add(Diagnostic::Kind::input, "the trace has a header and no rows");
  } else if (trace.rows.empty()) {
    report_empty_window(spec, trace, errors);
  } else {
    rescale(spec, trace, errors);
  }
  return trace;
}

bool thin_trace(ReplayTrace& trace, double probability, std::uint64_t seed) {
  Rng rng(seed, "thin");
  std::erase_if(trace.rows, [&](const ReplayTrace::Row&) { return rng.uniform() >= probability; });
  return !trace.rows.empty();
}

ReplayStream::ReplayStream(ReplayTrace trace, const ClassSpec& spec, std::uint16_t class_index)
    : trace_(std::move(trace)), priority_(spec.priority), class_index_(class_index) {}

SimTime ReplayStream::next_arrival() const {
  return at_ < trace_.rows.size() ? trace_.rows[at_].arrival : SimTime::never();
}

Request ReplayStream::pop() {
  PENSTOCK_ASSERT(at_ < trace_.rows.size());
  const ReplayTrace::Row& row = trace_.rows[at_];
  ++at_;
  return {row.arrival, row.input_tokens, row.output_tokens, priority_, class_index_};
}

}  // namespace penstock
