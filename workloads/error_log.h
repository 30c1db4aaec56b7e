#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/core/diagnostic.h"

namespace penstock {

/// Where something stands in a text: bytes `begin` to `end` of a line.
struct TextSpan {
  std::string_view line;
  long number = 0;  ///< of the line, from 1
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// The errors of one file: the first `max_listed_errors` in full, the number of the others.
class ErrorLog {
 public:
  /// `file` as the user spelled it.
  explicit ErrorLog(std::string file) : file_(std::move(file)) {}

  /// An error at a place of the file.
  void add(const TextSpan& at, std::string message, std::string label = {},
           std::vector<std::string> notes = {});
  /// An error of the whole file.
  void add(Diagnostic::Kind kind, std::string message, std::vector<std::string> notes = {});

  /// A log of the same file, without errors.
  ErrorLog emptied() const { return ErrorLog(file_); }

  std::uint64_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  /// The errors; the last one says how many were left out.
  Diagnostics diagnostics() const;

 private:
  bool admit();

  std::string file_;
  Diagnostics listed_;
  std::uint64_t count_ = 0;
};

/// Text of a file as a message may show it: bytes that are no UTF-8 and control characters become
/// `?`, one for one.
std::string printable(std::string_view text);

/// The same between backticks, shortened to 40 characters.
std::string quoted(std::string_view text);

/// 1234567 -> "1,234,567".
std::string grouped(std::uint64_t value);

}  // namespace penstock
