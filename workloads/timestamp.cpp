#include "workloads/timestamp.h"

#include <algorithm>
#include <array>
#include <optional>

#include "sim/core/units.h"
#include "workloads/digits.h"

namespace penstock {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int days_in_month(int year, int month) {
  constexpr std::array<int, 12> days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : days[static_cast<std::size_t>(month - 1)];
}

constexpr std::array<std::int64_t, 19> power_of_ten = [] {
  std::array<std::int64_t, 19> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) {
    powers[i] = 10 * powers[i - 1];
  }
  return powers;
}();

/// Takes characters off the front of a text.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }

  bool take(char wanted) {
    if (rest_.empty() || rest_[0] != wanted) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  /// Exactly `count` digits; nothing if they are not there.
  template <std::size_t count>
  std::optional<int> number() {
    if (rest_.size() < count) {
      return std::nullopt;
    }
    int value = 0;
    bool is_number = true;
    for (std::size_t i = 0; i < count; ++i) {
      is_number = is_number && is_digit(rest_[i]);
      value = value * 10 + (rest_[i] - '0');
    }
    if (is_number) {
      rest_.remove_prefix(count);
    }
    return is_number ? std::optional(value) : std::nullopt;
  }

  /// The digits after a decimal point, in picoseconds; nothing if there are none or more than 12.
  std::optional<std::int64_t> fraction_ps() {
    std::int64_t value = 0;
    std::size_t digits = 0;
    for (; digits < rest_.size() && is_digit(rest_[digits]); ++digits) {
      if (digits == 12) {
        return std::nullopt;
      }
      value = value * 10 + (rest_[digits] - '0');
    }
    rest_.remove_prefix(digits);
    return digits == 0 ? std::nullopt : std::optional(value * power_of_ten[12 - digits]);
  }

 private:
  std::string_view rest_;
};

/// Reads a date into `days`; returns what is wrong with it, or null.
const char* read_date(Cursor& in, std::int64_t& days) {
  const auto year = in.number<4>();
  const bool dash = in.take('-');
  const auto month = in.number<2>();
  const bool second_dash = in.take('-');
  const auto day = in.number<2>();
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
  const auto hour = in.number<2>();
  const bool colon = in.take(':');
  const auto minute = in.number<2>();
  const bool second_colon = in.take(':');
  const auto second = in.number<2>();
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
  const auto hour = in.number<2>();
  const bool colon = in.take(':');
  const auto minute = colon || !in.at_end() ? in.number<2>() : std::optional(0);
  if (!hour || !minute || !in.at_end() || *hour > 23 || *minute > 59) {
    return "no offset like +00:00";
  }
  seconds = (std::int64_t{*hour} * 60 + *minute) * (east ? 60 : -60);
  return nullptr;
}

/// A number of two digits; above 99 if they are no digits.
unsigned two_digits(const char* at) {
  const unsigned tens = static_cast<unsigned char>(at[0]) - unsigned{'0'};
  const unsigned ones = static_cast<unsigned char>(at[1]) - unsigned{'0'};
  return tens > 9 || ones > 9 ? 10'000 : 10 * tens + ones;
}

/// Reads the form that most stamps have, fast: `2023-11-16 18:15:46.6805900`. False if it is
/// another one, or none: then the cursor takes it apart.
bool read_usual(std::string_view text, Timestamp& stamp) {
  if (text.size() < 21 || text.size() > 32 || text[4] != '-' || text[7] != '-' || text[10] != ' ' ||
      text[13] != ':' || text[16] != ':' || text[19] != '.') {
    return false;
  }
  const char* const at = text.data();
  const unsigned year = 100 * two_digits(at) + two_digits(at + 2);
  const unsigned month = two_digits(at + 5);
  const unsigned day = two_digits(at + 8);
  const unsigned hour = two_digits(at + 11);
  const unsigned minute = two_digits(at + 14);
  const unsigned second = two_digits(at + 17);
  if (year > 9999 || month < 1 || month > 12 || day < 1 || day > 28 || hour > 23 || minute > 59 ||
      second > 59) {
    return false;
  }
  std::int64_t fraction = 0;
  for (const char c : text.substr(20)) {
    if (!is_digit(c)) {
      return false;
    }
    fraction = fraction * 10 + (c - '0');
  }
  const std::int64_t days = days_from_civil(year, static_cast<int>(month), static_cast<int>(day));
  const std::int64_t seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
  stamp.ps = Int128{seconds} * ps_per_s + fraction * power_of_ten[32 - text.size()];
  return true;
}

/// A decimal number: mantissa * 10^exponent. Digits beyond the 19th are dropped.
struct Decimal {
  std::uint64_t mantissa = 0;
  int exponent = 0;
};

/// Takes the digits before or after the point; returns how many there are.
int take_digits(std::string_view& text, bool after_point, Decimal& number) {
  constexpr std::uint64_t most = 1'000'000'000'000'000'000;
  int digits = 0;
  std::size_t at = 0;
  for (; at < text.size() && is_digit(text[at]); ++at, ++digits) {
    if (number.mantissa < most) {
      number.mantissa = number.mantissa * 10 + static_cast<std::uint64_t>(text[at] - '0');
      number.exponent -= after_point ? 1 : 0;
    } else {
      number.exponent += after_point ? 0 : 1;
    }
  }
  text.remove_prefix(at);
  return digits;
}

/// Takes `e-05` or nothing; false if it is neither.
bool take_exponent(std::string_view& text, Decimal& number) {
  if (text.empty() || (text[0] != 'e' && text[0] != 'E')) {
    return true;
  }
  text.remove_prefix(1);
  const bool is_negative = text.starts_with('-');
  text.remove_prefix(is_negative || text.starts_with('+') ? 1 : 0);
  int value = 0;
  const bool has_digits = !text.empty();
  for (; !text.empty() && is_digit(text[0]); text.remove_prefix(1)) {
    value = value < 1000 ? value * 10 + (text[0] - '0') : value;
  }
  number.exponent += is_negative ? -value : value;
  return has_digits;
}

/// mantissa * 10^exponent, rounded, halves up; anything above `most` if it is larger.
Int128 value_of(const Decimal& number, Int128 most) {
  constexpr int table_end = static_cast<int>(power_of_ten.size()) - 1;
  Int128 value = number.mantissa;
  int exponent = value == 0 ? 0 : number.exponent;
  for (; exponent > table_end && value <= most; --exponent) {
    value *= 10;
  }
  for (; exponent < -table_end && value > 0; ++exponent) {
    value /= 10;
  }
  if (exponent < -table_end || exponent > table_end) {
    return value;  // 0, or above `most`
  }
  if (exponent >= 0) {
    const Int128 factor = power_of_ten[static_cast<std::size_t>(exponent)];
    const bool is_long = value > UINT64_MAX;  // hardly ever: long divisions take time
    return is_long && value > most / factor ? most + 1 : std::min(most + 1, value * factor);
  }
  // Both below 10^19.
  const auto divisor =
      static_cast<std::uint64_t>(power_of_ten[static_cast<std::size_t>(-exponent)]);
  return (static_cast<std::uint64_t>(value) + divisor / 2) / divisor;
}

/// Reads the form that most numbers have, fast: at most 18 digits, with a point or without, and no
/// more after it than are whole picoseconds. False if it is another one, or none.
bool read_usual_number(std::string_view text, std::size_t unit, Timestamp& stamp) {
  if (text.empty() || text.size() > 18) {
    return false;
  }
  const char* const end = text.data() + text.size();
  std::uint64_t value = 0;
  const char* at = append_digits(text.data(), end, value);
  std::size_t decimals = 0;
  if (at != end && *at == '.' && text.size() > 1) {
    decimals = static_cast<std::size_t>(end - at - 1);
    at = append_digits(at + 1, end, value);
  }
  if (at != end || decimals > unit) {
    return false;
  }
  stamp.ps = Int128{value} * power_of_ten[unit - decimals];
  return true;
}

/// Any number, in units of 10^unit ps.
Timestamp parse_any_number(std::string_view text, int unit) {
  constexpr Int128 most = Int128{1'000'000'000'000'000'000} * 1'000'000'000;
  const bool is_negative = text.starts_with('-');
  text.remove_prefix(is_negative ? 1 : 0);
  Decimal number;
  int digits = take_digits(text, false, number);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    digits += take_digits(text, true, number);
  }
  if (digits == 0 || !take_exponent(text, number) || !text.empty()) {
    return {.error = "no number"};
  }
  number.exponent += unit;
  const Int128 ps = value_of(number, most);
  if (ps > most) {
    return {.error = "too large"};
  }
  return {.ps = is_negative ? -ps : ps};
}

Timestamp parse_number(std::string_view text, int unit) {
  Timestamp stamp;
  if (!read_usual_number(text, static_cast<std::size_t>(unit), stamp)) [[unlikely]] {
    return parse_any_number(text, unit);
  }
  return stamp;
}

}  // namespace

Timestamp parse_seconds(std::string_view text) { return parse_number(text, 12); }
Timestamp parse_milliseconds(std::string_view text) { return parse_number(text, 9); }
Timestamp parse_microseconds(std::string_view text) { return parse_number(text, 6); }
Timestamp parse_nanoseconds(std::string_view text) { return parse_number(text, 3); }

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
  Timestamp stamp;
  if (read_usual(text, stamp)) {
    return stamp;
  }
  Cursor in(text);
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
