#pragma once

#include <string>
#include <vector>

namespace penstock::cli {

/// A part of the page: a title, lines of a label and a text, and a table (its first row the head).
struct PageSection {
  struct Line {
    std::string label;
    std::string text;
  };
  std::string title;
  std::vector<Line> lines;
  std::vector<std::vector<std::string>> table;
  std::vector<Line> after;  ///< below the table
};

struct Page {
  std::string title;
  std::vector<PageSection> sections;
};

/// For a terminal.
std::string page_table(const Page& page);
std::string page_markdown(const Page& page);

}  // namespace penstock::cli
