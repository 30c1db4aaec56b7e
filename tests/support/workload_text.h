#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/core/diagnostic.h"
#include "sim/scenario.h"
#include "workloads/error_log.h"
#include "workloads/line_reader.h"
#include "workloads/trace.h"

/// What the tests of workloads/ share.
namespace penstock::test {

/// A text that comes in pieces of a few bytes, and may fail after its last one.
class PieceBytes final : public ByteSource {
 public:
  PieceBytes(std::string text, std::size_t piece, std::string failure = {})
      : text_(std::move(text)), piece_(piece), failure_(std::move(failure)) {}

  std::size_t read(char* to, std::size_t size) override {
    const std::size_t count = std::min({size, piece_, text_.size() - at_});
    std::memcpy(to, text_.data() + at_, count);
    at_ += count;
    return count;
  }
  std::string failure() const override { return at_ == text_.size() ? failure_ : ""; }

 private:
  std::string text_;
  std::size_t piece_;
  std::size_t at_ = 0;
  std::string failure_;
};

/// "file:line:column+length: message (label)", as far as it is there.
inline std::string brief(const Diagnostic& d) {
  std::string text = d.file;
  if (d.line > 0) {
    text += ":" + std::to_string(d.line) + ":" + std::to_string(d.column) + "+" +
            std::to_string(d.length);
  }
  text += (text.empty() ? "" : ": ") + d.message;
  return d.label.empty() ? text : text + " (" + d.label + ")";
}

inline std::vector<std::string> brief(const Diagnostics& diagnostics) {
  std::vector<std::string> all;
  for (const Diagnostic& d : diagnostics) {
    all.push_back(brief(d));
  }
  return all;
}

/// Opens a trace; `format`: null = recognised by content.
inline std::unique_ptr<TraceReader> open_text(LineReader lines, ErrorLog& errors,
                                              const char* format = nullptr,
                                              std::int64_t block_tokens = 0) {
  TraceOptions options;
  options.format = format == nullptr ? nullptr : find_trace_format(format);
  options.block_tokens = block_tokens;
  return open_trace(std::move(lines), options, errors).reader;
}

/// The rows of a trace in memory, as far as they are good, without what they refer to.
inline std::vector<TraceRow> read_trace(std::string_view text, ErrorLog& errors,
                                        const char* format = nullptr) {
  std::vector<TraceRow> rows;
  const auto reader = open_text(LineReader(text), errors, format);
  TraceRow row;
  while (reader != nullptr && reader->next(row)) {
    row.session = row.tenant = row.prefix_group = {};
    row.blocks = {};
    rows.push_back(row);
  }
  return rows;
}

/// Its errors.
inline std::vector<std::string> trace_errors(std::string_view text, const char* format = nullptr) {
  ErrorLog errors("t.csv");
  read_trace(text, errors, format);
  return brief(errors.diagnostics());
}

/// A class of fixed lengths.
inline ClassSpec make_class(std::string name, double rate, double input = 100, double output = 10) {
  ClassSpec spec;
  spec.name = std::move(name);
  spec.rate = rate;
  spec.input.a = input;
  spec.output.a = output;
  return spec;
}

/// A uniform length from `lowest` to `highest`, or a lognormal one of these mu and sigma.
inline LengthSpec make_length(LengthSpec::Kind kind, double a, double b) {
  LengthSpec spec;
  spec.kind = kind;
  spec.a = a;
  spec.b = b;
  return spec;
}

}  // namespace penstock::test
