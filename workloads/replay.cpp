#include "workloads/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "sim/core/assert.h"
#include "sim/core/rng.h"
#include "workloads/exact.h"
#include "workloads/named_columns.h"
#include "workloads/trace_row.h"

namespace penstock {
namespace {

void report_empty_window(const TraceSpec& spec, const TraceScan& scan, ErrorLog& errors) {
  std::string cuts;
  if (spec.start > SimTime{}) {
    cuts += fmt::format(" start {:.9g} s", spec.start.seconds());
  }
  if (spec.duration < SimTime::never()) {
    cuts += fmt::format(" duration {:.9g} s", spec.duration.seconds());
  }
  if (spec.thin < 1) {
    cuts += fmt::format(" thin {}", spec.thin);
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
void apply_cuts(ReplayTrace& trace) {
  if (!trace.cuts.cuts(trace.scan.rows)) {
    trace.requests = trace.scan.rows;
    trace.last = trace.scan.latest - trace.scan.earliest;
    return;
  }
  OrderedTrace rows(trace.input, trace.options, trace.scan);
  TraceCuts cuts = trace.cuts;
  TraceRow row;
  while (rows.next(row)) {
    const TraceCuts::Verdict verdict = cuts.take(row);
    if (verdict == TraceCuts::Verdict::end) {
      break;
    }
    if (verdict == TraceCuts::Verdict::keep) {
      ++trace.requests;
      trace.last = cuts.time_of(row);
    }
  }
}

void check_times(const TraceSpec& spec, ReplayTrace& trace, ErrorLog& errors) {
  if (!trace.scan.has_times && !spec.has_arrivals) {
    errors.add(Diagnostic::Kind::input,
               "the trace has no times: it says how long requests are, "
               "not when they come",
               {"give `workload.trace.rate`, such as rate: 5/s (Poisson arrivals), or "
                "`workload.trace.arrivals`, such as arrivals: {process: offline}"});
  } else if (!trace.scan.has_times && trace.cuts.cuts_time()) {
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
  if (!row.content.empty()) {
    for (const ContentSpan& span : row.content) {
      content.push_back({stream_of("trace/content", span.stream), span.first, span.tokens});
    }
    return content;
  }
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

/// The number by which a session is known; never 0.
std::uint64_t session_of(const TraceRow& row) {
  const std::uint64_t id = stream_of("trace/session", hash_of_name(row.session));
  return id == 0 ? 1 : id;
}

TraceOptions options_of(const TraceSpec& spec, std::uint64_t seed) {
  TraceOptions options;
  options.format = spec.format.empty() ? nullptr : find_trace_format(spec.format);
  PENSTOCK_ASSERT(spec.format.empty() || options.format != nullptr);
  options.block_tokens = spec.block_tokens;
  options.skip_bad_rows = spec.skip_bad_rows;
  options.columns = spec.columns ? std::make_shared<NamedColumns>(*spec.columns) : nullptr;
  options.draw = {seed, spec.start, spec.duration, spec.thin < 1 ? UINT64_MAX : spec.requests};
  return options;
}

}  // namespace

TraceCuts::TraceCuts(const TraceSpec& spec, std::uint64_t seed, bool is_drawn)
    : start_(is_drawn ? SimTime{} : spec.start),
      duration_(is_drawn ? SimTime::never() : spec.duration),
      requests_(spec.requests),
      thin_(spec.thin),
      key_(Rng(seed, "thin").next()) {}

TraceCuts::Verdict TraceCuts::take(const TraceRow& row) {
  if (row.time < start_) {
    return Verdict::skip;
  }
  if (row.time - start_ >= duration_ || kept_ >= requests_) {
    return Verdict::end;
  }
  const bool is_kept = thin_ >= 1 || survives(row);
  kept_ += is_kept ? 1 : 0;
  return is_kept ? Verdict::keep : Verdict::skip;
}

bool TraceCuts::survives(const TraceRow& row) {
  ++seen_;
  const std::uint64_t unit = row.session.empty() ? seen_ : hash_of_name(row.session);
  const std::uint64_t drawn = mix_bits(mix_bits(key_ ^ unit) + (row.session.empty() ? 0 : 1));
  return static_cast<double>(drawn >> 11) * 0x1p-53 < thin_;
}

ReplayTrace load_replay(const TraceSpec& spec, std::uint64_t seed, TraceInput input,
                        ErrorLog& errors, std::vector<std::string>& notes) {
  ReplayTrace trace{.input = std::move(input), .options = {}, .scan = {}, .cuts = {}, .last = {}};
  trace.options = options_of(spec, seed);
  trace.cuts = TraceCuts(spec, seed, trace.input.is_folder());
  trace.has_arrivals = spec.has_arrivals;
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
    apply_cuts(trace);
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
      cuts_(trace.cuts),
      arrivals_(std::move(arrivals)),
      follows_answers_(trace.scan.has_delays),
      rate_scale_(spec.rate_scale),
      left_(trace.requests),
      priority_(class_spec.priority),
      class_index_(class_index) {
  advance();
}

/// The next row that is kept; false at the end.
bool ReplayStream::next_row(TraceRow& row) {
  if (left_ == 0) {
    return false;
  }
  do {
    if (!rows_.next(row)) {
      throw TraceChanged();
    }
  } while (cuts_.take(row) == TraceCuts::Verdict::skip);
  --left_;
  return true;
}

SimTime ReplayStream::scaled(SimTime time) const {
  if (rate_scale_ == 1) {
    return time;
  }
  const bool is_late =
      static_cast<double>(time.ps) / rate_scale_ > static_cast<double>(SimTime::max().ps);
  return is_late ? SimTime::max() : SimTime{divide_rounded(time.ps, rate_scale_)};
}

/// Reads up to the next row with a time of its own; those before it are turns that follow others.
void ReplayStream::advance() {
  has_next_ = false;
  TraceRow row;
  while (!has_next_ && next_row(row)) {
    const SimTime time = scaled(cuts_.time_of(row));
    Request request = request_of(row);
    if (!follows_answers_ || row.session.empty()) {
      next_ = std::move(request);
      has_next_ = true;
    } else if (row.delay < SimTime::never() && turns_.knows(request.session)) {
      const std::uint64_t session = request.session;
      turns_.add(session, {.number = row.turn,
                           .delay = scaled(row.delay),
                           .earliest = arrivals_ == nullptr ? time : now_,
                           .request = std::move(request)});
    } else {
      next_ = std::move(request);
      has_next_ = true;
    }
    if (has_next_) {
      next_time_ = time;
      if (next_.tag != 0) {
        turns_.begin(next_.session, row.turn, next_timed());
      }
    }
  }
}

Request ReplayStream::request_of(const TraceRow& row) const {
  Request request;
  request.input_tokens = row.input_tokens;
  request.output_tokens = row.output_tokens;
  request.priority = row.priority != 0 ? row.priority : priority_;
  request.class_index = class_index_;
  request.session = row.session.empty() ? 0 : session_of(row);
  request.tag = follows_answers_ ? request.session : 0;
  request.content = content_of(row);
  return request;
}

/// When the next request with a time of its own comes.
SimTime ReplayStream::next_timed() const {
  if (!has_next_) {
    return SimTime::never();
  }
  return arrivals_ != nullptr ? arrivals_->next() : next_time_;
}

SimTime ReplayStream::next_arrival() const { return std::min(next_timed(), turns_.next()); }

Request ReplayStream::pop() {
  now_ = next_arrival();
  PENSTOCK_ASSERT(now_ < SimTime::never());
  if (turns_.next() <= next_timed()) {
    return turns_.pop();
  }
  Request request = std::move(next_);
  request.arrival = now_;
  if (arrivals_ != nullptr) {
    arrivals_->advance();
    clients_.insert(request.tag);
  }
  advance();
  return request;
}

void ReplayStream::on_departure(const Departure& departure) {
  const bool is_over = departure.tag == 0 || turns_.on_departure(departure.tag, departure);
  // A client of a closed loop sends its next request, or begins its next session.
  if (arrivals_ != nullptr && is_over &&
      (departure.tag == 0 || clients_.erase(departure.tag) > 0)) {
    arrivals_->on_departure(departure.at);
  }
}

}  // namespace penstock
