#include "config/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "config/text.h"

namespace penstock::config {

namespace {

constexpr long tab_width = 4;
/// Longest piece of a source line that is shown, in terminal columns.
constexpr long excerpt_width = 120;

struct Palette {
  std::string_view error, warning, gutter, bold, reset;
};

constexpr Palette colors{"\033[1;31m", "\033[1;33m", "\033[1;34m", "\033[1m", "\033[0m"};
constexpr Palette no_colors{};

/// A source line split into printable cells, one a character.
struct Cell {
  std::string text;
  long width = 1;
};

std::vector<Cell> cells_of(std::string_view line) {
  std::vector<Cell> cells;
  while (!line.empty()) {
    const Utf8Char c = decode_utf8(line);
    if (c.code == '\t') {
      cells.push_back({std::string(tab_width, ' '), tab_width});
    } else if (c.code < 0x20 || (c.code >= 0x7F && c.code < 0xA0) || c.code == 0xFFFD) {
      cells.push_back({"?", 1});
    } else {
      cells.push_back({std::string(line.substr(0, c.bytes)), display_width(c.code)});
    }
    line.remove_prefix(c.bytes);
  }
  return cells;
}

struct Excerpt {
  std::string text;
  long indent = 0;      ///< terminal columns before the caret
  long underlined = 1;  ///< terminal columns under the caret
};

/// The part of the line around the underlined characters, cut to excerpt_width.
Excerpt excerpt_of(const Diagnostic& d) {
  const std::vector<Cell> cells = cells_of(d.source_line);
  const auto size = static_cast<long>(cells.size());
  const long from = std::clamp(d.column - 1, 0L, size);
  const long to = std::clamp(from + std::max(d.length, 1L), from, size);
  const auto width = [&cells](long a, long b) {
    long sum = 0;
    for (long i = a; i < b; ++i) {
      sum += cells[static_cast<std::size_t>(i)].width;
    }
    return sum;
  };
  long first = 0;
  if (width(0, to) > excerpt_width) {
    first = std::max(0L, from - excerpt_width / 4);
  }
  Excerpt e;
  e.text = first > 0 ? "…" : "";
  e.indent = width(first, from) + (first > 0 ? 1 : 0);
  long used = 0;
  for (long i = first; i < size; ++i) {
    const Cell& cell = cells[static_cast<std::size_t>(i)];
    if (used + cell.width > excerpt_width) {
      e.text += "…";
      break;
    }
    e.text += cell.text;
    used += cell.width;
  }
  e.underlined = std::clamp(width(from, to), 1L, std::max(1L, used + 1 - e.indent));
  return e;
}

/// Text of the user's that may hold anything, without control characters.
std::string printable(std::string_view text) { return excerpt(text, 2000); }

std::string position(const Diagnostic& d) {
  std::string text = printable(d.file);
  if (d.line > 0) {
    text += fmt::format(":{}", d.line);
    if (d.column > 0) {
      text += fmt::format(":{}", d.column);
    }
  }
  return text;
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

std::string render_one(const Diagnostic& d, bool color) {
  const Palette& p = color ? colors : no_colors;
  const bool is_error = d.severity == Diagnostic::Severity::error;
  const std::string_view paint = is_error ? p.error : p.warning;
  std::string text = fmt::format("{}{}{}{}: {}{}\n", paint, is_error ? "error" : "warning", p.reset,
                                 p.bold, printable(d.message), p.reset);
  const std::string number = d.line > 0 ? std::to_string(d.line) : "";
  const std::string margin(number.size(), ' ');
  if (!d.file.empty()) {
    text += fmt::format("{}  -->{} {}\n", p.gutter, p.reset, position(d));
  }
  if (!d.source_line.empty() && d.line > 0 && d.column > 0) {
    const Excerpt e = excerpt_of(d);
    text += fmt::format("{}{} |{} {}\n", p.gutter, number, p.reset, e.text);
    text += fmt::format("{}{} |{} {}{}{}{}{}{}\n", p.gutter, margin, p.reset,
                        std::string(static_cast<std::size_t>(e.indent), ' '), paint,
                        std::string(static_cast<std::size_t>(e.underlined), '^'),
                        d.label.empty() ? "" : " ", printable(d.label), p.reset);
  } else if (!d.label.empty()) {
    text += fmt::format("{}{} ={} note: {}\n", p.gutter, margin, p.reset, printable(d.label));
  }
  for (const std::string& note : d.notes) {
    text += fmt::format("{}{} ={} note: {}\n", p.gutter, margin, p.reset, printable(note));
  }
  return text;
}

std::string render(const Diagnostics& diagnostics, bool color) {
  std::string text;
  std::size_t errors = 0;
  for (const Diagnostic& d : diagnostics) {
    text += render_one(d, color);
    errors += d.severity == Diagnostic::Severity::error ? 1 : 0;
  }
  const std::size_t warnings = diagnostics.size() - errors;
  if (errors > 0) {
    text += counted(errors, "error");
    text += warnings > 0 ? " and " + counted(warnings, "warning") : "";
    text += "; nothing was run\n";
  }
  return text;
}

}  // namespace penstock::config
