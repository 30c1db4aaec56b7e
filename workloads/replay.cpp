#include "workloads/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/core/assert.h"
#include "sim/core/rng.h"
#include "workloads/exact.h"
#include "workloads/trace_row.h"

namespace penstock {
namespace {

bool has_window(const TraceSpec& spec) {
  return spec.start > SimTime{} || spec.duration < SimTime::never();
}

void report_empty_window(const TraceSpec& spec, const TraceScan& scan, ErrorLog& errors) {
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
             {fmt::format("the trace has {} {}, from 0 to {:.9g} s", grouped(scan.rows),
                          scan.rows == 1 ? "request" : "requests",
                          (scan.latest - scan.earliest).seconds())});
}

/// Counts the rows that are kept, and finds the last one's time in the window.
void apply_cuts(const TraceSpec& spec, ReplayTrace& trace) {
  if (!has_window(spec) && spec.requests >= trace.scan.rows) {
    trace.requests = trace.scan.rows;
    trace.last = trace.scan.latest - trace.scan.earliest;
    return;
  }
  OrderedTrace rows(trace.input, trace.options, trace.scan);
  TraceRow row;
  while (trace.requests < spec.requests && rows.next(row)) {
    if (row.time < spec.start) {
      continue;
    }
    if (row.time - spec.start >= spec.duration) {
      break;
    }
    ++trace.requests;
    trace.last = row.time - spec.start;
  }
}

void check_times(const TraceSpec& spec, ReplayTrace& trace, ErrorLog& errors) {
  if (!trace.scan.has_times && !spec.has_arrivals) {
    errors.add(Diagnostic::Kind::input,
               "the trace has no times: it says how long requests are, "
               "not when they come",
               {"give `workload.trace.rate`, such as rate: 5/s (Poisson arrivals), or "
                "`workload.trace.arrivals`, such as arrivals: {process: offline}"});
  } else if (!trace.scan.has_times && has_window(spec)) {
    errors.add(Diagnostic::Kind::input,
               "the trace has no times, so that `start` and `duration` cannot cut it",
               {"`workload.trace.requests` can"});
  }
}

/// The last arrival after scaling; an error if it lies beyond what a run can last.
void scale_last(const TraceSpec& spec, ReplayTrace& trace, ErrorLog& errors) {
  const double scaled_ps = static_cast<double>(trace.last.ps) / spec.rate_scale;
  if (scaled_ps > static_cast<double>(SimTime::max().ps)) {
    errors.add(Diagnostic::Kind::input,
               fmt::format("the trace spans {:.9g} s: divided by a rate_scale of {} it is longer "
                           "than the 100 days that a run can last",
                           trace.last.seconds(), spec.rate_scale));
  } else if (spec.rate_scale != 1) {
    trace.last.ps = divide_rounded(trace.last.ps, spec.rate_scale);
  }
}

/// The number of a token stream that no other kind of stream uses: `kind` keeps them apart.
std::uint64_t stream_of(std::string_view kind, std::uint64_t id) {
  std::uint64_t hash = hash_of_name(kind) ^ (id * 0x9e3779b97f4a7c15);
  hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93;  // one to one: ids never collide
  return hash ^ (hash >> 32);
}

/// What the input's tokens are, as far as the trace says it.
Content content_of(const TraceRow& row) {
  Content content;
  if (row.blocks.empty()) {
    if (row.prefix_tokens > 0) {
      content.push_back(
          {stream_of("trace/prefix", hash_of_name(row.prefix_group)), 0, row.prefix_tokens});
    }
    return content;
  }
  content.reserve(row.blocks.size());
  std::int64_t left = row.input_tokens;
  for (const std::uint64_t block : row.blocks) {
    if (left <= 0) {
      break;
    }
    const std::int64_t tokens = std::min(left, row.block_tokens);
    content.push_back({stream_of("trace/block", block), 0, tokens});
    left -= tokens;
  }
  return content;
}

}  // namespace

ReplayTrace load_replay(const TraceSpec& spec, TraceInput input, ErrorLog& errors,
                        std::vector<std::string>& notes) {
  ReplayTrace trace{.input = std::move(input), .options = {}, .scan = {}, .last = {}};
  trace.options.format = spec.format.empty() ? nullptr : find_trace_format(spec.format);
  trace.options.block_tokens = spec.block_tokens;
  trace.options.skip_bad_rows = spec.skip_bad_rows;
  trace.has_arrivals = spec.has_arrivals;
  PENSTOCK_ASSERT(spec.format.empty() || trace.options.format != nullptr);
  PENSTOCK_ASSERT(spec.rate_scale > 0 && spec.start >= SimTime{});
  const auto scan = scan_trace(trace.input, trace.options, errors, [](const TraceRow&) {});
  if (!scan) {
    return trace;
  }
  trace.scan = *scan;
  notes = notes_on(*scan, errors);
  ErrorLog problems = errors.emptied();
  check_times(spec, trace, problems);
  if (problems.empty()) {
    apply_cuts(spec, trace);
    if (trace.requests == 0) {
      report_empty_window(spec, trace.scan, problems);
    } else if (trace.has_arrivals) {
      trace.last = {};
    } else {
      scale_last(spec, trace, problems);
    }
  }
  errors = problems;  // without those of rows that were skipped
  return trace;
}

ReplayStream::ReplayStream(const TraceSpec& spec, const ReplayTrace& trace,
                           const ClassSpec& class_spec, std::uint16_t class_index,
                           std::unique_ptr<ArrivalProcess> arrivals)
    : rows_(trace.input, trace.options, trace.scan),
      arrivals_(std::move(arrivals)),
      start_(spec.start),
      rate_scale_(spec.rate_scale),
      left_(trace.requests),
      priority_(class_spec.priority),
      class_index_(class_index) {
  do {
    advance();
  } while (left_ > 0 && row_.time < start_);
}

void ReplayStream::advance() {
  if (left_ > 0 && !rows_.next(row_)) {
    throw TraceChanged();
  }
}

SimTime ReplayStream::next_arrival() const {
  if (left_ == 0) {
    return SimTime::never();
  }
  if (arrivals_ != nullptr) {
    return arrivals_->next();
  }
  const SimTime time = row_.time - start_;
  return rate_scale_ == 1 ? time : SimTime{divide_rounded(time.ps, rate_scale_)};
}

Request ReplayStream::pop() {
  PENSTOCK_ASSERT(next_arrival() < SimTime::never());
  Request request;
  request.arrival = next_arrival();
  request.input_tokens = row_.input_tokens;
  request.output_tokens = row_.output_tokens;
  request.priority = row_.priority != 0 ? row_.priority : priority_;
  request.class_index = class_index_;
  request.session =
      row_.session.empty() ? 0 : stream_of("trace/session", hash_of_name(row_.session));
  request.content = content_of(row_);
  --left_;
  advance();
  if (arrivals_ != nullptr) {
    arrivals_->advance();
  }
  return request;
}

void ReplayStream::on_departure(const Departure& departure) {
  if (arrivals_ != nullptr) {
    arrivals_->on_departure(departure.at);
  }
}

}  // namespace penstock
