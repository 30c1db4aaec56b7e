#include "config/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace penstock::config {

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return lower;
}

namespace {

constexpr char32_t replacement = 0xFFFD;

/// Length of the sequence that this lead byte announces, 0 if it cannot lead.
std::size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) {
    return 1;
  }
  if (lead >= 0xC2 && lead <= 0xDF) {
    return 2;
  }
  if (lead >= 0xE0 && lead <= 0xEF) {
    return 3;
  }
  return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

bool is_overlong_or_out_of_range(char32_t code, std::size_t length) {
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return surrogate || (length == 3 && code < 0x800) || (length == 4 && code < 0x10000) ||
         code > 0x10FFFF;
}

}  // namespace

Utf8Char decode_utf8(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = sequence_length(lead);
  if (length == 1) {
    return {lead, 1};
  }
  if (length == 0 || length > text.size()) {
    return {replacement, 1};
  }
  char32_t code = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0U) != 0x80U) {
      return {replacement, 1};
    }
    code = (code << 6U) | (next & 0x3FU);
  }
  if (is_overlong_or_out_of_range(code, length)) {
    return {replacement, 1};
  }
  return {code, length};
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    if (c.code == replacement && c.bytes == 1) {
      return false;
    }
    text.remove_prefix(c.bytes);
  }
  return true;
}

long count_characters(std::string_view text) {
  long count = 0;
  while (!text.empty()) {
    text.remove_prefix(decode_utf8(text).bytes);
    ++count;
  }
  return count;
}

int display_width(char32_t code) {
  struct Range {
    char32_t first, last;
  };
  // Combining marks, joiners and variation selectors; then what Unicode calls Wide or Fullwidth.
  // Coarse blocks: a caret one column off in a rare script does no harm.
  static constexpr Range zero[] = {
      {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A}, {0x064B, 0x065F},
      {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x2064},
      {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF}};
  static constexpr Range wide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},
                                   {0xA960, 0xA97C},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},
                                   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
                                   {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1FAFF},
                                   {0x20000, 0x3FFFD}};
  const auto holds = [code](const Range& r) { return code >= r.first && code <= r.last; };
  if (std::any_of(std::begin(zero), std::end(zero), holds)) {
    return 0;
  }
  return std::any_of(std::begin(wide), std::end(wide), holds) ? 2 : 1;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  const std::string x = to_lower(a);
  const std::string y = to_lower(b);
  // Three rows of the optimal string alignment table.
  std::vector<std::size_t> before(y.size() + 1);
  std::vector<std::size_t> last(y.size() + 1);
  std::vector<std::size_t> row(y.size() + 1);
  for (std::size_t j = 0; j <= y.size(); ++j) {
    row[j] = j;
  }
  for (std::size_t i = 1; i <= x.size(); ++i) {
    before.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= y.size(); ++j) {
      const std::size_t change = x[i - 1] == y[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[y.size()];
}

std::vector<std::string_view> nearest_names(std::string_view name,
                                            std::span<const std::string_view> candidates,
                                            std::size_t count) {
  constexpr std::size_t longest_name = 80;
  std::vector<std::string_view> names;
  if (name.empty() || name.size() > longest_name) {
    return names;
  }
  std::vector<std::pair<std::size_t, std::string_view>> near;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(name, candidate);
    const std::size_t length = std::max(name.size(), candidate.size());
    if (distance <= std::max<std::size_t>(1, length / 3) && distance < length) {
      near.emplace_back(distance, candidate);
    }
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [distance, candidate] : near) {
    if (names.size() == count) {
      break;
    }
    if (std::find(names.begin(), names.end(), candidate) == names.end()) {
      names.push_back(candidate);
    }
  }
  return names;
}

std::string list_of_names(std::span<const std::string_view> names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool is_last = i + 1 == names.size();
    text += i == 0 ? "" : is_last ? " or " : ", ";
    text += fmt::format("`{}`", names[i]);
  }
  return text;
}

namespace {

/// Appends the candidates that begin with `name`, if it is long enough to mean something, or that
/// end with it as a word.
void complete(std::string_view name, std::span<const std::string_view> candidates,
              std::vector<std::string_view>& names) {
  constexpr std::size_t shortest = 3;
  constexpr std::size_t most = 10;
  const std::string last_word = "_" + std::string(name);
  for (const std::string_view candidate : candidates) {
    if (name.size() >= shortest && names.size() < most &&
        (candidate.starts_with(name) || candidate.ends_with(last_word))) {
      names.push_back(candidate);
    }
  }
}

}  // namespace

std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates,
                         std::size_t count) {
  std::vector<std::string_view> near = nearest_names(name, candidates, count);
  if (near.empty()) {
    complete(name, candidates, near);
  }
  return near.empty() ? "" : "did you mean " + list_of_names(near) + "?";
}

std::string group_digits(std::int64_t value) {
  std::string digits = std::to_string(value);
  const std::size_t first = value < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string number_text(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) {
    return std::to_string(static_cast<std::int64_t>(value));
  }
  return fmt::format("{}", value);
}

std::string gib_text(double bytes) {
  constexpr double kib = 1024;
  if (std::abs(bytes) >= 0.1 * kib * kib * kib) {
    return fmt::format("{:.2f} GiB", bytes / (kib * kib * kib));
  }
  if (std::abs(bytes) >= 0.1 * kib * kib) {
    return fmt::format("{:.2f} MiB", bytes / (kib * kib));
  }
  return fmt::format("{:.0f} bytes", bytes);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      break;
    }
    text.remove_prefix(end + 1);
  }
  return parts;
}

std::string excerpt(std::string_view text, std::size_t characters) {
  std::string result;
  for (std::size_t count = 0; !text.empty(); ++count) {
    if (count == characters) {
      return result + "…";
    }
    const Utf8Char c = decode_utf8(text);
    if (c.code < 0x20 || (c.code >= 0x7F && c.code < 0xA0)) {
      result += fmt::format("\\x{:02x}", static_cast<unsigned>(c.code));
    } else {
      result += c.code == replacement && c.bytes == 1 ? "�" : text.substr(0, c.bytes);
    }
    text.remove_prefix(c.bytes);
  }
  return result;
}

}  // namespace penstock::config
