#include "tests/support/document.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <sstream>

#include "tests/support/shared.h"

namespace penstock::test {
namespace {

std::vector<std::string> lines_in(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream in(line.substr(1));
  for (std::string cell; std::getline(in, cell, '|');) {
    const std::size_t first = cell.find_first_not_of(' ');
    const std::size_t last = cell.find_last_not_of(' ');
    cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
  }
  return cells;
}

}  // namespace

std::string read_page(const std::string& path) { return read_file(source_dir() / path); }

std::string fenced_block(const std::string& page, const std::string& language) {
  const std::string fence = "```" + language + "\n";
  const std::size_t start = page.find(fence);
  REQUIRE_MESSAGE(start != std::string::npos, "no block of ", language);
  const std::size_t begin = start + fence.size();
  return page.substr(begin, page.find("```", begin) - begin);
}

const std::string& PageTable::at(std::size_t row, const std::string& column) const {
  for (std::size_t c = 0; c < head.size(); ++c) {
    if (head[c] == column) {
      return rows.at(row).at(c);
    }
  }
  FAIL("no column ", column);
  std::abort();
}

PageTable page_table(const std::string& page, const std::string& heading) {
  PageTable table;
  bool inside = false;  // the line before was one of a table
  for (const std::string& line : lines_in(page)) {
    const bool row = line.starts_with('|');
    const bool first = row && !inside;
    inside = row;
    if (!table.head.empty() && !row) {
      return table;
    }
    if (!row) {
      continue;
    }
    std::vector<std::string> cells = cells_of(line);
    if (!table.head.empty()) {
      if (!line.starts_with("|:") && !line.starts_with("|-")) {
        table.rows.push_back(std::move(cells));
      }
    } else if (first && cells.front() == heading) {
      table.head = std::move(cells);
    }
  }
  REQUIRE_MESSAGE(!table.head.empty(), "no table of ", heading);
  return table;
}

double number_in(const std::string& cell) {
  std::string digits;
  for (const char c : cell) {
    if ((c >= '0' && c <= '9') || c == '.' || c == '-') {
      digits += c;
    }
  }
  char* end = nullptr;
  const double value = std::strtod(digits.c_str(), &end);
  REQUIRE_MESSAGE((!digits.empty() && *end == '\0'), "no number: ", cell);
  return value;
}

bool shows(const std::string& cell, double value) {
  const std::size_t point = cell.find('.');
  std::size_t decimals = 0;
  while (point != std::string::npos && point + decimals + 1 < cell.size() &&
         cell[point + decimals + 1] >= '0' && cell[point + decimals + 1] <= '9') {
    ++decimals;
  }
  const double half = 0.5 * std::pow(10.0, -static_cast<double>(decimals));
  return std::abs(number_in(cell) - value) <= half * (1 + 1e-9);
}

std::vector<ShownCommand> shown_commands(const std::string& page) {
  std::vector<ShownCommand> commands;
  bool fenced = false;
  bool shown = false;
  for (const std::string& line : lines_in(page)) {
    if (line.starts_with("```")) {
      fenced = !fenced;
      shown = false;
    } else if (fenced && line.starts_with("$ ")) {
      commands.push_back({line.substr(2), {}});
      shown = true;
    } else if (fenced && shown) {
      commands.back().lines.push_back(line);
    }
  }
  return commands;
}

}  // namespace penstock::test
