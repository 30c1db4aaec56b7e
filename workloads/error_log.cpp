#include "workloads/error_log.h"

#include <utility>

#include "workloads/limits.h"

namespace penstock {
namespace {

constexpr std::size_t max_shown_bytes = 240;  // of a source line
constexpr std::size_t max_quoted_bytes = 40;

/// Bytes of the UTF-8 character at the start of `text`; 0 if there is none.
std::size_t utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80                    ? 1
                             : lead >= 0xC2 && lead <= 0xDF ? 2
                             : lead >= 0xE0 && lead <= 0xEF ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
  if (length > text.size()) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U) {
      return 0;
    }
  }
  return length;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7F'; }

long count_characters(std::string_view text) {
  long characters = 0;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    text.remove_prefix(length == 0 ? 1 : length);
    ++characters;
  }
  return characters;
}

/// The longest start of `text` of at most `bytes` bytes that splits no character.
std::string_view shortened(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) {
    return text;
  }
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) {
    --bytes;
  }
  return text.substr(0, bytes);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0 || (length == 1 && is_control(text[0]))) {
      out += '?';
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string quoted(std::string_view text) {
  const std::string_view start = shortened(text, max_quoted_bytes);
  return "`" + printable(start) + (start.size() < text.size() ? "…`" : "`");
}

std::string grouped(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

/// Counts one more error. False: enough are listed.
bool ErrorLog::admit() {
  ++count_;
  return count_ <= max_listed_errors;
}

void ErrorLog::add(const TextSpan& at, std::string message, std::string label,
                   std::vector<std::string> notes) {
  if (!admit()) {
    return;
  }
  Diagnostic d;
  d.message = std::move(message);
  d.file = file_;
  d.line = at.number;
  d.column = count_characters(at.line.substr(0, at.begin)) + 1;
  d.length = count_characters(at.line.substr(at.begin, at.end - at.begin));
  const std::string_view shown = shortened(at.line, max_shown_bytes);
  if (at.end <= shown.size()) {
    d.source_line = printable(shown) + (shown.size() < at.line.size() ? "…" : "");
  }
  d.label = std::move(label);
  d.notes = std::move(notes);
  listed_.push_back(std::move(d));
}

void ErrorLog::add(Diagnostic::Kind kind, std::string message, std::vector<std::string> notes) {
  if (!admit()) {
    return;
  }
  Diagnostic d;
  d.kind = kind;
  d.message = std::move(message);
  d.file = file_;
  d.notes = std::move(notes);
  listed_.push_back(std::move(d));
}

Diagnostics ErrorLog::diagnostics() const {
  Diagnostics all = listed_;
  if (count_ > listed_.size()) {
    const std::uint64_t others = count_ - listed_.size();
    Diagnostic more;
    more.message =
        "and " + grouped(others) + (others == 1 ? " more error" : " more errors") + " in this file";
    more.file = file_;
    all.push_back(std::move(more));
  }
  return all;
}

}  // namespace penstock
