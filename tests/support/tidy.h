#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace penstock::test {

/// A breach of a house rule (docs/style.md), printed as `path:line: message`.
struct Finding {
  std::string path;
  int line = 0;
  std::string message;
};

/// The rules for a C++ file. `path` is relative to the root of the tree: its first folder decides
/// which includes are allowed.
std::vector<Finding> tidy_cpp(std::string_view path, std::string_view text);

/// The rules for a file of config/catalog/.
std::vector<Finding> tidy_catalog(std::string_view path, std::string_view text);

/// Left-over markers without an issue number, in a file of any kind.
std::vector<Finding> tidy_markers(std::string_view path, std::string_view text);

/// `text` with comments and the insides of literals blanked: same length, same lines.
std::string blank_comments_and_literals(std::string_view text);

/// Bodies of more than 60 lines. `blanked` comes from blank_comments_and_literals.
std::vector<Finding> tidy_function_length(std::string_view path, std::string_view blanked);

}  // namespace penstock::test
