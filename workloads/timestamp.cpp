#include "workloads/timestamp.h"

#include <array>
#include <optional>

#include "sim/core/units.h"

namespace penstock {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int days_in_month(int year, int month) {
  constexpr std::array<int, 12> days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : days[static_cast<std::size_t>(month - 1)];
}

/// Takes characters off the front of a text.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool at_digit() const { return !rest_.empty() && is_digit(rest_[0]); }

  bool take(char wanted) {
    if (rest_.empty() || rest_[0] != wanted) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  /// Exactly `count` digits; nothing if they are not there.
  std::optional<int> number(std::size_t count) {
    if (rest_.size() < count) {
      return std::nullopt;
    }
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (!is_digit(rest_[i])) {
        return std::nullopt;
      }
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }

  /// The digits after a decimal point, in picoseconds; nothing if there are none or more than 12.
  std::optional<std::int64_t> fraction_ps() {
    std::int64_t value = 0;
    int digits = 0;
    for (; at_digit(); ++digits) {
      if (digits == 12) {
        return std::nullopt;
      }
      value = value * 10 + (rest_[0] - '0');
      rest_.remove_prefix(1);
    }
    for (int i = digits; i < 12; ++i) {
      value *= 10;
    }
    return digits == 0 ? std::nullopt : std::optional(value);
  }

 private:
  std::string_view rest_;
};

/// Reads a date into `days`; returns what is wrong with it, or null.
const char* read_date(Cursor& in, std::int64_t& days) {
  const auto year = in.number(4);
  const bool dash = in.take('-');
  const auto month = in.number(2);
  const bool second_dash = in.take('-');
  const auto day = in.number(2);
  if (!year || !dash || !month || !second_dash || !day) {
    return "no date like 2023-11-16";
  }
  if (*month < 1 || *month > 12) {
    return "no such month";
  }
  if (*day < 1 || *day > days_in_month(*year, *month)) {
    return "no such day";
  }
  days = days_from_civil(*year, *month, *day);
  return nullptr;
}

/// Reads a time of day into `seconds` and `ps`; returns what is wrong with it, or null.
const char* read_time(Cursor& in, std::int64_t& seconds, std::int64_t& ps) {
  const auto hour = in.number(2);
  const bool colon = in.take(':');
  const auto minute = in.number(2);
  const bool second_colon = in.take(':');
  const auto second = in.number(2);
  if (!hour || !colon || !minute || !second_colon || !second) {
    return "no time like 18:15:46";
  }
  if (*hour > 23 || *minute > 59 || *second > 59) {
    return "no such time";
  }
  seconds = (std::int64_t{*hour} * 60 + *minute) * 60 + *second;
  if (in.take('.')) {
    const auto fraction = in.fraction_ps();
    if (!fraction) {
      return "1 to 12 digits may follow the point";
    }
    ps = *fraction;
  }
  return nullptr;
}

/// Reads an optional offset from UTC into `seconds`; returns what is wrong with it, or null.
const char* read_offset(Cursor& in, std::int64_t& seconds) {
  if (in.at_end() || in.take('Z')) {
    return in.at_end() ? nullptr : "text after the Z";
  }
  const bool east = in.take('+');
  if (!east && !in.take('-')) {
    return "text after the time";
  }
  const auto hour = in.number(2);
  const bool colon = in.take(':');
  const auto minute = colon || !in.at_end() ? in.number(2) : std::optional(0);
  if (!hour || !minute || !in.at_end() || *hour > 23 || *minute > 59) {
    return "no offset like +00:00";
  }
  seconds = (std::int64_t{*hour} * 60 + *minute) * (east ? 60 : -60);
  return nullptr;
}

}  // namespace

// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
std::int64_t days_from_civil(std::int64_t year, int month, int day) {
  year -= month <= 2 ? 1 : 0;  // years start in March, so that the leap day comes last
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t month_from_march = month > 2 ? month - 3 : month + 9;
  const std::int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
  const std::int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

Timestamp parse_timestamp(std::string_view text) {
  Cursor in(text);
  Timestamp stamp;
  std::int64_t days = 0;
  std::int64_t seconds = 0;
  std::int64_t ps = 0;
  std::int64_t offset = 0;
  stamp.error = read_date(in, days);
  if (stamp.error == nullptr && !in.take(' ') && !in.take('T')) {
    stamp.error = "no time after the date";
  }
  if (stamp.error == nullptr) {
    stamp.error = read_time(in, seconds, ps);
  }
  if (stamp.error == nullptr) {
    stamp.error = read_offset(in, offset);
  }
  stamp.ps = Int128{days * 86'400 + seconds - offset} * ps_per_s + ps;
  return stamp;
}

}  // namespace penstock
