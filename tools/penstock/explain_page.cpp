#include "tools/penstock/explain_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/output/text.h"

namespace penstock::cli {
namespace {

constexpr std::size_t label_width = 20;

void add_lines(const std::vector<PageSection::Line>& lines, std::string& out) {
  for (const PageSection::Line& line : lines) {
    out += output::pad_right("   " + line.label, label_width) + line.text + "\n";
  }
}

void add_table(const std::vector<std::vector<std::string>>& rows, std::string& out) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], output::columns(row[i]));
    }
  }
  for (const auto& row : rows) {
    out += "   ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += output::pad_left(row[i], widths[i] + (i > 0 ? 3 : 0));
    }
    out += "\n";
  }
}

std::string markdown_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string("|*_`<").find(c) != std::string::npos) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

void add_markdown_lines(const std::vector<PageSection::Line>& lines, std::string& out) {
  for (const PageSection::Line& line : lines) {
    out += line.label.empty()
               ? "  - " + markdown_text(line.text) + "\n"
               : fmt::format("- **{}**: {}\n", markdown_text(line.label), markdown_text(line.text));
  }
}

}  // namespace

std::string page_table(const Page& page) {
  std::string out = page.title + "\n";
  for (const PageSection& section : page.sections) {
    out += " " + section.title + "\n";
    add_lines(section.lines, out);
    add_table(section.table, out);
    add_lines(section.after, out);
  }
  return out;
}

std::string page_markdown(const Page& page) {
  std::string out = "# " + markdown_text(page.title) + "\n";
  for (const PageSection& section : page.sections) {
    out += "\n## " + markdown_text(section.title) + "\n\n";
    add_markdown_lines(section.lines, out);
    for (std::size_t i = 0; i < section.table.size(); ++i) {
      out += i == 0 ? "\n|" : "|";
      for (const std::string& cell : section.table[i]) {
        out += " " + markdown_text(cell) + " |";
      }
      out += "\n";
      if (i == 0) {
        out += "|";
        for (std::size_t c = 0; c < section.table[i].size(); ++c) {
          out += "--:|";
        }
        out += "\n";
      }
    }
    if (!section.after.empty()) {
      out += "\n";
      add_markdown_lines(section.after, out);
    }
  }
  return out;
}

}  // namespace penstock::cli
