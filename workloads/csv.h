#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "workloads/error_log.h"
#include "workloads/line_reader.h"

namespace penstock {

/// Comma-separated values, read strictly and in one pass: one row a line, lines that are blank
/// skipped, blanks around a field dropped, fields optionally in double quotes ("" is a quote). A
/// quoted field ends on its line. The first row names the columns.
class CsvReader {
 public:
  explicit CsvReader(LineReader lines) : lines_(std::move(lines)) {}

  /// Goes on to the next row that is not blank; false at the end or when the text cannot be read
  /// on (see lines()). A row that is no good CSV counts as a row too: problem() says why.
  bool next();

  /// Fields of the row; columns count from 0.
  std::size_t size() const { return size_; }
  /// A field without its quotes. Valid until next(). Requires column < size().
  std::string_view field(std::size_t column) const { return fields_[column].text; }
  /// Where a field stands, quotes included. Requires column < size().
  TextSpan span(std::size_t column) const {
    return span_of(fields_[column].begin, fields_[column].end);
  }
  /// The whole row.
  TextSpan row_span() const;

  /// What is wrong with the row's quotes; empty if nothing is. Its place is problem_span().
  std::string_view problem() const { return problem_; }
  TextSpan problem_span() const { return span_of(problem_begin_, lines_.line().size()); }

  const LineReader& lines() const { return lines_; }

 private:
  struct Field {
    std::string_view text;
    std::uint32_t begin;  // in the line; bytes
    std::uint32_t end;
  };

  TextSpan span_of(std::size_t begin, std::size_t end) const {
    return {lines_.line(), lines_.number(), begin, end};
  }
  bool split_plain(std::string_view line);
  void split_quoted(std::string_view line);
  std::size_t read_quoted_field(std::string_view line, std::size_t begin);
  void push(const Field& field) {
    if (size_ == fields_.size()) {
      fields_.emplace_back();
    }
    fields_[size_] = field;
    ++size_;
  }
  static Field trimmed(std::string_view line, std::size_t begin, std::size_t end);

  LineReader lines_;
  std::vector<Field> fields_;  // never shrinks, like unescaped_: no allocation per row
  std::size_t size_ = 0;       // of the row
  std::string unescaped_;      // fields that had doubled quotes
  std::string_view problem_;
  std::size_t problem_begin_ = 0;
};

/// The names of the columns of a header row.
class CsvHeader {
 public:
  /// Takes the names from the reader's current row.
  explicit CsvHeader(const CsvReader& row);

  std::size_t size() const { return names_.size(); }
  /// Index of a column; nothing if it is not there.
  std::optional<std::size_t> find(std::string_view name) const;
  /// True if two columns have this name.
  bool is_duplicate(std::string_view name) const;

 private:
  std::vector<std::string> names_;
};

/// What to tell somebody whose CSV has other separators than commas; empty if this line has none.
std::string separator_hint(std::string_view line);

}  // namespace penstock
