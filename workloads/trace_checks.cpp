#include "workloads/trace_checks.h"

#include "workloads/limits.h"

namespace penstock {
namespace {

/// A whole number, cut at +-1e15; nothing if the text is none.
std::optional<std::int64_t> parse_whole_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  text.remove_prefix(negative ? 1 : 0);
  if (text.empty()) {
    return std::nullopt;
  }
  std::int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    if (value < 100'000'000'000'000) {
      value = value * 10 + (c - '0');
    }
  }
  return negative ? -value : value;
}

}  // namespace

std::optional<SimTime> TraceChecks::time(const NamedField& field, Int128 ps) {
  if (first_line_ == 0) {
    first_line_ = field.at.number;
    first_ps_ = ps;
    previous_ps_ = ps;
  }
  if (ps - first_ps_ > Int128{SimTime::max().ps}) {
    if (!too_long_) {
      errors_.add(field.at, std::string(field.column) + " " + quoted(field.text) +
                                " is more than 100 days after the first row, line " +
                                std::to_string(first_line_));
    }
    too_long_ = true;
    return std::nullopt;
  }
  const bool is_late = ps < previous_ps_;
  if (is_late) {
    errors_.add(field.at, std::string(field.column) + " " + quoted(field.text) +
                              " is earlier than " + quoted(previous_text_) + " of line " +
                              std::to_string(previous_line_) + "; sort the rows by time");
  }
  // Compared with the row before, not with the latest: one row out of place is one error.
  previous_ps_ = ps;
  previous_line_ = field.at.number;
  previous_text_ = field.text;
  if (is_late || ps < first_ps_) {
    return std::nullopt;
  }
  return SimTime{static_cast<std::int64_t>(ps - first_ps_)};
}

std::optional<std::int64_t> TraceChecks::input_tokens(const NamedField& field) {
  return tokens(field, "a request has a prompt of at least one token");
}

std::optional<std::int64_t> TraceChecks::output_tokens(const NamedField& field) {
  return tokens(field,
                "nothing was generated; remove the rows of failed requests, or write 1 to count "
                "their prompts");
}

std::optional<std::int64_t> TraceChecks::tokens(const NamedField& field, const char* if_below_one) {
  const auto value = parse_whole_number(field.text);
  if (value && *value >= 1 && *value <= max_request_tokens) {
    return value;
  }
  const std::string name(field.column);
  if (field.text.empty()) {
    errors_.add(field.at, name + " is empty");
  } else if (!value) {
    errors_.add(field.at, name + " " + quoted(field.text) + " is not a whole number of tokens");
  } else if (*value < 1) {
    errors_.add(field.at, name + " " + quoted(field.text) + " is below 1: " + if_below_one);
  } else {
    errors_.add(field.at, name + " " + quoted(field.text) + " is more than " +
                              grouped(max_request_tokens) + " tokens");
  }
  return std::nullopt;
}

}  // namespace penstock
