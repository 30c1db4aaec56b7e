#include "workloads/csv.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace penstock {
namespace {

/// Which characters of a piece of a line are commas and quotes: one bit each, the first lowest.
struct Marks {
  unsigned commas;
  unsigned quotes;
};

constexpr std::size_t piece_bytes = 16;

#if defined(__SSE2__)
Marks find_marks(const char* piece) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(piece));
  const auto find = [bytes](char c) {
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c))));
  };
  return {find(','), find('"')};
}
#else
Marks find_marks(const char* piece) {
  Marks marks{0, 0};
  for (unsigned i = 0; i < piece_bytes; ++i) {
    marks.commas |= (piece[i] == ',' ? 1U : 0U) << i;
    marks.quotes |= (piece[i] == '"' ? 1U : 0U) << i;
  }
  return marks;
}
#endif

/// The marks from `at` on, none beyond the line's end. Requires at < line.size().
inline Marks marks_at(std::string_view line, std::size_t at) {
  if (at + piece_bytes <= line.size()) {
    return find_marks(line.data() + at);
  }
  if (line.size() >= piece_bytes) {  // the line's last piece holds the rest
    const std::size_t last = line.size() - piece_bytes;
    const Marks marks = find_marks(line.data() + last);
    return {marks.commas >> (at - last), marks.quotes >> (at - last)};
  }
  std::array<char, piece_bytes> rest = {};
  std::memcpy(rest.data(), line.data() + at, line.size() - at);
  return find_marks(rest.data());
}

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
    if (!split_plain(line)) {
      size_ = 0;
      split_quoted(line);
    }
    return true;
  }
  return false;
}

TextSpan CsvReader::row_span() const { return span_of(0, lines_.line().size()); }

/// The field between two commas, without the blanks around it.
inline CsvReader::Field CsvReader::trimmed(std::string_view line, std::size_t begin,
                                           std::size_t end) {
  while (begin < end && is_blank(line[begin])) {
    ++begin;
  }
  while (end > begin && is_blank(line[end - 1])) {
    --end;
  }
  return {{line.data() + begin, end - begin},
          static_cast<std::uint32_t>(begin),
          static_cast<std::uint32_t>(end)};
}

/// Splits a line at its commas; false if it has quotes.
bool CsvReader::split_plain(std::string_view line) {
  unsigned quotes = 0;
  std::size_t begin = 0;
  std::size_t size = 0;
  for (std::size_t at = 0; at < line.size(); at += piece_bytes) {
    if (fields_.size() <= size + piece_bytes) {  // room for all of the piece and the last one
      fields_.resize(2 * (size + piece_bytes));
    }
    const Marks marks = marks_at(line, at);
    quotes |= marks.quotes;
    for (unsigned commas = marks.commas; commas != 0; commas &= commas - 1) {
      const std::size_t end = at + static_cast<std::size_t>(std::countr_zero(commas));
      fields_[size] = trimmed(line, begin, end);
      ++size;
      begin = end + 1;
    }
  }
  fields_[size] = trimmed(line, begin, line.size());
  size_ = size + 1;
  return quotes == 0;
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
      push(trimmed(line, begin, end));
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

std::string separator_hint(std::string_view line) {
  if (line.find(',') != std::string_view::npos) {
    return {};
  }
  for (const auto& [separator, name] : {std::pair{';', "semicolons"}, std::pair{'\t', "tabs"}}) {
    if (line.find(separator) != std::string_view::npos) {
      return std::string("columns are separated by commas, not by ") + name;
    }
  }
  return {};
}

bool CsvHeader::is_duplicate(std::string_view name) const {
  return std::count(names_.begin(), names_.end(), name) > 1;
}

}  // namespace penstock
