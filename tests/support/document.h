#pragma once

#include <string>
#include <vector>

/// Pages of docs/ as tests read them, so that a page cannot say what the program does not.
namespace penstock::test {

/// A page, by its path in the source tree.
std::string read_page(const std::string& path);

/// The text of the first fenced block of a language; fails the running test without one.
std::string fenced_block(const std::string& page, const std::string& language);

/// A table of a page: the first one whose first heading is `heading`; fails without one.
struct PageTable {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;

  /// Cell by row and heading; fails without such a column.
  const std::string& at(std::size_t row, const std::string& column) const;
};
PageTable page_table(const std::string& page, const std::string& heading);

/// The number that a cell shows: "$1,974.50" is 1974.5.
double number_in(const std::string& cell);

/// Whether `cell` is what `value` looks like, rounded to as many digits as the cell has.
bool shows(const std::string& cell, double value);

/// What follows `$` in a fenced block, and what the page says that it prints.
struct ShownCommand {
  std::string command;
  std::vector<std::string> lines;
};
/// All of a page, in order.
std::vector<ShownCommand> shown_commands(const std::string& page);

}  // namespace penstock::test
