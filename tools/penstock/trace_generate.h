#pragma once

#include <optional>
#include <string>

#include "tools/penstock/options.h"
#include "tools/penstock/trace_writer.h"

namespace penstock::cli {

/// Where rows go: the file of `-o`, whole or not at all, or standard output.
struct TraceTarget {
  std::optional<std::string> file;
  std::string format;  ///< csv or jsonl
  bool packed = false;
};

/// As `-o` and `--to` say; throws UsageError.
TraceTarget trace_target(const ParsedOptions& options);

/// Writes the rows that `next` gives, until it gives no more.
void write_rows(const TraceTarget& target, const TraceScan& scan,
                const std::function<bool(TraceRow&)>& next);

/// `penstock trace generate`.
extern const Usage generate_usage;
int generate_trace(const ParsedOptions& options);

}  // namespace penstock::cli
