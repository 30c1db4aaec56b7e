#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "workloads/gzip.h"
#include "workloads/trace_scan.h"

namespace penstock::cli {

/// Writes rows as our own CSV or JSONL, in pieces of some 256 KB, packed with gzip or not.
class TraceWriter {
 public:
  using Write = std::function<void(std::string_view)>;

  /// `scan` says which columns there are. `to`: "csv" or "jsonl".
  TraceWriter(std::string_view to, bool packed, const TraceScan& scan, Write write);

  void add(const TraceRow& row);
  /// To be called once, after the last row.
  void finish();

 private:
  void flush();

  bool is_csv_;
  std::unique_ptr<GzipPacker> packer_;  // null: plain text
  const TraceScan& scan_;
  Write write_;
  std::string text_;
};

}  // namespace penstock::cli
