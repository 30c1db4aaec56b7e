#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "workloads/json_lines.h"
#include "workloads/trace.h"
#include "workloads/trace_row.h"

namespace penstock {

/// True if the first line of `head` that is not blank starts a JSON object and has all these keys.
bool recognises_json_trace(std::string_view head, std::initializer_list<std::string_view> keys);

/// The members of a JSON object as fields of a row.
class JsonFields final : public TraceFields {
 public:
  /// The names and the lines must outlive this.
  JsonFields(const TraceNames& names, const JsonLines& lines) : names_(names), lines_(lines) {}

  /// Takes the members of one object of the current line. A key that is there twice counts once,
  /// the last one.
  void set(const std::vector<JsonMember>& members);

  unsigned present() const override { return present_; }
  std::string_view text(TraceField which) const override {
    return found_[static_cast<std::size_t>(which)]->text;
  }
  NamedField field(TraceField which) const override;
  TextSpan row_span() const override { return lines_.row_span(); }

 private:
  const TraceNames& names_;
  const JsonLines& lines_;
  std::array<const JsonMember*, trace_field_count> found_ = {};
  unsigned present_ = 0;
};

/// A trace of one JSON object a line, each one row. Formats with more in them derive from it.
class JsonTraceReader : public TraceReader {
 public:
  /// The names and the log must outlive the reader.
  JsonTraceReader(LineReader lines, const TraceNames& names, const TraceOptions& options,
                  ErrorLog& errors);
  JsonTraceReader(const JsonTraceReader&) = delete;
  JsonTraceReader& operator=(const JsonTraceReader&) = delete;

  bool failed() const override { return failed_; }
  std::vector<std::string> notes() const override { return builder_.checks().notes(); }
  bool starts_at_zero() const override { return builder_.names().starts_at_zero; }

 protected:
  Outcome read(TraceRow& row) override;
  /// Goes on to the next line; an outcome if it is the end, or no JSON object.
  std::optional<Outcome> next_line();
  /// Makes a row of the members of an object.
  Outcome build(const std::vector<JsonMember>& members, TraceRow& row);

  JsonLines& json() { return json_; }
  ErrorLog& errors() { return errors_; }
  TraceRowBuilder& builder() { return builder_; }

 private:
  JsonLines json_;
  JsonFields fields_;
  TraceRowBuilder builder_;
  ErrorLog& errors_;
  bool finished_ = false;
  bool failed_ = false;
};

}  // namespace penstock
