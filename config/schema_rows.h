#pragma once

#include <string_view>

#include "config/schema.h"

/// Rows of the workload file's schema, as short as they can be said.
namespace penstock::config::rows {

inline constexpr double most_tokens = 1e7;
inline constexpr double most_requests = 1e9;
inline constexpr double hundred_days = 100 * 86400e12;  // SimTime::max(), in ps
/// Rarer than this, the gaps between arrivals leave the range of SimTime.
inline constexpr double once_a_day = 1.0 / 86400;

constexpr Key map(std::string_view path, std::string_view doc, bool required = false) {
  return {.path = path, .doc = doc, .map = true, .required = required};
}
constexpr Key text(std::string_view path, std::string_view doc) {
  return {.path = path, .doc = doc, .scalar = Scalar::text};
}
constexpr Key flag(std::string_view path, std::string_view doc, std::string_view by_default) {
  return {.path = path, .doc = doc, .scalar = Scalar::boolean, .by_default = by_default};
}
constexpr Key whole(std::string_view path, std::string_view doc, double min, double max,
                    std::string_view by_default = {}) {
  return {.path = path,
          .doc = doc,
          .scalar = Scalar::whole,
          .min = min,
          .max = max,
          .by_default = by_default};
}
constexpr Key tokens(std::string_view path, std::string_view doc) {
  return whole(path, doc, 1, most_tokens);
}
constexpr Key number(std::string_view path, std::string_view doc, Unit unit, double min, double max,
                     std::string_view by_default = {}, bool above_min = false) {
  return {.path = path,
          .doc = doc,
          .scalar = Scalar::number,
          .unit = unit,
          .min = min,
          .max = max,
          .above_min = above_min,
          .by_default = by_default};
}
constexpr Key time(std::string_view path, std::string_view doc, std::string_view by_default = {},
                   bool above_min = true) {
  return number(path, doc, Unit::time, 0, hundred_days, by_default, above_min);
}
constexpr Key choice(std::string_view path, std::string_view doc, std::string_view choices,
                     std::string_view by_default, std::string_view later_choices = {}) {
  return {.path = path,
          .doc = doc,
          .scalar = Scalar::choice,
          .choices = choices,
          .later_choices = later_choices,
          .by_default = by_default};
}
constexpr Key later(std::string_view path, std::string_view doc, std::string_view instead) {
  return {.path = path, .doc = doc, .any = true, .later = instead};
}
constexpr Key required(Key key) {
  key.required = true;
  return key;
}
constexpr Key or_map(Key key) {
  key.map = true;
  return key;
}
constexpr Key or_list(Key key) {
  key.list = true;
  return key;
}
constexpr Key distribution(Key key) {
  key.map = true;
  key.distribution = true;
  return key;
}
constexpr Key list(std::string_view path, std::string_view doc, std::string_view by_default) {
  return {.path = path, .doc = doc, .list = true, .by_default = by_default};
}

/// The rows of a class, `workload.classes[]` and below.
Schema class_rows();

}  // namespace penstock::config::rows
