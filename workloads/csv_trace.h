#pragma once

#include <memory>
#include <string_view>

#include "workloads/trace.h"
#include "workloads/trace_row.h"

namespace penstock {

/// True if the first line of `head` that is not blank is a CSV header with the columns that this
/// format requires. Other columns are ignored; the order of columns is free.
bool recognises_csv_trace(std::string_view head, const TraceNames& names);

/// Opens such a trace; see TraceFormat::open. `names` must outlive the reader.
std::unique_ptr<TraceReader> open_csv_trace(LineReader lines, const TraceNames& names,
                                            const TraceOptions& options, ErrorLog& errors);

}  // namespace penstock
