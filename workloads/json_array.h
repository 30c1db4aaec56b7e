#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string_view>
#include <utility>

#include "workloads/line_reader.h"

namespace penstock {

/// Turns a text that is one JSON array of objects, or objects one after the other, into lines of
/// one object each: line ends within an object become blanks, what is between objects goes. A text
/// that is no JSON becomes lines that are no JSON either.
class JsonArrayLines final : public ByteSource {
 public:
  /// The lines of the text at which the objects begin, in order; who reads them takes them out.
  using Beginnings = std::deque<long>;

  /// Takes all of `text`, of which no line was read.
  JsonArrayLines(LineReader text, std::shared_ptr<Beginnings> beginnings)
      : text_(std::move(text)), beginnings_(std::move(beginnings)) {}

  std::size_t read(char* to, std::size_t size) override;
  std::string failure() const override { return text_.read_failure(); }

 private:
  /// The byte that takes this one's place; 0 = none does.
  char turned(char c);
  char turned_between(char c);

  LineReader text_;
  std::shared_ptr<Beginnings> beginnings_;
  std::string_view piece_;  // to come
  long line_ = 1;
  long depth_ = 0;  // within an object
  bool in_text_ = false;
  bool is_escaped_ = false;
  bool is_first_ = true;     // nothing but blanks so far
  bool wants_end_ = false;   // an object is complete: a line end comes next
  bool in_garbage_ = false;  // a line of something that is no object
};

}  // namespace penstock
