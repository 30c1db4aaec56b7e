#include "tests/support/tidy.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <span>

namespace penstock::test {
namespace {

constexpr std::size_t max_file_lines = 400;
constexpr std::size_t max_line_width = 100;
constexpr int max_function_lines = 60;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trim_left(std::string_view text) {
  const auto at = text.find_first_not_of(" \t\n");
  return at == std::string_view::npos ? std::string_view{} : text.substr(at);
}

std::string_view top_folder(std::string_view path) { return path.substr(0, path.find('/')); }

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

/// Where `word` stands in `text` as a whole word, from `from` on.
std::size_t find_word(std::string_view text, std::string_view word, std::size_t from = 0) {
  for (auto at = text.find(word, from); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const auto end = at + word.size();
    const bool starts = at == 0 || !is_word(text[at - 1]);
    if (starts && (end == text.size() || !is_word(text[end]))) {
      return at;
    }
  }
  return std::string_view::npos;
}

// ---- Includes -----------------------------------------------------------------------------------

struct Layer {
  std::string_view folder;
  std::string_view may_include;  ///< folders, each with a blank on both sides
};

constexpr std::array<Layer, 5> layers{{
    {"sim", " sim "},
    {"config", " config sim "},
    {"workloads", " workloads sim "},
    {"tools", " tools config workloads sim "},
    {"tests", " tests tools config workloads sim "},
}};

/// Headers that would let a simulation see the outside world or depend on the standard library's
/// own random numbers.
constexpr std::array<std::string_view, 5> not_in_sim{"chrono", "filesystem", "fstream", "iostream",
                                                     "random"};

/// What sim/ asks the system for is memory in large pages (core/large_pages.cpp).
std::string check_system_include(std::string_view folder, std::string_view header) {
  if (folder != "sim" || header.starts_with("boost/")) {
    return {};
  }
  if (header != "sys/mman.h" && !std::all_of(header.begin(), header.end(), is_word)) {
    return "sim/ includes only the standard library, Boost and sim/";
  }
  if (std::find(not_in_sim.begin(), not_in_sim.end(), header) != not_in_sim.end()) {
    return "sim/ sees no file, clock, console or std random number";
  }
  return {};
}

std::string check_own_include(std::string_view folder, std::string_view header) {
  if (header == "penstock_version.h") {
    return folder == "tools" || folder == "tests" ? "" : "only tools/ knows the version";
  }
  const std::string wanted = " " + std::string(top_folder(header)) + " ";
  for (const Layer& layer : layers) {
    if (layer.folder == folder && layer.may_include.find(wanted) == std::string_view::npos) {
      return std::string(folder) + "/ includes only from" + std::string(layer.may_include) +
             "with paths from the root of the tree";
    }
  }
  return {};
}

/// What is wrong with a line, if it is an #include.
std::string check_include(std::string_view folder, std::string_view line) {
  line = trim_left(line);
  if (!line.starts_with('#') || !trim_left(line.substr(1)).starts_with("include")) {
    return {};
  }
  const auto begin = line.find_first_of("<\"");
  const auto end = line.find_last_of(">\"");
  if (begin == std::string_view::npos || end <= begin) {
    return {};
  }
  const auto header = line.substr(begin + 1, end - begin - 1);
  return line[begin] == '<' ? check_system_include(folder, header)
                            : check_own_include(folder, header);
}

// ---- Words --------------------------------------------------------------------------------------

/// What no line of sim/ may mention.
constexpr std::array<std::string_view, 6> words_not_in_sim{"getenv", "exit", "printf",
                                                           "cout",   "cerr", "time_t"};

std::string check_words(std::string_view folder, std::string_view line) {
  for (auto at = line.find("std::"); at != std::string_view::npos;
       at = line.find("std::", at + 1)) {
    auto end = at + 5;
    while (end < line.size() && is_word(line[end])) {
      ++end;
    }
    const auto name = line.substr(at + 5, end - at - 5);
    if (name.ends_with("_distribution") || name == "random_device") {
      return "std::" + std::string(name) + " gives other numbers on other machines";
    }
  }
  for (const auto word : words_not_in_sim) {
    if (folder == "sim" && find_word(line, word) != std::string_view::npos) {
      return "sim/ does not use " + std::string(word);
    }
  }
  return {};
}

std::size_t width(std::string_view line) {
  const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), is_start));
}

std::string check_width(std::string_view line) {
  const bool has_address = line.find("://") != std::string_view::npos;
  return width(line) > max_line_width && !has_address ? "longer than 100 characters" : "";
}

std::string check_file_name(std::string_view path) {
  const auto name = path.substr(path.find_last_of('/') + 1);
  const auto good = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || c == '_'; };
  const auto stem = name.substr(0, name.find('.'));
  return std::all_of(stem.begin(), stem.end(), good) ? "" : "file names are in snake_case";
}

// ---- Functions ----------------------------------------------------------------------------------

enum class Braces { container, function, data };

/// What the braces after `head` hold, where head is the text since the last statement.
Braces classify(std::string_view head) {
  head = trim_left(head);
  for (std::string_view prefix : {"template", "inline", "typedef", "export"}) {
    if (head.starts_with(prefix)) {
      head = trim_left(head.substr(prefix.size()));
    }
    if (head.starts_with('<')) {
      int depth = 0;
      std::size_t end = 0;
      do {
        depth += head[end] == '<' ? 1 : head[end] == '>' ? -1 : 0;
        ++end;
      } while (depth > 0 && end < head.size());
      head = trim_left(head.substr(end));
    }
  }
  for (std::string_view keyword : {"namespace", "class", "struct", "union", "enum", "extern"}) {
    const bool linkage = keyword == "extern" && head.find('(') != std::string_view::npos;
    if (find_word(head, keyword) == 0 && !linkage) {
      return Braces::container;
    }
  }
  int depth = 0;
  const bool is_operator = find_word(head, "operator") != std::string_view::npos;
  for (const char c : head) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == '=' && depth == 0 && !is_operator) {
      return Braces::data;
    }
  }
  return head.empty() || head.find(')') != std::string_view::npos ? Braces::function : Braces::data;
}

bool ends_access_label(std::string_view head) {
  head = trim_left(head);
  return head == "public" || head == "private" || head == "protected";
}

/// Blanks preprocessor lines, with their continuations.
std::string blank_preprocessor(std::string_view code) {
  std::string out(code);
  bool inside = false;
  bool at_start = true;
  for (char& c : out) {
    if (c == '\n') {
      const std::size_t at = static_cast<std::size_t>(&c - out.data());
      inside = inside && at > 0 && code[at - 1] == '\\';
      at_start = true;
      continue;
    }
    inside = inside || (at_start && c == '#');
    at_start = at_start && (c == ' ' || c == '\t');
    c = inside ? ' ' : c;
  }
  return out;
}

// ---- Comments and literals ----------------------------------------------------------------------

/// Walks through C++ text and blanks, piece by piece.
class Blanker {
 public:
  explicit Blanker(std::string_view text) : text_(text), out_(text) {}

  std::string run() {
    while (at_ < text_.size()) {
      step();
    }
    return out_;
  }

 private:
  void step() {
    const auto rest = text_.substr(at_);
    if (rest.starts_with("//")) {
      blank_to(text_.find('\n', at_));
    } else if (rest.starts_with("/*")) {
      blank_to(after("*/", at_ + 2));
    } else if (rest.starts_with("R\"") && !follows_word()) {
      const auto open = text_.find('(', at_);
      const std::string close = ")" + std::string(text_.substr(at_ + 2, open - at_ - 2)) + "\"";
      blank_to(after(close, open));
    } else if (rest[0] == '"' || (rest[0] == '\'' && !follows_word())) {
      blank_to(end_of_literal());
    } else {
      ++at_;
    }
  }

  bool follows_word() const { return at_ > 0 && is_word(text_[at_ - 1]); }

  std::size_t after(std::string_view mark, std::size_t from) const {
    const auto found = text_.find(mark, from);
    return found == std::string_view::npos ? text_.size() : found + mark.size();
  }

  std::size_t end_of_literal() const {
    auto end = at_ + 1;
    while (end < text_.size() && text_[end] != text_[at_] && text_[end] != '\n') {
      end += text_[end] == '\\' ? 2 : 1;
    }
    return end + 1;
  }

  void blank_to(std::size_t end) {
    for (end = std::min(end, text_.size()); at_ < end; ++at_) {
      if (text_[at_] != '\n') {
        out_[at_] = ' ';
      }
    }
  }

  std::string_view text_;
  std::string out_;
  std::size_t at_ = 0;
};

}  // namespace

std::string blank_comments_and_literals(std::string_view text) { return Blanker(text).run(); }

std::vector<Finding> tidy_function_length(std::string_view path, std::string_view blanked) {
  const std::string code = blank_preprocessor(blanked);
  std::vector<Finding> findings;
  int line = 1;
  int depth = 0;         // inside a function or data
  int opened = 0;        // the line of its first brace
  std::size_t head = 0;  // where the current statement starts
  Braces kind = Braces::container;
  for (std::size_t i = 0; i < code.size(); ++i) {
    const char c = code[i];
    const std::string_view statement = std::string_view(code).substr(head, i - head);
    line += c == '\n' ? 1 : 0;
    if (depth > 0) {
      depth += c == '{' ? 1 : c == '}' ? -1 : 0;
      if (depth == 0) {
        head = i + 1;
        const int lines = line - opened + 1;
        if (kind == Braces::function && lines > max_function_lines) {
          findings.push_back({std::string(path), opened,
                              "a function of " + std::to_string(lines) + " lines (at most 60)"});
        }
      }
    } else if (c == '{') {
      kind = classify(statement);
      depth = kind == Braces::container ? 0 : 1;
      opened = line;
      head = i + 1;
    } else if (c == '}' || c == ';' || (c == ':' && ends_access_label(statement))) {
      head = i + 1;
    }
  }
  return findings;
}

std::vector<Finding> tidy_cpp(std::string_view path, std::string_view text) {
  std::vector<Finding> findings;
  const auto add = [&](std::size_t line, const std::string& message) {
    if (!message.empty()) {
      findings.push_back({std::string(path), static_cast<int>(line), message});
    }
  };
  const auto folder = top_folder(path);
  const std::string blanked = blank_comments_and_literals(text);
  const auto lines = split_lines(text);
  const auto code = split_lines(blanked);
  add(1, check_file_name(path));
  if (path.ends_with(".h") && (lines.empty() || lines[0] != "#pragma once")) {
    add(1, "a header starts with #pragma once");
  }
  if (lines.size() > max_file_lines) {
    add(max_file_lines + 1, "a file of " + std::to_string(lines.size()) + " lines (at most 400)");
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    add(i + 1, check_width(lines[i]));
    add(i + 1, check_words(folder, code[i]));
    if (trim_left(code[i]).starts_with('#')) {
      add(i + 1, check_include(folder, lines[i]));
    }
  }
  if (folder != "tests") {
    const auto functions = tidy_function_length(path, blanked);
    findings.insert(findings.end(), functions.begin(), functions.end());
  }
  return findings;
}

std::vector<Finding> tidy_catalog(std::string_view path, std::string_view text) {
  std::vector<Finding> findings;
  for (std::string_view key : {"name:", "source:", "date:"}) {
    const auto has_key = [&](std::string_view line) {
      return key == "name:" ? line.starts_with(key)
                            : line.find(key) != std::string_view::npos &&
                                  line.find_first_not_of(" -{") == line.find(key);
    };
    const auto lines = split_lines(text);
    if (std::none_of(lines.begin(), lines.end(), has_key)) {
      findings.push_back({std::string(path), 1, "no `" + std::string(key) + "`"});
    }
  }
  return findings;
}

std::vector<Finding> tidy_markers(std::string_view path, std::string_view text) {
  std::vector<Finding> findings;
  const auto lines = split_lines(text);
  // Spelled in two halves, or this file would find itself.
  const std::array<std::string, 3> words{"FIX" + std::string("ME"), "XX" + std::string("X"),
                                         "TO" + std::string("DO")};
  for (const std::string& word : words) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto at = find_word(lines[i], word);
      if (at == std::string_view::npos) {
        continue;
      }
      const auto rest = lines[i].substr(at + word.size());
      const auto hash = rest.find('#');
      if (hash > 1 || hash + 1 >= rest.size() || !is_digit(rest[hash + 1])) {
        findings.push_back({std::string(path), static_cast<int>(i + 1),
                            word + " without an issue number, as in (#12)"});
      }
    }
  }
  return findings;
}

}  // namespace penstock::test
