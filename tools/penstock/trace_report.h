#pragma once

#include <string>

#include "workloads/trace_info.h"

namespace penstock::cli {

/// The statistics of a trace as a screen; `file` as the user spelled it.
std::string trace_table(const std::string& file, const TraceInfo& info);

/// The same as JSON: keys of product.md, and more.
std::string trace_json(const std::string& file, const TraceInfo& info);

}  // namespace penstock::cli
