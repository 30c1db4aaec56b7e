#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sim/core/int128.h"
#include "sim/core/units.h"
#include "workloads/error_log.h"

namespace penstock {

/// A value of a row, as it stands in the file.
struct NamedField {
  std::string_view column;
  std::string_view text;
  TextSpan at;
};

/// What every format refuses in a row, in one place: each check logs what is wrong, with its
/// place, and then gives nothing.
class TraceChecks {
 public:
  explicit TraceChecks(ErrorLog& errors) : errors_(errors) {}

  /// Time since the first row, from the row's time on any clock, in ps. Refuses a row that is
  /// earlier than the one before, and a span of more than 100 days. Call once for each row.
  std::optional<SimTime> time(const NamedField& field, Int128 ps);

  /// A whole number of tokens, 1 to max_request_tokens.
  std::optional<std::int64_t> input_tokens(const NamedField& field);
  std::optional<std::int64_t> output_tokens(const NamedField& field);

 private:
  std::optional<std::int64_t> tokens(const NamedField& field, const char* if_below_one);

  ErrorLog& errors_;
  Int128 first_ps_ = 0;
  Int128 previous_ps_ = 0;
  long first_line_ = 0;  // 0: no row yet
  long previous_line_ = 0;
  std::string previous_text_;
  bool too_long_ = false;  // the span was reported
};

}  // namespace penstock
