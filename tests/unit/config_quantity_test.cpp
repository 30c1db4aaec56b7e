#include <doctest/doctest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "config/quantity.h"

namespace penstock::config {
namespace {

double value(std::string_view text, Unit unit) {
  const Quantity q = parse_quantity(text, unit);
  CAPTURE(text);
  CHECK(q.error == "");
  return q.value;
}

std::string complaint(std::string_view text, Unit unit) {
  const Quantity q = parse_quantity(text, unit);
  return q.ok() ? "fine" : q.error + (q.hint.empty() ? "" : "; " + q.hint);
}

TEST_CASE("times are read in every unit") {
  CHECK(value("7ps", Unit::time) == 7);
  CHECK(value("24.3ns", Unit::time) == doctest::Approx(24300));
  CHECK(value("5us", Unit::time) == 5e6);
  CHECK(value("5µs", Unit::time) == 5e6);
  CHECK(value("5\xCE\xBCs", Unit::time) == 5e6);  // Greek mu
  CHECK(value("300ms", Unit::time) == 300e9);
  CHECK(value("0.3 s", Unit::time) == 0.3e12);
  CHECK(value("30min", Unit::time) == 1800e12);
  CHECK(value("2h", Unit::time) == 7200e12);
  CHECK(value("1d", Unit::time) == 86400e12);
  CHECK(value("0s", Unit::time) == 0);
  CHECK(value("1e-3s", Unit::time) == 1e9);
  CHECK(value("-5ms", Unit::time) == -5e9);  // ranges are the schema's business
}

TEST_CASE("sizes, bandwidths, rates, compute, power and shares are read") {
  CHECK(value("80GB", Unit::bytes) == 80e9);
  CHECK(value("64GiB", Unit::bytes) == 64.0 * 1024 * 1024 * 1024);
  CHECK(value("3.35TB/s", Unit::bandwidth) == 3.35e12);
  CHECK(value("8/s", Unit::rate) == 8);
  CHECK(value("30/min", Unit::rate) == doctest::Approx(0.5));
  CHECK(value("1000/h", Unit::rate) == doctest::Approx(1000.0 / 3600));
  CHECK(value("1e6/day", Unit::rate) == doctest::Approx(1e6 / 86400));
  CHECK(value("989.4TFLOPS", Unit::compute) == doctest::Approx(989.4e12));
  CHECK(value("0.7kW", Unit::power) == 700);
  CHECK(value("99%", Unit::fraction) == doctest::Approx(0.99));
  CHECK(value("0.99", Unit::fraction) == 0.99);
  CHECK(value("1.25", Unit::count) == 1.25);
}

TEST_CASE("amounts may have a suffix") {
  CHECK(value("40M", Unit::amount) == 40e6);
  CHECK(value("1.5 k", Unit::amount) == 1500);
  CHECK(value("2B", Unit::amount) == 2e9);
  CHECK(value("2G", Unit::amount) == 2e9);
  CHECK(value("1T", Unit::amount) == 1e12);
  CHECK(value("12e6", Unit::amount) == 12e6);
  CHECK(complaint("40m", Unit::amount) == "has the unknown unit `m`; did you mean 40M?");
  CHECK(complaint("40ms", Unit::amount) == "is a time, but a number is needed, such as 40M");
  CHECK(quantity_text(40e6, Unit::amount) == "40M");
  CHECK(quantity_text(2e9, Unit::amount) == "2B");
  CHECK(quantity_text(12, Unit::amount) == "12");
}

TEST_CASE("a guess at what was meant would be right") {
  CHECK(complaint("-5", Unit::time) == "needs a unit; write it like 300ms");
  CHECK(complaint("2.50%", Unit::money_per_hour) == "needs a currency; write it like $2.50/h");
}

TEST_CASE("money is read with its currency before or after the number") {
  for (const char* text : {"$2.49/h", "$ 2.49 / h", "2.49 USD/h", "USD 2.49/h", "2.49$/hour"}) {
    CAPTURE(text);
    const Quantity q = parse_quantity(text, Unit::money_per_hour);
    if (std::string_view(text) == "$ 2.49 / h") {
      CHECK_FALSE(q.ok());
      continue;
    }
    CHECK(q.error == "");
    CHECK(q.value == 2.49);
    CHECK(q.currency == "USD");
  }
  CHECK(parse_quantity("€2/h", Unit::money_per_hour).currency == "EUR");
  CHECK(parse_quantity("£2/h", Unit::money_per_hour).currency == "GBP");
  CHECK(parse_quantity("18 CNY/h", Unit::money_per_hour).currency == "CNY");
  CHECK(value("$48/d", Unit::money_per_hour) == 2);
  CHECK(value("$0.08/kWh", Unit::money_per_kwh) == 0.08);
  CHECK(complaint("2.5", Unit::money_per_hour) ==
        "needs a currency and a unit; did you mean $2.5/h?");
  CHECK(complaint("2.5/h", Unit::money_per_hour) == "needs a currency; did you mean $2.5/h?");
  CHECK(complaint("$2.5", Unit::money_per_hour) == "needs a unit; write it like $2.50/h");
  CHECK(complaint("$2.5/kWh", Unit::money_per_hour) ==
        "is not a price per hour; write it like $2.50/h");
  CHECK(complaint("cheap", Unit::money_per_hour) == "is not a price; write it like $2.50/h");
}

TEST_CASE("a bare number where a unit is needed gets a hint") {
  CHECK(complaint("300", Unit::time) == "needs a unit; did you mean 300ms or 300s?");
  CHECK(complaint("80", Unit::bytes) == "needs a unit; did you mean 80GB or 80GiB?");
  CHECK(complaint("8", Unit::rate) == "needs a unit; did you mean 8/s or 8/min?");
  CHECK(complaint("700", Unit::power) == "needs a unit; did you mean 700W or 700kW?");
}

TEST_CASE("a wrong unit is named for what it is") {
  CHECK(complaint("300ms", Unit::bytes) == "is a time, but a size is needed, such as 80GB");
  CHECK(complaint("80GB", Unit::time) == "is a size, but a time is needed, such as 300ms");
  CHECK(complaint("80gb", Unit::bytes) == "has the unknown unit `gb`; did you mean 80GB?");
  CHECK(complaint("3sec", Unit::time).starts_with("has the unknown unit `sec`; known are `ps`"));
  CHECK(complaint("8ms", Unit::count) ==
        "has a unit, but a plain number is needed; did you mean 8?");
}

TEST_CASE("what is not a finite number is refused") {
  CHECK(complaint(".nan", Unit::count) == "is not a finite number; write it like 8");
  CHECK(complaint("inf", Unit::time) == "is not a finite number; write it like 300ms");
  CHECK(complaint("-.inf", Unit::count) == "is not a finite number; write it like 8");
  CHECK(complaint("1e999", Unit::count) == "is too large");
  CHECK(complaint("1e307TB", Unit::bytes) == "is too large");
  CHECK(complaint("", Unit::time) == "is not a time; write it like 300ms");
  CHECK(complaint("fast", Unit::time) == "is not a time; write it like 300ms");
  CHECK(complaint("+5ms", Unit::time) == "is not a time; write it like 300ms");
  CHECK(complaint("--5ms", Unit::time) == "is not a time; write it like 300ms");
  CHECK(complaint("0x10", Unit::count) ==
        "has a unit, but a plain number is needed; did you mean 0?");
}

TEST_CASE("whole numbers are digits, or whole in another form") {
  CHECK(parse_whole("10000").value == 10000);
  CHECK(parse_whole("1e6").value == 1000000);
  CHECK(parse_whole("2.5e3").value == 2500);
  CHECK(parse_whole("-3").value == -3);
  CHECK(parse_whole("9223372036854775807").value == INT64_MAX);
  CHECK(parse_whole("12.5").error == "is not a whole number");
  CHECK(parse_whole("1e300").error == "is too large");
  CHECK(parse_whole("9223372036854775808").error == "is too large");
  CHECK(parse_whole("10_000").hint == "write it without separators, as 10000");
  CHECK(parse_whole("10,000").hint == "write it without separators, as 10000");
  CHECK(parse_whole("8k").hint == "did you mean 8e3?");
  CHECK(parse_whole("many").error == "is not a whole number");
  CHECK_FALSE(parse_whole("").ok());
}

TEST_CASE("a seed is any number of 64 bits") {
  CHECK(parse_seed("18446744073709551615") == UINT64_MAX);
  CHECK(parse_seed("0") == 0U);
  for (const char* text : {"-1", "18446744073709551616", "1.5", "", "1e3", "x"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_seed(text));
  }
}

TEST_CASE("quantities are printed in the unit that suits them") {
  CHECK(quantity_text(300e9, Unit::time) == "300ms");
  CHECK(quantity_text(86400e12, Unit::time) == "1d");
  CHECK(quantity_text(0, Unit::time) == "0ps");
  CHECK(quantity_text(1.0 / 86400, Unit::rate) == "1/d");
  CHECK(quantity_text(12, Unit::rate) == "12/s");
  CHECK(quantity_text(2.5, Unit::money_per_hour) == "$2.50/h");
  CHECK(quantity_text(2, Unit::money_per_hour, "EUR") == "€2/h");
  CHECK(quantity_text(18.5, Unit::money_per_hour, "CNY") == "18.50 CNY/h");
  CHECK(quantity_text(0.075, Unit::money_per_kwh) == "$0.075/kWh");
}

}  // namespace
}  // namespace penstock::config
