#include "config/quantity.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <vector>

#include "config/text.h"

namespace penstock::config {

namespace {

struct UnitName {
  std::string_view name;
  Unit unit;
  double times;   ///< one of it in the unit of Unit
  double by = 1;  ///< divided by this: 95 % is 95 / 100, which 95 * 0.01 is not

  constexpr double factor() const { return times / by; }
};

constexpr double kib = 1024;

/// Every unit with a name. The first of each kind and size is the one that is printed.
constexpr auto unit_names = std::to_array<UnitName>({
    {"ps", Unit::time, 1},
    {"ns", Unit::time, 1e3},
    {"us", Unit::time, 1e6},
    {"µs", Unit::time, 1e6},  // U+00B5 MICRO SIGN
    {"μs", Unit::time, 1e6},  // U+03BC GREEK SMALL LETTER MU
    {"ms", Unit::time, 1e9},
    {"s", Unit::time, 1e12},
    {"min", Unit::time, 60e12},
    {"h", Unit::time, 3600e12},
    {"d", Unit::time, 86400e12},
    {"y", Unit::time, 365 * 86400e12},
    {"B", Unit::bytes, 1},
    {"kB", Unit::bytes, 1e3},
    {"MB", Unit::bytes, 1e6},
    {"GB", Unit::bytes, 1e9},
    {"TB", Unit::bytes, 1e12},
    {"KiB", Unit::bytes, kib},
    {"MiB", Unit::bytes, kib* kib},
    {"GiB", Unit::bytes, kib* kib* kib},
    {"TiB", Unit::bytes, kib* kib* kib* kib},
    {"B/s", Unit::bandwidth, 1},
    {"kB/s", Unit::bandwidth, 1e3},
    {"MB/s", Unit::bandwidth, 1e6},
    {"GB/s", Unit::bandwidth, 1e9},
    {"TB/s", Unit::bandwidth, 1e12},
    {"GiB/s", Unit::bandwidth, kib* kib* kib},
    {"TiB/s", Unit::bandwidth, kib* kib* kib* kib},
    {"/s", Unit::rate, 1},
    {"/min", Unit::rate, 1, 60},
    {"/h", Unit::rate, 1, 3600},
    {"/d", Unit::rate, 1, 86400},
    {"/day", Unit::rate, 1, 86400},
    {"GFLOPS", Unit::compute, 1e9},
    {"TFLOPS", Unit::compute, 1e12},
    {"PFLOPS", Unit::compute, 1e15},
    {"mW", Unit::power, 1, 1e3},
    {"W", Unit::power, 1},
    {"kW", Unit::power, 1e3},
    {"MW", Unit::power, 1e6},
    {"%", Unit::fraction, 1, 100},
    {"k", Unit::amount, 1e3},
    {"M", Unit::amount, 1e6},
    {"B", Unit::amount, 1e9},
    {"G", Unit::amount, 1e9},
    {"T", Unit::amount, 1e12},
});

struct CurrencySign {
  std::string_view sign, code;
};
constexpr auto currency_signs =
    std::to_array<CurrencySign>({{"$", "USD"}, {"€", "EUR"}, {"£", "GBP"}, {"₹", "INR"}});

Quantity refused(std::string error, std::string hint = "") {
  Quantity q;
  q.error = std::move(error);
  q.hint = std::move(hint);
  return q;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// The number at the start of `text`, which it leaves behind; nothing if there is none.
std::optional<double> take_number(std::string_view& text) {
  std::string_view digits = text;
  if (!digits.empty() && digits.front() == '-') {
    digits.remove_prefix(1);
  }
  if (digits.empty() ||
      !(digits.front() == '.' || (digits.front() >= '0' && digits.front() <= '9'))) {
    return std::nullopt;  // from_chars would take "inf" and "nan"
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    value = HUGE_VAL;
  } else if (error != std::errc()) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::string two_guesses(std::string_view number, Unit unit) {
  if (number.starts_with('-')) {
    return fmt::format("write it like {}", unit_example(unit));
  }
  switch (unit) {
    case Unit::time:
      return fmt::format("did you mean {0}ms or {0}s?", number);
    case Unit::bytes:
      return fmt::format("did you mean {0}GB or {0}GiB?", number);
    case Unit::bandwidth:
      return fmt::format("did you mean {0}GB/s or {0}TB/s?", number);
    case Unit::rate:
      return fmt::format("did you mean {0}/s or {0}/min?", number);
    case Unit::compute:
      return fmt::format("did you mean {}TFLOPS?", number);
    case Unit::power:
      return fmt::format("did you mean {0}W or {0}kW?", number);
    case Unit::money_per_hour:
      return fmt::format("did you mean ${}/h?", number);
    case Unit::money_per_kwh:
      return fmt::format("did you mean ${}/kWh?", number);
    case Unit::money:
    case Unit::count:
    case Unit::fraction:
    case Unit::amount:
      break;
  }
  return "";
}

std::string_view noun_of_name(std::string_view name) {
  for (const UnitName& u : unit_names) {
    if (u.name == name) {
      return unit_noun(u.unit);
    }
  }
  return {};
}

Quantity wrong_unit(std::string_view number, std::string_view name, Unit unit) {
  const std::string needed =
      fmt::format("{} is needed, such as {}", unit_noun(unit), unit_example(unit));
  if (const std::string_view noun = noun_of_name(name); !noun.empty()) {
    return refused(fmt::format("is {}, but {}", noun, needed));
  }
  std::vector<std::string_view> same_kind;
  for (const UnitName& u : unit_names) {
    if (u.unit == unit) {
      if (to_lower(u.name) == to_lower(name)) {
        return refused(fmt::format("has the unknown unit `{}`", excerpt(name)),
                       fmt::format("did you mean {}{}?", number, u.name));
      }
      same_kind.push_back(u.name);
    }
  }
  return refused(fmt::format("has the unknown unit `{}`", excerpt(name)),
                 same_kind.empty() ? needed : "known are " + list_of_names(same_kind));
}

/// Takes a currency sign or three capital letters from the start of `text`.
std::string take_currency(std::string_view& text) {
  for (const CurrencySign& c : currency_signs) {
    if (text.starts_with(c.sign)) {
      text.remove_prefix(c.sign.size());
      return std::string(c.code);
    }
  }
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (text.size() > 3 && is_capital(text[0]) && is_capital(text[1]) && is_capital(text[2]) &&
      !is_capital(text[3])) {
    std::string code(text.substr(0, 3));
    text.remove_prefix(3);
    return code;
  }
  return {};
}

bool is_money(Unit unit) {
  return unit == Unit::money_per_hour || unit == Unit::money_per_kwh || unit == Unit::money;
}

/// "/h" or "/kWh" as a factor, 0 if it is something else.
double money_factor(std::string_view per, Unit unit) {
  if (unit == Unit::money) {
    return per.empty() ? 1 : 0;
  }
  if (unit == Unit::money_per_kwh) {
    return per == "/kWh" ? 1 : per == "/MWh" ? 1e-3 : 0;
  }
  if (per == "/h" || per == "/hour" || per == "/hr") {
    return 1;
  }
  return per == "/s" ? 3600 : per == "/min" ? 60 : per == "/d" || per == "/day" ? 1.0 / 24 : 0;
}

Quantity parse_money(std::string_view text, Unit unit) {
  const std::string_view whole = text;
  std::string currency = take_currency(text);
  text = trim(text);
  std::string_view rest = text;
  const std::optional<double> number = take_number(rest);
  if (!number) {
    return refused("is not a price", fmt::format("write it like {}", unit_example(unit)));
  }
  const std::string_view digits = text.substr(0, text.size() - rest.size());
  rest = trim(rest);
  if (currency.empty()) {
    currency = take_currency(rest);
    rest = trim(rest);
  }
  if (currency.empty() && rest.empty() && unit != Unit::money) {
    return refused("needs a currency and a unit", two_guesses(digits, unit));
  }
  if (currency.empty()) {
    return refused("needs a currency", money_factor(rest, unit) != 0
                                           ? fmt::format("did you mean ${}?", whole)
                                           : fmt::format("write it like {}", unit_example(unit)));
  }
  if (rest.empty() && unit != Unit::money) {
    return refused("needs a unit", fmt::format("write it like {}", unit_example(unit)));
  }
  const double factor = money_factor(rest, unit);
  if (factor == 0) {
    return refused(fmt::format("is not {}", unit_noun(unit)),
                   fmt::format("write it like {}", unit_example(unit)));
  }
  Quantity q;
  q.value = *number * factor;
  q.currency = std::move(currency);
  return q;
}

Quantity parse_plain(std::string_view number, std::string_view name, double value, Unit unit) {
  if (name.empty()) {
    if (unit == Unit::count || unit == Unit::fraction || unit == Unit::amount) {
      Quantity q;
      q.value = value;
      return q;
    }
    return refused("needs a unit", two_guesses(number, unit));
  }
  if (name.front() == '_' || name.front() == ',') {
    return refused("is not a number", "write it without separators, as 10000");
  }
  if (unit == Unit::count && (name == "k" || name == "K" || name == "M")) {
    return refused(fmt::format("has a suffix `{}` that is not read", name),
                   fmt::format("did you mean {}e{}?", number, name == "M" ? 6 : 3));
  }
  if (unit == Unit::count) {
    return refused("has a unit, but a plain number is needed",
                   fmt::format("did you mean {}?", number));
  }
  for (const UnitName& u : unit_names) {
    if (u.unit == unit && u.name == name) {
      Quantity q;
      q.value = value * u.times / u.by;
      return q;
    }
  }
  return wrong_unit(number, name, unit);
}

}  // namespace

Quantity parse_quantity(std::string_view text, Unit unit) {
  text = trim(text);
  Quantity q;
  if (is_money(unit)) {
    q = parse_money(text, unit);
  } else {
    std::string_view rest = text;
    const std::optional<double> number = take_number(rest);
    if (!number) {
      const std::string lower = to_lower(text);
      const bool nan = lower.ends_with("nan") || lower.ends_with("inf");
      return refused(nan ? "is not a finite number" : fmt::format("is not {}", unit_noun(unit)),
                     fmt::format("write it like {}", unit_example(unit)));
    }
    q = parse_plain(text.substr(0, text.size() - rest.size()), trim(rest), *number, unit);
  }
  if (q.ok() && !std::isfinite(q.value)) {
    return refused("is too large");
  }
  return q;
}

Whole parse_whole(std::string_view text) {
  text = trim(text);
  Whole whole;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole.value);
  if (error == std::errc() && end == text.data() + text.size()) {
    return whole;
  }
  const Quantity q = parse_quantity(text, Unit::count);
  whole.value = 0;
  if (!q.ok()) {
    whole.error = q.error == "is not a number" ? "is not a whole number" : q.error;
    whole.hint = q.hint;
    return whole;
  }
  constexpr double exact = 9007199254740992.0;  // 2^53: every whole double up to here is exact
  if (std::abs(q.value) > exact) {
    whole.error = "is too large";
  } else if (q.value != std::floor(q.value)) {
    whole.error = "is not a whole number";
  } else {
    whole.value = static_cast<std::int64_t>(q.value);
  }
  return whole;
}

std::optional<std::uint64_t> parse_seed(std::string_view text) {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    return std::nullopt;
  }
  return seed;
}

namespace {

/// "2.50", "0.0012", "12".
std::string amount_text(double value) {
  const std::string cents = fmt::format("{:.2f}", value);
  const bool is_cents = std::abs(value - std::round(value * 100) / 100) < 1e-9;
  return is_cents && value != std::floor(value) ? cents : number_text(value);
}

/// The largest unit in which the value is at least 1, else the smallest.
const UnitName& fitting_unit(double value, Unit unit) {
  const UnitName* fitting = nullptr;
  const UnitName* smallest = nullptr;
  for (const UnitName& u : unit_names) {
    if (u.unit != unit) {
      continue;
    }
    if (smallest == nullptr || u.factor() < smallest->factor()) {
      smallest = &u;
    }
    if (value >= u.factor() && (fitting == nullptr || u.factor() > fitting->factor())) {
      fitting = &u;
    }
  }
  return fitting != nullptr ? *fitting : *smallest;
}

}  // namespace

std::string quantity_text(double value, Unit unit, std::string_view currency) {
  if (is_money(unit)) {
    const char* per = unit == Unit::money ? "" : unit == Unit::money_per_hour ? "/h" : "/kWh";
    for (const CurrencySign& c : currency_signs) {
      if (c.code == currency) {
        return fmt::format("{}{}{}", c.sign, amount_text(value), per);
      }
    }
    return fmt::format("{} {}{}", amount_text(value), currency, per);
  }
  if (unit == Unit::count || unit == Unit::fraction ||
      (unit == Unit::amount && std::abs(value) < 1e3)) {
    return number_text(value);
  }
  const UnitName& u = fitting_unit(value, unit);
  return number_text(value * u.by / u.times) + std::string(u.name);
}

std::string_view unit_noun(Unit unit) {
  constexpr std::array<std::string_view, 12> nouns{
      "a number",    "a share", "a time",           "a size",          "a bandwidth", "a rate",
      "a FLOP rate", "a power", "a price per hour", "a price per kWh", "a number",    "an amount"};
  return nouns[static_cast<std::size_t>(unit)];
}

std::string_view unit_example(Unit unit) {
  constexpr std::array<std::string_view, 12> examples{
      "8",         "99%",  "300ms",   "80GB",      "3.35TB/s", "8/s",
      "989TFLOPS", "700W", "$2.50/h", "$0.08/kWh", "40M",      "$30000"};
  return examples[static_cast<std::size_t>(unit)];
}

}  // namespace penstock::config
