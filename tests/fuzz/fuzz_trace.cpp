// Any bytes as a trace: recognised by content and as every format in turn, in memory and in pieces.
// Bad input is only ever an entry in the error log, and good rows keep the reader's promises.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/support/workload_text.h"
#include "workloads/limits.h"
#include "workloads/trace.h"

namespace penstock {
namespace {

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

bool is_length(std::int64_t tokens) { return tokens >= 1 && tokens <= max_request_tokens; }

void check_rows(const std::vector<TraceRow>& rows, const ErrorLog& errors) {
  SimTime previous;
  for (const TraceRow& row : rows) {
    require(is_length(row.input_tokens) && is_length(row.output_tokens));
    require(row.time >= SimTime{} && row.time <= SimTime::max());
    require(!errors.empty() || row.time >= previous);
    previous = row.time;
  }
  require(errors.diagnostics().size() <= max_listed_errors + 1);
  for (const Diagnostic& d : errors.diagnostics()) {
    require(!d.message.empty() && d.line >= 0 && d.column >= 0 && d.length >= 0);
  }
}

void read_as(std::string_view text, const char* format) {
  ErrorLog errors("t");
  const auto rows = test::read_trace(text, errors, format);
  check_rows(rows, errors);
  ErrorLog piecewise_errors("t");
  const TraceFormat* const given = format == nullptr ? nullptr : find_trace_format(format);
  const auto reader =
      open_trace(LineReader(std::make_unique<test::PieceBytes>(std::string(text), 977)), given,
                 piecewise_errors);
  std::size_t count = 0;
  TraceRow row;
  while (reader != nullptr && reader->next(row)) {
    require(count < rows.size() && row.time == rows[count].time);
    ++count;
  }
  require(count == rows.size());
  require(test::brief(errors.diagnostics()) == test::brief(piecewise_errors.diagnostics()));
}

}  // namespace
}  // namespace penstock

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  penstock::read_as(text, nullptr);
  for (const penstock::TraceFormat& format : penstock::trace_formats()) {
    penstock::read_as(text, std::string(format.name).c_str());
  }
  return 0;
}
