#include "workloads/csv_trace.h"

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "workloads/csv.h"

namespace penstock {
namespace {

/// Where each field stands in a row.
struct Columns {
  std::array<std::size_t, trace_field_count> at = {};
  unsigned present = 0;   ///< see TraceFields::present()
  std::size_t count = 0;  ///< of the header
};

bool is_required(const TraceNames& names, TraceField field) {
  return field == TraceField::input || field == TraceField::output ||
         (field == TraceField::time && !names.time_is_optional);
}

/// The columns of the header, the reader's current row; logs what is missing or there twice.
std::optional<Columns> find_columns(const CsvReader& csv, const TraceNames& names,
                                    ErrorLog& errors) {
  if (!csv.problem().empty()) {
    errors.add(csv.problem_span(), std::string(csv.problem()));
    return std::nullopt;
  }
  const CsvHeader header(csv);
  Columns columns{.at = {}, .present = 0, .count = header.size()};
  bool complete = true;
  for (std::size_t i = 0; i < trace_field_count; ++i) {
    const std::string_view name = names.names[i];
    const auto column = name.empty() ? std::nullopt : header.find(name);
    columns.at[i] = column.value_or(0);
    columns.present |= column ? bit_of(static_cast<TraceField>(i)) : 0;
    if (column && header.is_duplicate(name)) {
      errors.add(csv.span(*column), "the header has two columns " + quoted(name));
      complete = false;
    } else if (!column && !name.empty() && is_required(names, static_cast<TraceField>(i))) {
      const std::string hint = separator_hint(csv.row_span().line);
      errors.add(csv.row_span(), "the header has no column " + quoted(name), hint);
      complete = false;
    }
  }
  return complete ? std::optional(columns) : std::nullopt;
}

class CsvTraceReader final : public TraceReader, private TraceFields {
 public:
  CsvTraceReader(CsvReader csv, const Columns& columns, TraceRowBuilder builder, ErrorLog& errors)
      : csv_(std::move(csv)), columns_(columns), builder_(std::move(builder)), errors_(errors) {}

  bool failed() const override { return failed_; }
  std::vector<std::string> notes() const override { return builder_.checks().notes(); }
  bool starts_at_zero() const override { return builder_.names().starts_at_zero; }

 private:
  Outcome read(TraceRow& row) override {
    if (!csv_.next()) {
      if (!std::exchange(finished_, true)) {
        failed_ = report_unread_lines(csv_.lines(), errors_);
      }
      return Outcome::end;
    }
    return has_good_shape() && builder_.build(*this, row) ? Outcome::row : Outcome::bad;
  }

  unsigned present() const override { return columns_.present; }

  std::string_view text(TraceField which) const override {
    return csv_.field(columns_.at[static_cast<std::size_t>(which)]);
  }

  NamedField field(TraceField which) const override {
    const std::size_t column = columns_.at[static_cast<std::size_t>(which)];
    return {builder_.names().name(which), csv_.field(column), csv_.span(column)};
  }

  TextSpan row_span() const override { return csv_.row_span(); }

  bool has_good_shape() {
    if (!csv_.problem().empty()) {
      errors_.add(csv_.problem_span(), std::string(csv_.problem()));
      return false;
    }
    if (csv_.size() != columns_.count) {
      errors_.add(csv_.row_span(), "the row has " + std::to_string(csv_.size()) +
                                       (csv_.size() == 1 ? " field" : " fields") + ", the header " +
                                       std::to_string(columns_.count));
      return false;
    }
    return true;
  }

  CsvReader csv_;
  Columns columns_;
  TraceRowBuilder builder_;
  ErrorLog& errors_;
  bool finished_ = false;
  bool failed_ = false;
};

}  // namespace

bool recognises_csv_trace(std::string_view head, const TraceNames& names) {
  CsvReader csv{LineReader(head)};
  if (!csv.next() || !csv.problem().empty()) {
    return false;
  }
  const CsvHeader header(csv);
  for (std::size_t i = 0; i < trace_field_count; ++i) {
    if (is_required(names, static_cast<TraceField>(i)) && !names.names[i].empty() &&
        !header.find(names.names[i])) {
      return false;
    }
  }
  return true;
}

std::unique_ptr<TraceReader> open_csv_trace(LineReader lines, const TraceNames& names,
                                            const TraceOptions& options, ErrorLog& errors) {
  CsvReader csv(std::move(lines));
  if (!csv.next()) {
    if (!report_unread_lines(csv.lines(), errors)) {
      errors.add(Diagnostic::Kind::input, "the trace has no header");
    }
    return nullptr;
  }
  const auto columns = find_columns(csv, names, errors);
  if (!columns) {
    return nullptr;
  }
  return std::make_unique<CsvTraceReader>(std::move(csv), *columns,
                                          TraceRowBuilder(names, options, errors), errors);
}

}  // namespace penstock
