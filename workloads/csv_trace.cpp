#include "workloads/csv_trace.h"

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "workloads/trace_checks.h"

namespace penstock {
namespace {

struct Columns {
  std::size_t time = 0;
  std::size_t input = 0;
  std::size_t output = 0;
  std::size_t count = 0;  ///< of the header
};

/// The columns of the header, the reader's current row; logs what is missing or there twice.
std::optional<Columns> find_columns(const CsvReader& csv, const CsvTraceFormat& format,
                                    ErrorLog& errors) {
  if (!csv.problem().empty()) {
    errors.add(csv.problem_span(), std::string(csv.problem()));
    return std::nullopt;
  }
  const CsvHeader header(csv);
  std::array<std::size_t, 3> at{};
  const std::array names{format.time, format.input, format.output};
  bool complete = true;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto column = header.find(names[i]);
    if (!column) {
      errors.add(csv.row_span(), "the header has no column " + quoted(names[i]));
    } else if (header.is_duplicate(names[i])) {
      errors.add(csv.span(*column), "the header has two columns " + quoted(names[i]));
    }
    complete = complete && column && !header.is_duplicate(names[i]);
    at[i] = column.value_or(0);
  }
  if (!complete) {
    return std::nullopt;
  }
  return Columns{at[0], at[1], at[2], header.size()};
}

class CsvTraceReader final : public TraceReader {
 public:
  CsvTraceReader(CsvReader csv, const Columns& columns, const CsvTraceFormat& format,
                 ErrorLog& errors)
      : csv_(std::move(csv)),
        columns_(columns),
        format_(format),
        errors_(errors),
        checks_(errors) {}

  bool next(TraceRow& row) override {
    while (csv_.next()) {
      if (!has_good_shape()) {
        continue;
      }
      const auto time = read_time();
      const auto input = checks_.input_tokens(named(columns_.input, format_.input));
      const auto output = checks_.output_tokens(named(columns_.output, format_.output));
      if (time && input && output) {
        row = {*time, *input, *output};
        return true;
      }
    }
    if (!finished_) {
      finished_ = true;
      report_unread_lines(csv_.lines(), errors_);
    }
    return false;
  }

 private:
  NamedField named(std::size_t column, std::string_view name) const {
    return {name, csv_.field(column), csv_.span(column)};
  }

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

  std::optional<SimTime> read_time() {
    const NamedField field = named(columns_.time, format_.time);
    const Timestamp stamp = format_.parse_time(field.text);
    if (stamp.error == nullptr) {
      return checks_.time(field, stamp.ps);
    }
    if (field.text.empty()) {
      errors_.add(field.at, std::string(field.column) + " is empty");
    } else {
      errors_.add(field.at,
                  std::string(field.column) + " " + quoted(field.text) + " cannot be read",
                  stamp.error, {"wanted: " + std::string(format_.time_example)});
    }
    return std::nullopt;
  }

  CsvReader csv_;
  Columns columns_;
  const CsvTraceFormat& format_;
  ErrorLog& errors_;
  TraceChecks checks_;
  bool finished_ = false;
};

}  // namespace

bool recognises_csv_trace(std::string_view head, const CsvTraceFormat& format) {
  CsvReader csv{LineReader(head)};
  if (!csv.next() || !csv.problem().empty()) {
    return false;
  }
  const CsvHeader header(csv);
  return header.find(format.time) && header.find(format.input) && header.find(format.output);
}

std::unique_ptr<TraceReader> open_csv_trace(LineReader lines, const CsvTraceFormat& format,
                                            ErrorLog& errors) {
  CsvReader csv(std::move(lines));
  if (!csv.next()) {
    report_unread_lines(csv.lines(), errors);
    if (errors.empty()) {
      errors.add(Diagnostic::Kind::input, "the trace has no header");
    }
    return nullptr;
  }
  const auto columns = find_columns(csv, format, errors);
  if (!columns) {
    return nullptr;
  }
  return std::make_unique<CsvTraceReader>(std::move(csv), *columns, format, errors);
}

}  // namespace penstock
