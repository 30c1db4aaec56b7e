#include "workloads/trace_checks.h"

#include <charconv>
#include <utility>

#include "workloads/limits.h"

namespace penstock {
namespace {

/// A token stream's position, at most.
constexpr std::int64_t most_content_position = 1'000'000'000'000;

/// A whole number, cut at +-1e15; nothing if the text is none.
std::optional<std::int64_t> parse_whole_number(std::string_view text) {
  constexpr std::size_t most_digits = 15;
  const bool negative = text.starts_with('-');
  text.remove_prefix(negative ? 1 : 0);
  const std::string_view digits = text.substr(0, most_digits);
  std::int64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    value = value * 10 + (c - '0');
  }
  for (const char c : text.substr(digits.size())) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    value = 1'000'000'000'000'000;
  }
  if (text.empty()) {
    return std::nullopt;
  }
  return negative ? -value : value;
}

/// Beyond the year 5000: no time since 1970 in its right unit.
constexpr Int128 most_since_1970 = Int128{100'000'000'000} * ps_per_s;

/// "COLUMN `text`"
std::string named(const NamedField& field) {
  return std::string(field.column) + " " + quoted(field.text);
}

}  // namespace

void TraceChecks::report(const NamedField& field, const TimeNotation& notation,
                         const char* problem) {
  if (field.text.empty()) {
    errors_.add(field.at, std::string(field.column) + " is empty");
  } else {
    std::vector<std::string> notes{"wanted: " + std::string(notation.example)};
    if (notation.parse != parse_timestamp && parse_timestamp(field.text).error == nullptr) {
      notes.emplace_back("dates are read from columns that you name, with `time: timestamp`");
    }
    errors_.add(field.at, named(field) + " cannot be read", problem, std::move(notes));
  }
}

std::vector<std::string> TraceChecks::notes() const {
  if (first_ps_ <= most_since_1970) {
    return {};
  }
  return {
      "times begin more than 3,000 years after 1970 or 0: they may be in a smaller unit; name the "
      "columns, with `time: milliseconds` or another"};
}

std::optional<SimTime> TraceChecks::time(const NamedField& field, const TimeNotation& notation) {
  const Timestamp read = notation.parse(field.text);
  if (read.error != nullptr) {
    report(field, notation, read.error);
    return std::nullopt;
  }
  if (earliest_.line == 0 && !since_zero_) {
    first_ps_ = read.ps;
  }
  const Int128 since_first = read.ps - first_ps_;
  if (earliest_.line != 0 && since_first >= latest_.ps &&
      since_first - earliest_.ps <= SimTime::max().ps) {  // what placed() finds of a row in order
    latest_ = {since_first, field.at.number};
    return SimTime{static_cast<std::int64_t>(since_first)};
  }
  return placed(field, since_first);
}

std::optional<SimTime> TraceChecks::placed(const NamedField& field, Int128 since_first) {
  const TextSpan& at = field.at;
  if (earliest_.line == 0) {
    earliest_ = {since_zero_ ? 0 : since_first, at.number};
    latest_ = earliest_;
  }
  const bool is_late = since_first - earliest_.ps > SimTime::max().ps;
  if (is_late || latest_.ps - since_first > SimTime::max().ps) {
    if (!too_long_) {
      errors_.add(at, named(field) + " is more than 100 days " + (is_late ? "after" : "before") +
                          " line " + std::to_string(is_late ? earliest_.line : latest_.line));
    }
    too_long_ = true;
    return std::nullopt;
  }
  if (since_first < earliest_.ps) {
    earliest_ = {since_first, at.number};
  }
  if (since_first > latest_.ps) {
    latest_ = {since_first, at.number};
  }
  return SimTime{static_cast<std::int64_t>(since_first)};
}

std::optional<SimTime> TraceChecks::span(const NamedField& field, const TimeNotation& notation) {
  const Timestamp read = notation.parse(field.text);
  if (read.error != nullptr) {
    report(field, notation, read.error);
    return std::nullopt;
  }
  if (read.ps < 0 || read.ps > SimTime::max().ps) {
    errors_.add(field.at, named(field) + " is no time from 0 to 100 days");
    return std::nullopt;
  }
  return SimTime{static_cast<std::int64_t>(read.ps)};
}

std::optional<std::int64_t> TraceChecks::tokens(const NamedField& field) {
  const auto value = parse_whole_number(field.text);
  if (value && *value >= 0 && *value <= max_request_tokens) {
    return value;
  }
  if (field.text.empty()) {
    errors_.add(field.at, std::string(field.column) + " is empty");
  } else if (!value) {
    errors_.add(field.at, named(field) + " is not a whole number of tokens");
  } else if (*value < 0) {
    errors_.add(field.at, named(field) + " is below 0");
  } else {
    errors_.add(field.at,
                named(field) + " is more than " + grouped(max_request_tokens) + " tokens");
  }
  return std::nullopt;
}

std::optional<std::int64_t> TraceChecks::whole(const NamedField& field, std::int64_t lowest,
                                               std::int64_t highest, const char* what) {
  const auto value = parse_whole_number(field.text);
  if (!value || *value < lowest || *value > highest) {
    errors_.add(field.at, named(field) + " is not " + what + ": a whole number from " +
                              std::to_string(lowest) + " to " + std::to_string(highest));
    return std::nullopt;
  }
  return value;
}

bool TraceChecks::content(const NamedField& field, std::int64_t most, Content& to) {
  to.clear();
  const char* at = field.text.data();
  const char* const end = at + field.text.size();
  const auto number = [&at, end](auto& value, char behind) {
    const auto [stop, error] = std::from_chars(at, end, value);
    const bool is_good = error == std::errc{} && (behind == 0 || (stop != end && *stop == behind));
    at = is_good && behind != 0 ? stop + 1 : stop;
    return is_good;
  };
  std::int64_t left = most;
  while (true) {
    while (at != end && *at == ' ') {
      ++at;
    }
    if (at == end) {
      return true;
    }
    const char* const begin = at;
    ContentSpan span;
    const bool is_good = number(span.stream, ':') && number(span.first, '+') &&
                         number(span.tokens, 0) && (at == end || *at == ' ') && span.first >= 0 &&
                         span.first <= most_content_position && span.tokens >= 1 &&
                         span.tokens <= left;
    if (!is_good) {
      errors_.add(field.at,
                  std::string(field.column) + " holds " +
                      quoted(std::string_view(begin, static_cast<std::size_t>(end - begin))) +
                      " where STREAM:FIRST+TOKENS should be, of at most " +
                      grouped(static_cast<std::uint64_t>(left)) + " tokens");
      return false;
    }
    left -= span.tokens;
    to.push_back(span);
  }
}

bool TraceChecks::ids(const NamedField& field, std::vector<std::uint64_t>& to) {
  to.clear();
  std::string_view text = field.text;
  const bool in_brackets = text.starts_with('[') && text.ends_with(']') && text.size() > 1;
  text = in_brackets ? text.substr(1, text.size() - 2) : text;
  const char* at = text.data();
  const char* const end = at + text.size();
  bool wants_id = false;  // after a comma
  while (true) {
    while (at != end && (*at == ' ' || *at == '\t')) {
      ++at;
    }
    if (at == end && !wants_id) {
      return true;
    }
    std::uint64_t id = 0;
    const auto [stop, error] = std::from_chars(at, end, id);
    const bool is_separated = stop == end || *stop == ',' || *stop == ' ' || *stop == '\t';
    if (error != std::errc{} || !is_separated) {
      errors_.add(field.at, std::string(field.column) + " holds " +
                                quoted(std::string_view(at, static_cast<std::size_t>(end - at))) +
                                " where an id from 0 to 2^64 - 1 should be");
      return false;
    }
    to.push_back(id);
    at = stop;
    while (at != end && (*at == ' ' || *at == '\t')) {
      ++at;
    }
    wants_id = at != end && *at == ',';
    at += wants_id ? 1 : 0;
  }
}

}  // namespace penstock
