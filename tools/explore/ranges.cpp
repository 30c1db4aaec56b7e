#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/text.h"
#include "tools/explore/decimal.h"
#include "tools/explore/values.h"

namespace penstock::explore {
namespace {

/// Writes out one range.
class Expansion {
 public:
  Expansion(const Range& range, config::Reporter& reporter) : range_(range), reporter_(reporter) {}

  std::vector<std::string> run() {
    switch (range_.kind) {
      case Range::Kind::plain:
        steps(with_digits({1, 0}, range_.low.digits)->mantissa);
        break;
      case Range::Kind::step:
        steps(range_.step.mantissa);
        break;
      case Range::Kind::factor:
        factors();
        break;
      case Range::Kind::count:
        evenly();
        break;
    }
    return std::move(values_);
  }

 private:
  void too_many() {
    reporter_.error(range_.span,
                    fmt::format("this range has more than {} values",
                                config::group_digits(static_cast<std::int64_t>(max_points))),
                    "take :log2, :lin10 or a longer :step, or draw some with --sample N");
  }

  void add(std::int64_t mantissa) {
    values_.push_back(range_.prefix + decimal_text({mantissa, range_.low.digits}) + range_.suffix);
  }

  void steps(std::int64_t step) {
    const std::int64_t span = range_.high.mantissa - range_.low.mantissa;
    if (span / step >= static_cast<std::int64_t>(max_points)) {
      too_many();
      return;
    }
    for (std::int64_t i = 0; i <= span / step; ++i) {
      add(range_.low.mantissa + i * step);
    }
  }

  void factors() {
    const double factor = range_.step.value();
    const double high = range_.high.value();
    double value = range_.low.value();
    // A hair more than the end is the end: 0.1 * 1.1 * 1.1 is not quite 0.121.
    for (; value <= high * (1 + 1e-12); value *= factor) {
      if (values_.size() == max_points) {
        too_many();
        return;
      }
      std::string text = value_text(range_, value);
      if (values_.empty() || values_.back() != text) {  // whole numbers may round to the same
        values_.push_back(std::move(text));
      }
    }
  }

  void evenly() {
    const std::int64_t span = range_.high.mantissa - range_.low.mantissa;
    if (range_.count > static_cast<std::int64_t>(max_points)) {
      too_many();
      return;
    }
    if (range_.is_whole() && span < range_.count - 1) {
      reporter_.error(range_.span,
                      fmt::format("there are only {} whole numbers in this range", span + 1),
                      "bounds with a point, such as 0.0..1.0, are not kept whole");
      return;
    }
    const double gap = static_cast<double>(span) / static_cast<double>(range_.count - 1);
    const double low = range_.low.value();
    const double width = range_.high.value() - low;
    for (std::int64_t i = 0; i < range_.count; ++i) {
      const double place = static_cast<double>(i);
      if (i == range_.count - 1) {
        add(range_.high.mantissa);
      } else if (range_.is_whole()) {
        add(range_.low.mantissa + static_cast<std::int64_t>(place * gap + 0.5));
      } else {
        const double share = place / static_cast<double>(range_.count - 1);
        values_.push_back(value_text(range_, low + width * share));
      }
    }
  }

  const Range& range_;
  config::Reporter& reporter_;
  std::vector<std::string> values_;
};

}  // namespace

std::string value_text(const Range& range, double number, int digits) {
  if (range.is_whole()) {
    const auto whole = static_cast<std::int64_t>(number + (number < 0 ? -0.5 : 0.5));
    return range.prefix + decimal_text({whole, 0}) + range.suffix;
  }
  // Rounded first, then written out: the suffix must not follow an exponent.
  const double rounded = std::stod(fmt::format("{:.{}g}", number, digits));
  std::string text = fmt::format("{}", rounded);
  if (text.find('e') != std::string::npos) {
    text = fmt::format("{:.{}f}", rounded, max_decimal_digits);
  }
  return range.prefix + text + range.suffix;
}

std::vector<std::string> values_of(const Variation& variation, config::Reporter& reporter) {
  std::vector<std::string> values;
  std::set<std::string> known;
  for (const Item& item : variation.items) {
    const std::vector<std::string> more =
        item.range ? Expansion(*item.range, reporter).run() : std::vector<std::string>{item.text};
    std::copy_if(more.begin(), more.end(), std::back_inserter(values),
                 [&known](const std::string& value) { return known.insert(value).second; });
  }
  return values;
}

}  // namespace penstock::explore
