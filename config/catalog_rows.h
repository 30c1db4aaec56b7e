#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "config/schema.h"

/// The rows of which the schemas of the catalogue's files are made.
namespace penstock::config::catalog_rows {

constexpr Key map(std::string_view path, bool required = false) {
  return {.path = path, .map = true, .required = required};
}
constexpr Key text(std::string_view path, std::string_view doc = {}, bool required = false) {
  return {.path = path, .doc = doc, .scalar = Scalar::text, .required = required};
}
constexpr Key flag(std::string_view path, bool required = false) {
  return {.path = path, .scalar = Scalar::boolean, .required = required};
}
constexpr Key whole(std::string_view path, double min, double max, bool required = true) {
  return {.path = path, .scalar = Scalar::whole, .required = required, .min = min, .max = max};
}
constexpr Key number(std::string_view path, Unit unit, double min, double max,
                     bool required = true) {
  return {.path = path,
          .scalar = Scalar::number,
          .required = required,
          .unit = unit,
          .min = min,
          .max = max};
}
constexpr Key choice(std::string_view path, std::string_view choices, bool required = true) {
  return {.path = path, .scalar = Scalar::choice, .required = required, .choices = choices};
}
/// A duration of a kernel or of the CPU: below a second.
constexpr Key latency(std::string_view path, bool required = true) {
  return number(path, Unit::time, 0, 1e12, required);
}
constexpr Key bandwidth(std::string_view path, bool required = true) {
  return number(path, Unit::bandwidth, 1e6, 1e18, required);
}
constexpr Key compute(std::string_view path) {
  return number(path, Unit::compute, 1e9, 1e20, false);
}
constexpr Key required(Key key) {
  key.required = true;
  return key;
}
constexpr Key efficiency(std::string_view path, bool required = true) {
  return number(path, Unit::fraction, 0.001, 1, required);
}
constexpr Key exponent(std::string_view path) { return number(path, Unit::count, 1, 64); }
constexpr Key factor(std::string_view path) { return number(path, Unit::count, 0.01, 100); }
constexpr Key list(std::string_view path) { return {.path = path, .list = true}; }

// The keys that every file of the catalogue has.
inline constexpr auto common_keys = std::to_array<Key>({
    text("name", "lower case with hyphens", true),
    text("title", "as people call it", true),
    list("aliases"),
    text("aliases[]"),
    text("source", "where the facts are from", true),
    text("date", "when they were looked up", true),
});

template <std::size_t count>
constexpr auto with_common_keys(const std::array<Key, count>& keys) {
  std::array<Key, common_keys.size() + count> all{};
  std::copy(common_keys.begin(), common_keys.end(), all.begin());
  std::copy(keys.begin(), keys.end(), all.begin() + common_keys.size());
  return all;
}

}  // namespace penstock::config::catalog_rows
