// Any bytes as a trace: recognised by content and as every format in turn, in memory and in pieces.
// Bad input is only ever an entry in the error log, and good rows keep the reader's promises. The
// same bytes are also scanned and put in order, as a replay does.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/workload_text.h"
#include "workloads/limits.h"
#include "workloads/trace.h"
#include "workloads/trace_row.h"
#include "workloads/trace_scan.h"

namespace penstock {
namespace {

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

bool is_length(std::int64_t tokens) { return tokens >= 1 && tokens <= max_request_tokens; }

/// What a row says, in one number.
std::uint64_t digest(const TraceRow& row) {
  std::uint64_t all = hash_of_name(row.session) ^ hash_of_name(row.tenant) * 3;
  for (const std::uint64_t block : row.blocks) {
    all = all * 31 + block;
  }
  return all * 31 + static_cast<std::uint64_t>(row.time.ps + row.input_tokens * 7);
}

void check_row(const TraceRow& row) {
  require(is_length(row.input_tokens) && is_length(row.output_tokens));
  require(row.time >= SimTime{} - SimTime::max() && row.time <= SimTime::max());
  require(row.delay >= SimTime{} && row.prefix_tokens <= row.input_tokens);
  require(row.blocks.empty() || row.block_tokens > 0);
}

void check_errors(const ErrorLog& errors) {
  require(errors.diagnostics().size() <= max_listed_errors + 1);
  for (const Diagnostic& d : errors.diagnostics()) {
    require(!d.message.empty() && d.line >= 0 && d.column >= 0 && d.length >= 0);
  }
}

/// The digests of all rows.
std::vector<std::uint64_t> read_rows(LineReader lines, const char* format, ErrorLog& errors) {
  std::vector<std::uint64_t> digests;
  const auto reader = test::open_text(std::move(lines), errors, format);
  TraceRow row;
  while (reader != nullptr && reader->next(row)) {
    check_row(row);
    digests.push_back(digest(row));
  }
  require(reader == nullptr || reader->bad_rows() == 0 || !errors.empty());
  check_errors(errors);
  return digests;
}

void read_as(std::string_view text, const char* format) {
  ErrorLog errors("t");
  const auto rows = read_rows(LineReader(text), format, errors);
  ErrorLog piecewise_errors("t");
  // A smaller buffer than max_line_bytes, where no line can fill it: sanitizers poison all of it.
  const std::size_t buffer = std::min(max_line_bytes, text.size() + 4096);
  const auto piecewise =
      read_rows(LineReader(std::make_unique<test::PieceBytes>(std::string(text), 977), buffer),
                format, piecewise_errors);
  require(rows == piecewise);
  require(test::brief(errors.diagnostics()) == test::brief(piecewise_errors.diagnostics()));
}

/// Both passes, over bytes that may be packed: sorted times, and as many rows as were counted.
void replay(std::string_view text) {
  const TraceInput input = TraceInput::of_text(std::string(text));
  ErrorLog errors("t");
  const TraceOptions options{.format = nullptr, .block_tokens = 0, .skip_bad_rows = true};
  const auto scan = scan_trace(input, options, errors, [](const TraceRow&) {});
  require(scan.has_value() || !errors.empty());
  if (!scan) {
    return;
  }
  OrderedTrace ordered(input, options, *scan);
  TraceRow row;
  SimTime last;
  std::uint64_t rows = 0;
  for (; ordered.next(row); ++rows) {
    require(row.time >= last && row.time <= SimTime::max());
    last = row.time;
  }
  require(rows == scan->rows);
}

}  // namespace
}  // namespace penstock

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  penstock::read_as(text, nullptr);
  penstock::replay(text);
  for (const penstock::TraceFormat& format : penstock::trace_formats()) {
    penstock::read_as(text, std::string(format.name).c_str());
  }
  return 0;
}
