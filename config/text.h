#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Small helpers on text, for configuration and its diagnostics.
namespace penstock::config {

/// ASCII letters in lower case; everything else as it is.
std::string to_lower(std::string_view text);

/// True if `text` is well-formed UTF-8.
bool is_utf8(std::string_view text);

/// One decoded character and the bytes that it takes. Malformed bytes decode one by one as U+FFFD.
struct Utf8Char {
  char32_t code = 0;
  std::size_t bytes = 1;
};

/// The character at the start of `text`. Requires a non-empty `text`.
Utf8Char decode_utf8(std::string_view text);

/// Number of characters in UTF-8 text.
long count_characters(std::string_view text);

/// Terminal columns that a character takes: 0, 1 or 2 (East Asian wide and emoji).
int display_width(char32_t code);

/// Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`, ignoring case.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The nearest candidates to `name`, best first, at most `count`, leaving out those too different
/// to be a slip of the pen.
std::vector<std::string_view> nearest_names(std::string_view name,
                                            std::span<const std::string_view> candidates,
                                            std::size_t count);

/// "did you mean `x`?", "did you mean `x`, `y` or `z`?", or nothing. Where nothing is near, what
/// begins with `name` or ends with it as a word: `vllm-0.19` for `vllm`, `draft_model` for `model`.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates,
                         std::size_t count = 1);

/// "`a`, `b` or `c`".
std::string list_of_names(std::span<const std::string_view> names);

/// 1234567 -> "1,234,567".
std::string group_digits(std::int64_t value);

/// Shortest text that reads back as the same number.
std::string number_text(double value);

/// A size for people: "79.65 GiB", "12.3 MiB", "640 bytes".
std::string gib_text(double bytes);

/// Splits at `separator`; an empty text gives nothing.
std::vector<std::string_view> split(std::string_view text, char separator);

/// `text` shortened to at most `characters`, with an ellipsis, and control characters escaped.
std::string excerpt(std::string_view text, std::size_t characters = 60);

}  // namespace penstock::config
