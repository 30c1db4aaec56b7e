#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sim/scenario.h"

/// How numbers, times and names look in what Penstock prints.
namespace penstock::output {

/// 1234567 -> "1,234,567".
std::string group_digits(std::int64_t value);

/// Picoseconds as seconds, exactly: "0.5", "12.000000000001", "3".
std::string exact_seconds(std::int64_t ps);

/// Nano-dollars as dollars, exactly: "9.671234567".
std::string exact_dollars(std::int64_t nano);

/// A number for people, about three digits: "2,350", "96.1", "4.07", "0.25", "0.00123".
std::string figure(double value);

/// An amount per million tokens in a column: cents, and two digits where a cent is too coarse.
std::string price_figure(double price);

/// "$" for USD, "€" for EUR, else the code itself: "GBP".
std::string currency_sign(std::string_view currency);

/// An amount for people: "$9.67", "$1,234", "€0.0042"; most currencies by their code: "GBP 9.67".
std::string money(double amount, std::string_view currency);

/// A share for people: 0.9934 -> "99.3 %", 0.41 -> "41 %". Never rounds up to 100 % or down to 0 %.
std::string percent(double share);

struct TimeUnit {
  const char* name;
  double milliseconds;
};

/// The unit, from ps to h, in which a time above 0 reads best.
TimeUnit time_unit(double milliseconds);

/// A span for people: "29 min", "1.5 h", "45 s", "2.50 µs".
std::string span_text(double seconds);

/// `text` safe for a terminal: control characters as \x1b, broken UTF-8 as U+FFFD.
std::string printable(std::string_view text);

/// How a replica splits the model: "TP8", "TP8 EP8", "TP2 PP4", "DP16 TP1 EP16".
std::string parallel_text(const ClusterSpec& cluster);

/// Columns that `text` takes on a terminal: two for wide characters (CJK, emoji), colour codes left
/// out.
std::size_t columns(std::string_view text);

/// `text` with spaces after or before it, at least `width` columns wide.
std::string pad_right(std::string_view text, std::size_t width);
std::string pad_left(std::string_view text, std::size_t width);

/// A CSV field (RFC 4180), quoted where it must be.
std::string csv_field(std::string_view text);

/// A share of 1 as the name of its quantile: 0.99 -> "p99", 0.999 -> "p99.9".
std::string quantile_name(double share);

}  // namespace penstock::output
