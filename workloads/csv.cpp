#include "workloads/csv.h"

#include <algorithm>

namespace penstock {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::size_t skip_blanks(std::string_view line, std::size_t at) {
  while (at < line.size() && is_blank(line[at])) {
    ++at;
  }
  return at;
}

}  // namespace

bool CsvReader::next() {
  size_ = 0;
  problem_ = {};
  while (lines_.next()) {
    const std::string_view line = lines_.line();
    if (skip_blanks(line, 0) == line.size()) {
      continue;
    }
    if (line.find('"') == std::string_view::npos) {
      split_plain(line);
    } else {
      split_quoted(line);
    }
    return true;
  }
  return false;
}

TextSpan CsvReader::row_span() const { return span_of(0, lines_.line().size()); }

inline void CsvReader::add_field(std::string_view line, std::size_t begin, std::size_t end) {
  while (begin < end && is_blank(line[begin])) {
    ++begin;
  }
  while (end > begin && is_blank(line[end - 1])) {
    --end;
  }
  push({line.substr(begin, end - begin), static_cast<std::uint32_t>(begin),
        static_cast<std::uint32_t>(end)});
}

void CsvReader::split_plain(std::string_view line) {
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = std::min(line.find(',', begin), line.size());
    add_field(line, begin, end);
    if (end == line.size()) {
      return;
    }
    begin = end + 1;
  }
}

void CsvReader::split_quoted(std::string_view line) {
  unescaped_.clear();
  unescaped_.reserve(line.size());  // or views of earlier fields would move
  std::size_t begin = 0;
  while (true) {
    std::size_t end = skip_blanks(line, begin);
    if (end < line.size() && line[end] == '"') {
      end = read_quoted_field(line, end);
      if (!problem_.empty()) {
        return;
      }
    } else {
      end = std::min(line.find(',', begin), line.size());
      add_field(line, begin, end);
    }
    if (end == line.size()) {
      return;
    }
    begin = end + 1;
  }
}

/// Reads the field whose opening quote is at `begin`; returns where the comma after it stands, or
/// the line's end.
std::size_t CsvReader::read_quoted_field(std::string_view line, std::size_t begin) {
  const std::size_t start = unescaped_.size();
  std::size_t at = begin + 1;
  std::size_t copied = at;
  std::size_t close = line.find('"', at);
  while (close != std::string_view::npos && line.substr(close + 1).starts_with('"')) {
    unescaped_ += line.substr(copied, close + 1 - copied);
    copied = close + 2;
    close = line.find('"', copied);
  }
  if (close == std::string_view::npos) {
    problem_ = "a quoted field is not closed on its line";
    problem_begin_ = begin;
    return line.size();
  }
  const std::size_t end = skip_blanks(line, close + 1);
  if (end < line.size() && line[end] != ',') {
    problem_ = "text after the closing quote of a field";
    problem_begin_ = end;
    return line.size();
  }
  std::string_view text = line.substr(at, close - at);
  if (copied != at) {
    unescaped_ += line.substr(copied, close - copied);
    text = std::string_view(unescaped_).substr(start);
  }
  push({text, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(close + 1)});
  return end;
}

CsvHeader::CsvHeader(const CsvReader& row) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    names_.emplace_back(row.field(i));
  }
}

std::optional<std::size_t> CsvHeader::find(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - names_.begin());
}

bool CsvHeader::is_duplicate(std::string_view name) const {
  return std::count(names_.begin(), names_.end(), name) > 1;
}

}  // namespace penstock
