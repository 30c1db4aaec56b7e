#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tools/report/page.h"

/// Pieces of ECharts' options. `unit` is a key of `formats` in report.js, or what follows a number.
namespace penstock::report {

inline Json value_axis(std::string_view name, std::string_view unit) {
  return {{"type", "value"}, {"name", name}, {"unit", unit}, {"nameLocation", "end"}};
}

/// Of the quantity along the bottom, named in the middle below.
inline Json bottom_axis(std::string_view name, std::string_view unit, bool is_log = false) {
  return {
      {"type", is_log ? "log" : "value"}, {"name", name},  {"unit", unit},
      {"nameLocation", "middle"},         {"nameGap", 26}, {"minorSplitLine", {{"show", false}}}};
}

inline Json log_axis(std::string_view name, std::string_view unit) {
  Json axis = value_axis(name, unit);
  axis["type"] = "log";
  return axis;
}

/// A line through two columns of the data.
inline Json line_series(std::string_view name, std::size_t x, std::size_t y,
                        const std::string& color, std::string_view unit) {
  return {{"type", "line"},
          {"name", name},
          {"encode", {{"x", x}, {"y", y}}},
          {"itemStyle", {{"color", "$" + color}}},
          {"lineStyle", {{"width", 2}}},
          {"showSymbol", false},
          {"emphasis", {{"disabled", true}}},
          {"unit", unit}};
}

/// A dashed line across the plot, at a value of one axis ("xAxis", "yAxis").
inline Json limit_line(const char* axis, double value, const std::string& label) {
  return {{"silent", true},
          {"symbol", "none"},
          {"lineStyle", {{"color", "$bad"}, {"type", "dashed"}, {"width", 1.5}}},
          {"label", {{"formatter", label}, {"color", "$bad"}, {"position", "insideEndTop"}}},
          {"data", Json::array({Json{{axis, value}}})}};
}

inline Json axis_tooltip() { return {{"trigger", "axis"}}; }

/// Zoom by Ctrl and wheel, or two fingers; drags along the bottom axis.
inline Json zoom() {
  return Json::array({Json{{"type", "inside"},
                           {"zoomOnMouseWheel", "ctrl"},
                           {"moveOnMouseWheel", false},
                           {"filterMode", "none"}}});
}

}  // namespace penstock::report
