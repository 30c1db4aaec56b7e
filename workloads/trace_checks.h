#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/core/units.h"
#include "sim/kv/content.h"
#include "workloads/digits.h"
#include "workloads/error_log.h"
#include "workloads/timestamp.h"

namespace penstock {

/// A value of a row, as it stands in the file.
struct NamedField {
  std::string_view column;
  std::string_view text;
  TextSpan at;
};

/// How a format writes times.
struct TimeNotation {
  Timestamp (*parse)(std::string_view text) = nullptr;
  std::string_view example;  ///< shown when a time cannot be read
};

/// What every format refuses in a row, in one place: each check logs what is wrong, with its
/// place, and then gives nothing.
class TraceChecks {
 public:
  /// Times are since the first row that had one, or since 0.
  explicit TraceChecks(ErrorLog& errors, bool since_zero = false)
      : errors_(errors), since_zero_(since_zero) {}

  /// Time since the first row; below 0 if earlier than it. Refuses a time that is more
  /// than 100 days away from that of another row.
  std::optional<SimTime> time(const NamedField& field, const TimeNotation& notation);

  /// The same for a time that is known already and comes from this field.
  std::optional<SimTime> placed(const NamedField& field, Int128 since_first);

  /// What people should know of the times read so far.
  std::vector<std::string> notes() const;

  /// A span of time from 0 to 100 days.
  std::optional<SimTime> span(const NamedField& field, const TimeNotation& notation);

  /// What tokens() gives, without its checks, for a text of at most 7 digits and no more; else -1.
  static std::int64_t usual_tokens(std::string_view text) {
    const char* const end = text.data() + text.size();
    std::uint64_t value = 0;
    const bool is_usual =
        !text.empty() && text.size() <= 7 && append_digits(text.data(), end, value) == end;
    return is_usual ? static_cast<std::int64_t>(value) : -1;
  }

  /// A whole number of tokens, 0 to max_request_tokens.
  std::optional<std::int64_t> tokens(const NamedField& field);

  /// A whole number from `lowest` to `highest`; `what` it is ("a priority").
  std::optional<std::int64_t> whole(const NamedField& field, std::int64_t lowest,
                                    std::int64_t highest, const char* what);

  /// What the first tokens of a request are, at most `most` of them: `STREAM:FIRST+TOKENS`, one or
  /// more, separated by blanks (docs/traces.md).
  bool content(const NamedField& field, std::int64_t most, Content& to);

  /// Whole numbers from 0 to 2^64 - 1, separated by blanks or commas, in brackets or not.
  bool ids(const NamedField& field, std::vector<std::uint64_t>& to);

 private:
  void report(const NamedField& field, const TimeNotation& notation, const char* problem);

  ErrorLog& errors_;
  bool since_zero_;
  struct Extreme {
    Int128 ps = 0;  // since the first row
    long line = 0;  // 0: no row yet
  };
  Int128 first_ps_ = 0;
  Extreme earliest_;
  Extreme latest_;
  bool too_long_ = false;  // the span was reported
};

}  // namespace penstock
