#include <doctest/doctest.h>

#include <string>

#include "sim/core/rng.h"
#include "sim/core/units.h"
#include "workloads/timestamp.h"

namespace penstock {
namespace {

/// Seconds since 1970 of a text without fraction.
std::int64_t seconds(std::string_view text) {
  const Timestamp stamp = parse_timestamp(text);
  REQUIRE_MESSAGE(stamp.error == nullptr, text);
  REQUIRE(stamp.ps % ps_per_s == 0);
  return static_cast<std::int64_t>(stamp.ps / ps_per_s);
}

/// Picoseconds of a time of day on 1970-01-01.
std::int64_t ps(const std::string& time) {
  const Timestamp stamp = parse_timestamp("1970-01-01 " + time);
  REQUIRE_MESSAGE(stamp.error == nullptr, time);
  return static_cast<std::int64_t>(stamp.ps);
}

std::string error(std::string_view text) {
  const Timestamp stamp = parse_timestamp(text);
  return stamp.error == nullptr ? "" : stamp.error;
}

}  // namespace

TEST_CASE("stamps are read to the picosecond") {
  // Reference: date -u -d '2023-11-16 18:15:46' +%s
  CHECK(seconds("2023-11-16 18:15:46") == 1'700'158'546);
  CHECK(parse_timestamp("2023-11-16 18:15:46.6805900").ps ==
        Int128{1'700'158'546} * ps_per_s + 680'590'000'000);
  CHECK(seconds("1970-01-01 00:00:00") == 0);
  CHECK(seconds("1969-12-31T23:59:59Z") == -1);
  CHECK(ps("00:00:00.5") == 500'000'000'000);
  CHECK(ps("00:00:00.009930") == 9'930'000'000);
  CHECK(ps("00:00:01.000000001") == ps_per_s + 1000);
  CHECK(ps("00:00:00.123456789012") == 123'456'789'012);
  CHECK(ps("23:59:59.999999999999") == 86'400 * ps_per_s - 1);
}

TEST_CASE("offsets from UTC are taken off") {
  CHECK(seconds("2024-05-10 00:00:00+00:00") == 1'715'299'200);
  CHECK(seconds("2024-05-10T00:00:00.000000+00:00") == 1'715'299'200);
  CHECK(seconds("2024-05-10 02:30:00+02:30") == 1'715'299'200);
  CHECK(seconds("2024-05-09 16:00:00-0800") == 1'715'299'200);
  CHECK(seconds("2024-05-10 09:00:00+09") == 1'715'299'200);
  CHECK(seconds("2024-05-10 00:00:00Z") == 1'715'299'200);
}

TEST_CASE("the calendar knows months and leap years") {
  CHECK(seconds("2024-03-01 00:00:00") - seconds("2024-02-28 00:00:00") == 2 * 86'400);
  CHECK(seconds("2023-03-01 00:00:00") - seconds("2023-02-28 00:00:00") == 86'400);
  CHECK(seconds("2000-03-01 00:00:00") - seconds("2000-02-28 00:00:00") == 2 * 86'400);
  CHECK(seconds("1900-03-01 00:00:00") - seconds("1900-02-28 00:00:00") == 86'400);
  CHECK(seconds("2024-01-01 00:00:00") - seconds("2023-12-31 23:59:59") == 1);
  CHECK(seconds("9999-12-31 23:59:59") == 253'402'300'799);
  CHECK(seconds("0000-01-01 00:00:00") == -62'167'219'200);
  CHECK(error("2023-02-29 00:00:00") == "no such day");
  CHECK(error("1900-02-29 00:00:00") == "no such day");
  CHECK(error("2024-02-30 00:00:00") == "no such day");
}

TEST_CASE("days from the civil calendar grow one by one over 800 years") {
  constexpr int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  std::int64_t expected = days_from_civil(1600, 1, 1);
  CHECK(expected == -135'140);
  for (int year = 1600; year < 2400; ++year) {
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    for (int month = 1; month <= 12; ++month) {
      for (int day = 1; day <= lengths[month - 1] + (month == 2 && leap ? 1 : 0); ++day) {
        REQUIRE(days_from_civil(year, month, day) == expected);
        ++expected;
      }
    }
  }
}

TEST_CASE("what is no stamp is refused with the reason") {
  CHECK(error("") == "no date like 2023-11-16");
  CHECK(error("garbage") == "no date like 2023-11-16");
  CHECK(error("2023/11/16 18:15:46") == "no date like 2023-11-16");
  CHECK(error("16-11-2023 18:15:46") == "no date like 2023-11-16");
  CHECK(error("2023-13-16 18:15:46") == "no such month");
  CHECK(error("2023-00-16 18:15:46") == "no such month");
  CHECK(error("2023-11-00 18:15:46") == "no such day");
  CHECK(error("2023-11-16") == "no time after the date");
  CHECK(error("2023-11-16_18:15:46") == "no time after the date");
  CHECK(error("2023-11-16 18:15") == "no time like 18:15:46");
  CHECK(error("2023-11-16 24:00:00") == "no such time");
  CHECK(error("2023-11-16 18:60:00") == "no such time");
  CHECK(error("2023-11-16 18:15:60") == "no such time");
  CHECK(error("2023-11-16 18:15:46.") == "1 to 12 digits may follow the point");
  CHECK(error("2023-11-16 18:15:46.1234567890123") == "1 to 12 digits may follow the point");
  CHECK(error("2023-11-16 18:15:46 PM") == "text after the time");
  CHECK(error("2023-11-16 18:15:46Zulu") == "text after the Z");
  CHECK(error("2023-11-16 18:15:46+0") == "no offset like +00:00");
  CHECK(error("2023-11-16 18:15:46+00:") == "no offset like +00:00");
  CHECK(error("2023-11-16 18:15:46+24:00") == "no offset like +00:00");
  CHECK(error("2023-11-16 18:15:46+00:00x") == "no offset like +00:00");
}

TEST_CASE("plain numbers of any shape are read as those with an exponent are") {
  Rng rng(1, "numbers");
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (std::uint64_t left = rng.below(12) + 1; left > 0; --left) {
      text += "0123456789"[rng.below(10)];
    }
    if (rng.below(2) == 0) {
      text.insert(rng.below(text.size() + 1), ".");
    }
    const Timestamp seconds_plain = parse_seconds(text);
    const Timestamp seconds_exact = parse_seconds(text + "e0");  // not the usual form
    CHECK_MESSAGE(seconds_plain.ps == seconds_exact.ps, text);
    CHECK_MESSAGE((seconds_plain.error == nullptr) == (seconds_exact.error == nullptr), text);
    CHECK_MESSAGE(parse_nanoseconds(text).ps == parse_nanoseconds(text + "e0").ps, text);
  }
  CHECK(parse_seconds(".").error != nullptr);
  CHECK(parse_seconds("").error != nullptr);
  CHECK(parse_seconds("1.2.3").error != nullptr);
  CHECK(parse_seconds("5.").ps == 5 * ps_per_s);
  CHECK(parse_seconds(".5").ps == ps_per_s / 2);
}

}  // namespace penstock
