#include "tools/explore/decimal.h"

#include <fmt/format.h>

namespace penstock::explore {
namespace {

constexpr std::int64_t largest = 999'999'999'999'999;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Reads digits and a point; false where there are too many.
bool take_digits(std::string_view text, std::size_t& at, Decimal& number) {
  bool point = false;
  for (; at < text.size() && (is_digit(text[at]) || (text[at] == '.' && !point)); ++at) {
    if (text[at] == '.') {
      point = true;
      continue;
    }
    number.mantissa = number.mantissa * 10 + (text[at] - '0');
    number.digits += point ? 1 : 0;
    if (number.mantissa > largest || number.digits > max_decimal_digits) {
      return false;
    }
  }
  return true;
}

/// Reads `e6` or `e-3` if it is there: `8e` is 8 of something called e.
bool take_exponent(std::string_view text, std::size_t& at, Decimal& number) {
  std::size_t end = at + 1;
  if (at >= text.size() || (text[at] != 'e' && text[at] != 'E')) {
    return true;
  }
  const bool negative = end < text.size() && text[end] == '-';
  end += end < text.size() && (text[end] == '-' || text[end] == '+') ? 1 : 0;
  if (end >= text.size() || !is_digit(text[end])) {
    return true;
  }
  int exponent = 0;
  for (; end < text.size() && is_digit(text[end]) && exponent < 100; ++end) {
    exponent = exponent * 10 + (text[end] - '0');
  }
  at = end;
  number.digits += negative ? exponent : -exponent;
  while (number.digits < 0 && number.mantissa <= largest / 10) {
    number.mantissa *= 10;
    ++number.digits;
  }
  return number.digits >= 0 && number.digits <= max_decimal_digits;
}

}  // namespace

double Decimal::value() const {
  double power = 1;  // exact up to 10^22, so that the quotient is rounded once
  for (int i = 0; i < digits; ++i) {
    power *= 10;
  }
  return static_cast<double>(mantissa) / power;
}

std::optional<Measure> parse_measure(std::string_view text) {
  const std::size_t start = text.find_first_of("0123456789.-+");
  if (start == std::string_view::npos) {
    return std::nullopt;
  }
  Measure measure;
  measure.prefix = text.substr(0, start);
  std::size_t at = start;
  const bool negative = text[at] == '-';
  at += text[at] == '-' || text[at] == '+' ? 1 : 0;
  const std::size_t digits = at;
  if (!take_digits(text, at, measure.number) || at == digits ||
      text.substr(digits, at - digits) == "." || !take_exponent(text, at, measure.number)) {
    return std::nullopt;
  }
  measure.number.mantissa *= negative ? -1 : 1;
  measure.suffix = text.substr(at);
  // A second number would be no unit: 1-8, 1.2.3.
  return measure.suffix.find_first_of("0123456789.") == std::string::npos ? std::optional(measure)
                                                                          : std::nullopt;
}

std::optional<Decimal> with_digits(Decimal number, int digits) {
  for (; number.digits < digits; ++number.digits) {
    if (number.mantissa > largest / 10 || number.mantissa < -largest / 10) {
      return std::nullopt;
    }
    number.mantissa *= 10;
  }
  return number;
}

std::string decimal_text(Decimal number) {
  while (number.digits > 0 && number.mantissa % 10 == 0) {
    number.mantissa /= 10;
    --number.digits;
  }
  std::string text = fmt::format("{:0{}}", number.mantissa < 0 ? -number.mantissa : number.mantissa,
                                 number.digits + 1);
  if (number.digits > 0) {
    text.insert(text.size() - static_cast<std::size_t>(number.digits), ".");
  }
  return number.mantissa < 0 ? "-" + text : text;
}

}  // namespace penstock::explore
