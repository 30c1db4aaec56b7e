#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/report.h"

/// What `--vary PATH=VALUES` says: lists, ranges, files of values.
namespace penstock::explore {

/// A decimal number exactly as written: mantissa / 10^digits.
struct Decimal {
  std::int64_t mantissa = 0;  ///< at most 15 digits
  int digits = 0;             ///< behind the point, 0 to 12

  double value() const;
};

/// `a..b` and what follows it. Its values are `prefix` number `suffix`.
struct Range {
  enum class Kind {
    plain,   ///< `1..8`: in steps of 1
    step,    ///< `10..100:step10`
    factor,  ///< `1..512:log2`: each value twice the one before
    count,   ///< `1..9:lin5`: so many values, the ends included
  };
  Kind kind = Kind::plain;
  Decimal low;  ///< of the same `digits` as `high`; below it
  Decimal high;
  Decimal step;            ///< of `step`: of the same `digits`; of `factor`: above 1
  std::int64_t count = 0;  ///< of `count`: at least 2
  std::string prefix;      ///< "$"
  std::string suffix;      ///< "ms", "/h"
  config::Span span;

  /// Bounds without a point: all values are whole numbers.
  bool is_whole() const { return low.digits == 0; }
};

/// One item of a list: a range, or a value as YAML takes it.
struct Item {
  std::optional<Range> range;
  std::string text;
};

/// One `--vary`.
struct Variation {
  std::string path;   ///< of a key, as `--set` takes it
  std::string given;  ///< what stood behind the `=`
  std::vector<Item> items;
  config::Span span;  ///< of `given`
};

/// Most values of one `--vary`, most points of a sweep.
inline constexpr std::size_t max_points = 100'000;

/// Reads an argument "PATH=VALUES"; `number` counts the arguments from 1, for diagnostics. VALUES
/// are separated by commas, those inside of [], {} or quotes left alone. `@FILE` stands for the
/// lines of a file: a value each, `#` starts a comment. Nothing if there are errors.
std::optional<Variation> parse_variation(const std::string& argument, std::size_t number,
                                         config::Reporter& reporter);

/// All values in order, ranges written out, what comes twice only once. The end of a range is among
/// them only if it is hit. Reports a range of more than `max_points` values.
std::vector<std::string> values_of(const Variation& variation, config::Reporter& reporter);

/// `number` between the range's prefix and suffix, rounded to `digits` significant digits.
std::string value_text(const Range& range, double number, int digits = 12);

}  // namespace penstock::explore
