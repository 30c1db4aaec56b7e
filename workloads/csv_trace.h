#pragma once

#include <memory>
#include <string_view>

#include "workloads/csv.h"
#include "workloads/timestamp.h"
#include "workloads/trace.h"

namespace penstock {

/// A trace format that is a CSV file with a header: the names of three columns and how to read a
/// time. Other columns are ignored; the order of columns is free.
struct CsvTraceFormat {
  std::string_view time;
  std::string_view input;
  std::string_view output;
  Timestamp (*parse_time)(std::string_view text);
  std::string_view time_example;  ///< shown when a time cannot be read
};

/// True if the first line of `head` that is not blank names the three columns.
bool recognises_csv_trace(std::string_view head, const CsvTraceFormat& format);

/// Opens such a trace; see TraceFormat::open. `format` must outlive the reader.
std::unique_ptr<TraceReader> open_csv_trace(LineReader lines, const CsvTraceFormat& format,
                                            ErrorLog& errors);

}  // namespace penstock
