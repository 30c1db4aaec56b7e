#pragma once

#include <functional>
#include <string_view>

#include "workloads/trace_scan.h"

namespace penstock::cli {

/// Writes a scanned trace in our own formats, `csv` or `jsonl`, in order of time, piece by piece.
/// Times are exact. Columns that no row fills are left out. Throws what `write` throws, and
/// TraceChanged.
void convert_trace(const TraceInput& input, const TraceOptions& options, const TraceScan& scan,
                   std::string_view to, const std::function<void(std::string_view)>& write);

}  // namespace penstock::cli
