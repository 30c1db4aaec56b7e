#include "workloads/trace_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "workloads/trace_row.h"

namespace penstock {
namespace {

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 29);
}

std::uint64_t hash_of(const TraceRow& row) {
  std::uint64_t hash = mix(static_cast<std::uint64_t>(row.input_tokens),
                           static_cast<std::uint64_t>(row.output_tokens));
  for (const std::string_view name : {row.session, row.tenant, row.prefix_group}) {
    hash = name.empty() ? hash + 1 : mix(hash, hash_of_name(name));
  }
  for (const std::uint64_t block : row.blocks) {
    hash = mix(hash, block);
  }
  for (const ContentSpan& span : row.content) {
    hash = mix(mix(hash, span.stream), static_cast<std::uint64_t>(span.first + span.tokens));
  }
  return hash;
}

/// Finds rows that are equal to one of the same instant before them.
class Duplicates {
 public:
  bool is_duplicate(const TraceRow& row) {
    if (!row.has_time) {
      return false;
    }
    const std::uint64_t hash = hash_of(row);
    if (is_empty_ || row.time != time_) {
      is_empty_ = false;
      time_ = row.time;
      first_ = hash;
      if (!others_.empty()) {
        others_ = {};
      }
      return false;
    }
    if (hash == first_) {
      return true;
    }
    return others_.size() < most ? !others_.insert(hash).second : others_.count(hash) > 0;
  }

 private:
  static constexpr std::size_t most = 4096;
  bool is_empty_ = true;
  SimTime time_;
  std::uint64_t first_ = 0;
  std::unordered_set<std::uint64_t> others_;  // looked up only
};

std::string rows_text(std::uint64_t rows) { return grouped(rows) + (rows == 1 ? " row" : " rows"); }

}  // namespace

void count_row(const TraceRow& row, TraceScan& scan) {
  ++scan.rows;
  scan.has_times = row.has_time;
  scan.has_delays |= row.delay != SimTime::never();
  scan.has_sessions |= !row.session.empty();
  scan.has_priorities |= row.priority != 0;
  scan.has_tenants |= !row.tenant.empty();
  scan.has_prefixes |= row.prefix_tokens > 0;
  scan.has_blocks |= !row.blocks.empty();
  scan.has_turns |= row.turn >= 0;
  scan.has_content |= !row.content.empty();
  if (scan.rows == 1) {
    scan.earliest = scan.starts_at_zero ? std::min(row.time, SimTime{}) : row.time;
    scan.latest = row.time;
  }
  if (row.time < scan.latest) {
    ++scan.late_rows;
    scan.lateness = std::max(scan.lateness, scan.latest - row.time);
    scan.earliest = std::min(scan.earliest, row.time);
  } else {
    scan.latest = row.time;
  }
}

std::optional<TraceScan> scan_trace(const TraceInput& input, const TraceOptions& options,
                                    ErrorLog& errors,
                                    const std::function<void(const TraceRow&)>& visit) {
  const OpenedTrace opened = open_trace(input, options, errors);
  if (opened.reader == nullptr) {
    return std::nullopt;
  }
  TraceScan scan;
  scan.format = opened.format;
  scan.starts_at_zero = opened.reader->starts_at_zero();
  Duplicates duplicates;
  TraceRow row;
  while (opened.reader->next(row)) {
    count_row(row, scan);
    scan.duplicate_rows += duplicates.is_duplicate(row) ? 1 : 0;
    visit(row);
  }
  scan.notes = opened.reader->notes();
  scan.bad_rows = opened.reader->bad_rows();
  scan.empty_rows = opened.reader->empty_rows();
  if (opened.reader->failed() || (!errors.empty() && !options.skip_bad_rows)) {
    return std::nullopt;
  }
  if (scan.rows == 0) {
    const std::uint64_t left_out = scan.empty_rows + scan.bad_rows;
    errors.add(Diagnostic::Kind::input, left_out == 0
                                            ? "the trace has no rows"
                                            : "the trace has no rows with input and output tokens");
    return std::nullopt;
  }
  return scan;
}

std::vector<std::string> notes_on(const TraceScan& scan, const ErrorLog& errors) {
  std::vector<std::string> notes = scan.notes;
  if (scan.bad_rows > 0) {
    const Diagnostic first = errors.diagnostics().front();
    notes.push_back(fmt::format("{} cannot be read and {} left out; the first, line {}: {}",
                                rows_text(scan.bad_rows), scan.bad_rows == 1 ? "is" : "are",
                                first.line, first.message));
  }
  if (scan.empty_rows > 0) {
    notes.push_back(fmt::format("{} without input or output tokens {} left out",
                                rows_text(scan.empty_rows), scan.empty_rows == 1 ? "is" : "are"));
  }
  if (scan.late_rows > 0) {
    notes.push_back(fmt::format("{} out of order, by {:.6g} s at most: sorted by time",
                                rows_text(scan.late_rows), scan.lateness.seconds()));
  }
  if (scan.duplicate_rows > 0) {
    notes.push_back(fmt::format("{} equal to another of the same instant, kept",
                                rows_text(scan.duplicate_rows)));
  }
  return notes;
}

OrderedTrace::OrderedTrace(const TraceInput& input, const TraceOptions& options,
                           const TraceScan& scan)
    : scan_(scan), skips_bad_rows_(options.skip_bad_rows), errors_("") {
  TraceOptions same = options;
  same.format = scan.format;
  reader_ = open_trace(input, same, errors_).reader;
  latest_ = scan.earliest;
}

bool OrderedTrace::next(TraceRow& row) {
  if (scan_.lateness > SimTime{}) {
    return next_held(row);
  }
  if (!read(row)) {
    return false;
  }
  row.time = row.time - scan_.earliest;
  return true;
}

/// Reads a row in the order of the file; sees to it that it is as the scan saw it.
bool OrderedTrace::read(TraceRow& row) {
  const bool is_row = reader_ != nullptr && reader_->next(row);
  const bool has_error =
      reader_ == nullptr || reader_->failed() || (!errors_.empty() && !skips_bad_rows_);
  rows_read_ += is_row ? 1 : 0;
  const bool is_as_before = is_row ? rows_read_ <= scan_.rows && row.time <= scan_.latest &&
                                         row.time >= latest_ - scan_.lateness &&
                                         row.time >= scan_.earliest
                                   : rows_read_ == scan_.rows;
  if (has_error || !is_as_before) {
    throw TraceChanged();
  }
  latest_ = is_row ? std::max(latest_, row.time) : latest_;
  return is_row;
}

bool OrderedTrace::next_held(TraceRow& row) {
  // No row to come is earlier than this.
  const auto is_due = [this] {
    return !held_.empty() && (at_end_ || held_.top().row.time <= latest_ - scan_.lateness);
  };
  while (!at_end_ && !is_due()) {
    TraceRow read_row;
    at_end_ = !read(read_row);
    if (!at_end_) {
      held_.push({read_row,
                  rows_read_,
                  std::string(read_row.session),
                  std::string(read_row.tenant),
                  std::string(read_row.prefix_group),
                  {read_row.blocks.begin(), read_row.blocks.end()},
                  {read_row.content.begin(), read_row.content.end()}});
    }
  }
  if (held_.empty()) {
    return false;
  }
  current_ = held_.top();
  held_.pop();
  row = current_.row;
  row.time = row.time - scan_.earliest;
  row.session = current_.session;
  row.tenant = current_.tenant;
  row.prefix_group = current_.prefix_group;
  row.blocks = current_.blocks;
  row.content = current_.content;
  return true;
}

}  // namespace penstock
