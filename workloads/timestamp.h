#pragma once

#include <cstdint>
#include <string_view>

#include "sim/core/int128.h"

namespace penstock {

/// A moment, or why a text is none.
struct Timestamp {
  Int128 ps = 0;                ///< since 1970-01-01 00:00:00 UTC
  const char* error = nullptr;  ///< null = fine
};

/// Reads `2023-11-16 18:15:46.6805900`, exactly: a blank or `T` between date and time, up to 12
/// fractional digits or none, then nothing (taken as UTC), `Z`, or an offset: `+00:00`, `+0000`,
/// `+00`.
Timestamp parse_timestamp(std::string_view text);

/// Reads a plain number such as `12`, `0.5`, `1e-05` as a time in this unit, rounded to a
/// picosecond (halves away from 0), by its first 19 digits; at most about 30 million years.
Timestamp parse_seconds(std::string_view text);
Timestamp parse_milliseconds(std::string_view text);
Timestamp parse_microseconds(std::string_view text);
Timestamp parse_nanoseconds(std::string_view text);

/// Days from 1970-01-01 to a date of the Gregorian calendar. Requires a date that exists.
std::int64_t days_from_civil(std::int64_t year, int month, int day);

}  // namespace penstock
