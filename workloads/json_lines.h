#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "workloads/error_log.h"
#include "workloads/line_reader.h"

namespace penstock {

/// A member of a JSON object.
struct JsonMember {
  enum class Kind { null, text, other, array, object };  ///< other: a number, true, false

  std::string_view key;
  Kind kind = Kind::null;
  std::string_view text;  ///< of a text: without quotes and escapes; else as it stands there
  std::size_t begin = 0;  ///< where it stands in the line; bytes
  std::size_t end = 0;
};

/// JSON objects, one a line, blank lines skipped. (Parsed by simdjson, which only json_lines.cpp
/// sees: its header is slow to parse.)
class JsonLines {
 public:
  explicit JsonLines(LineReader lines);
  ~JsonLines();
  JsonLines(JsonLines&&) noexcept;
  JsonLines& operator=(JsonLines&&) noexcept;

  /// Goes on to the next line that is not blank; false at the end or when the text cannot be read
  /// on (see lines()). A line that is no JSON object counts too: problem() says why.
  bool next();

  /// The members of the object, in their order. Valid until next().
  const std::vector<JsonMember>& members() const { return members_; }

  /// Why the line is no JSON object; empty if it is one. Its place is problem_span().
  std::string_view problem() const { return problem_; }
  TextSpan problem_span() const;
  TextSpan row_span() const;
  TextSpan span(const JsonMember& member) const;

  /// Takes an array of the line apart: the members of each of its objects, one after the other.
  /// False, and a problem(), if it is no array of objects. The views hold until the next call.
  bool split(const JsonMember& array, std::vector<std::vector<JsonMember>>& objects);

  /// The members of an object of the line. False if it is none. The views hold until the next call.
  bool open(const JsonMember& object, std::vector<JsonMember>& members);

  const LineReader& lines() const { return lines_; }

 private:
  struct Parser;
  LineReader lines_;
  std::unique_ptr<Parser> parser_;
  std::vector<JsonMember> members_;
  std::string_view problem_;
  std::size_t problem_begin_ = 0;
};

}  // namespace penstock
