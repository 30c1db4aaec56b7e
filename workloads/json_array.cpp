#include "workloads/json_array.h"

namespace penstock {

std::size_t JsonArrayLines::read(char* to, std::size_t size) {
  std::size_t count = 0;
  while (count < size) {
    if (wants_end_) {
      wants_end_ = false;
      to[count++] = '\n';
      continue;
    }
    if (piece_.empty()) {
      piece_ = text_.take_piece();
      if (piece_.empty()) {
        return count;
      }
    }
    const char c = piece_.front();
    piece_.remove_prefix(1);
    line_ += c == '\n' ? 1 : 0;
    if (const char one = depth_ > 0 ? turned(c) : turned_between(c); one != 0) {
      to[count++] = one;
    }
  }
  return count;
}

char JsonArrayLines::turned(char c) {
  if (in_text_) {
    in_text_ = is_escaped_ || c != '"';
    is_escaped_ = !is_escaped_ && c == '\\';
  } else if (c == '"') {
    in_text_ = true;
  } else if (c == '{' || c == '[') {
    ++depth_;
  } else if (c == '}' || c == ']') {
    --depth_;
    wants_end_ = depth_ == 0;
  }
  return c == '\n' || c == '\r' ? ' ' : c;
}

char JsonArrayLines::turned_between(char c) {
  const bool is_opening = is_first_ && c == '[';
  const bool is_blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
  if (in_garbage_) {
    in_garbage_ = c != '\n';
    return c;
  }
  if (is_blank || is_opening || c == ',' || c == ']' || (is_first_ && (c & '\x80') != 0)) {
    is_first_ = is_first_ && !is_opening;  // a byte order mark is nothing yet
    return 0;
  }
  is_first_ = false;
  beginnings_->push_back(line_);
  depth_ = c == '{' ? 1 : 0;
  in_garbage_ = c != '{';
  return c;
}

}  // namespace penstock
