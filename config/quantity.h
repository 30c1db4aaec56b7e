#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Numbers with units, as people write them: `300ms`, `64GiB`, `3.35TB/s`, `$2.49/h`, `8/s`, `99%`,
/// `40M`.
namespace penstock::config {

/// What a number measures. Values are held in the unit named here.
enum class Unit {
  count,           ///< a plain number, no unit
  fraction,        ///< 0.99 or 99 %
  time,            ///< ps
  bytes,           ///< B
  bandwidth,       ///< B/s
  rate,            ///< requests per second
  compute,         ///< FLOP/s
  power,           ///< W
  money_per_hour,  ///< currency per hour
  money_per_kwh,   ///< currency per kWh
  amount,          ///< a number that may have a suffix: 40M
  money,           ///< currency
};

/// A number that was understood, or why it was not.
struct Quantity {
  double value = 0;      ///< in the unit of Unit
  std::string currency;  ///< money only: "USD", "EUR"
  std::string error;     ///< empty = fine; else completes "`x` ...": "is a size, not a time"
  std::string hint;      ///< "did you mean 300ms or 300s?"

  bool ok() const { return error.empty(); }
};

/// Reads `text` as a quantity of this unit. Never NaN or infinite; may be negative.
Quantity parse_quantity(std::string_view text, Unit unit);

/// A whole number: digits, or a form such as `1e6` that is whole. `error` as in Quantity.
struct Whole {
  std::int64_t value = 0;
  std::string error;
  std::string hint;

  bool ok() const { return error.empty(); }
};
Whole parse_whole(std::string_view text);

/// A seed: 0 to 2^64 - 1.
std::optional<std::uint64_t> parse_seed(std::string_view text);

/// The value as people write it, in a unit that suits its size: "300ms", "100d", "$2.5/h".
std::string quantity_text(double value, Unit unit, std::string_view currency = "USD");

/// What to call it: "a time", "a size", "a number".
std::string_view unit_noun(Unit unit);
/// What one looks like: "300ms", "80GB".
std::string_view unit_example(Unit unit);

}  // namespace penstock::config
