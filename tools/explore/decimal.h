#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tools/explore/values.h"

namespace penstock::explore {

inline constexpr int max_decimal_digits = 12;

/// A number with what stands before and after it: `$1.25/h`.
struct Measure {
  std::string prefix;
  Decimal number;
  std::string suffix;
};

/// Nothing if there is no number, or one of more than 15 digits. The prefix holds no digit, sign or
/// point; `1e6` is a number.
std::optional<Measure> parse_measure(std::string_view text);

/// The same number with so many digits behind the point; nothing if it leaves the range.
std::optional<Decimal> with_digits(Decimal number, int digits);

/// "12.5"
std::string decimal_text(Decimal number);

}  // namespace penstock::explore
