#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "sim/core/units.h"
#include "workloads/error_log.h"
#include "workloads/line_reader.h"

namespace penstock {

/// A request of a trace.
struct TraceRow {
  SimTime time;                    ///< since the first row of the file
  std::int64_t input_tokens = 0;   ///< 1 to max_request_tokens
  std::int64_t output_tokens = 0;  ///< 1 to max_request_tokens
};

/// Reads a trace row by row, in one pass. Rows that are no good go to the error log and are left
/// out; while the log is empty, times never decrease.
class TraceReader {
 public:
  virtual ~TraceReader() = default;
  /// Reads the next good row; false at the end.
  virtual bool next(TraceRow& row) = 0;
};

/// A file format: one .cpp file, one row of the table in trace.cpp, and its name among the choices
/// of `workload.trace.format` in config/schema.cpp.
struct TraceFormat {
  std::string_view name;  ///< as in `trace: {format: ...}`
  std::string_view description;
  /// True if a text that starts with these bytes (at least 4,096, or all of it) is of this format.
  bool (*recognises)(std::string_view head);
  /// Null if the text turns out to be no such trace; the log then says why. The log must outlive
  /// the reader.
  std::unique_ptr<TraceReader> (*open)(LineReader lines, ErrorLog& errors);
};

/// All formats, in the order in which they are tried.
std::span<const TraceFormat> trace_formats();

/// The format of that name; null if there is none.
const TraceFormat* find_trace_format(std::string_view name);

/// What to tell somebody who named a format that does not exist.
Diagnostic unknown_trace_format(std::string_view name);

/// Opens a trace. A null format is recognised by content. Null, and at least one error in the log,
/// if the text is no trace.
std::unique_ptr<TraceReader> open_trace(LineReader lines, const TraceFormat* format,
                                        ErrorLog& errors);

/// Logs why the lines ended before the text did, if they did.
void report_unread_lines(const LineReader& lines, ErrorLog& errors);

// ---- The formats --------------------------------------------------------------------------------

bool recognises_azure(std::string_view head);
std::unique_ptr<TraceReader> open_azure(LineReader lines, ErrorLog& errors);

}  // namespace penstock
