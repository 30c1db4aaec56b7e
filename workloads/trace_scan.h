#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/core/units.h"
#include "workloads/error_log.h"
#include "workloads/trace.h"
#include "workloads/trace_input.h"

namespace penstock {

/// What a pass over a whole trace found. Times are since the first row.
struct TraceScan {
  const TraceFormat* format = nullptr;
  std::uint64_t rows = 0;            ///< good ones, with input and output
  std::uint64_t empty_rows = 0;      ///< left out: no input or no output tokens
  std::uint64_t bad_rows = 0;        ///< left out: cannot be read
  std::uint64_t late_rows = 0;       ///< earlier than a row before; moved to their place
  std::uint64_t duplicate_rows = 0;  ///< equal to a row of the same instant; kept
  bool has_times = false;
  bool has_delays = false;
  bool has_sessions = false;
  bool has_priorities = false;
  bool has_tenants = false;
  bool has_prefixes = false;
  bool has_blocks = false;
  bool has_turns = false;
  bool starts_at_zero = false;
  bool has_content = false;
  std::vector<std::string> notes;  ///< of the reader
  SimTime earliest;                ///< not above 0
  SimTime latest;
  SimTime lateness;  ///< how far a row lies behind the latest row before it, at most
};

/// Takes a row into account: all but rows left out and duplicates.
void count_row(const TraceRow& row, TraceScan& scan);

/// Reads a whole trace, row by row, in the order of the file, without keeping it. Nothing, and
/// errors in the log, if it is no trace, cannot be read, has no rows, or (unless bad rows are
/// skipped) has a row that cannot be read.
///
/// Duplicates are looked for among the first 4,096 rows of an instant, and not without times.
std::optional<TraceScan> scan_trace(const TraceInput& input, const TraceOptions& options,
                                    ErrorLog& errors,
                                    const std::function<void(const TraceRow&)>& visit);

/// What people should know about a scanned trace: rows left out, moved, met twice. Empty if there
/// is nothing to say. `errors`: the log of the scan.
std::vector<std::string> notes_on(const TraceScan& scan, const ErrorLog& errors);

/// A trace that was good a moment ago and is not any more.
class TraceChanged : public std::runtime_error {
 public:
  TraceChanged() : std::runtime_error("the trace changed while it was read") {}
};

/// The rows of a scanned trace in order of time, rows of one instant in the order of the file; the
/// earliest is at 0. Keeps in memory only rows that lie within `lateness` of each other, and so
/// nothing of a sorted file.
class OrderedTrace {
 public:
  /// Requires a scan of the same input with the same options.
  OrderedTrace(const TraceInput& input, const TraceOptions& options, const TraceScan& scan);

  /// The next row; false at the end. Throws TraceChanged.
  bool next(TraceRow& row);

 private:
  /// A row with everything in it that it refers to.
  struct Held {
    TraceRow row;
    std::uint64_t number = 0;
    std::string session;
    std::string tenant;
    std::string prefix_group;
    std::vector<std::uint64_t> blocks;
    Content content;
  };
  struct ComesLater {
    bool operator()(const Held& a, const Held& b) const {
      return a.row.time != b.row.time ? b.row.time < a.row.time : b.number < a.number;
    }
  };

  bool read(TraceRow& row);
  bool next_held(TraceRow& row);

  TraceScan scan_;
  bool skips_bad_rows_;
  ErrorLog errors_;
  std::unique_ptr<TraceReader> reader_;
  std::uint64_t rows_read_ = 0;
  SimTime latest_;  // row read so far
  std::priority_queue<Held, std::vector<Held>, ComesLater> held_;
  Held current_;
  bool at_end_ = false;
};

}  // namespace penstock
