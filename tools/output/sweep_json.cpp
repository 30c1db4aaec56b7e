#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "tools/output/json_text.h"
#include "tools/output/sweep_output.h"
#include "tools/output/text.h"

namespace penstock::output {
namespace {

using Json = nlohmann::ordered_json;
using Sink = std::function<void(std::string_view)>;

constexpr int sweep_schema_version = 1;

/// Plain numbers as numbers, all else (`300ms`, `true`, names) as text.
Json value_json(const std::string& text) {
  const bool is_plain =
      !text.empty() && text.find_first_not_of("0123456789.-") == std::string::npos;
  const Json number = is_plain ? Json::parse(text, nullptr, false) : Json();
  return number.is_number() ? number : Json(text);
}

Json values_json(const SweepOutput& sweep, const SweepPoint& point) {
  Json values = Json::object();
  for (std::size_t i = 0; i < sweep.paths.size(); ++i) {
    values[sweep.paths[i]] = value_json(point.values[i]);
  }
  return values;
}

Json point_json(const SweepOutput& sweep, const SweepPoint& point) {
  Json json;
  json["values"] = values_json(sweep, point);
  json["status"] = point.status;
  json["reason"] = point.reason.empty() ? Json(nullptr) : Json(point.reason);
  json["pareto"] = point.on_front;
  if (!point.metrics.empty()) {
    Json metrics = Json::parse(point.metrics);
    metrics.erase("reasons");  // one list for all points
    json.update(metrics);
    if (!point.ci95.empty()) {
      json["ci95"] = Json::parse(point.ci95);
    }
  }
  return json;
}

/// `value` as a line or lines of a list in an object at the top of a document.
std::string list_item(const Json& value) {
  std::string text = to_text(value);
  text.pop_back();
  std::string indented = "    ";
  for (const char c : text) {
    indented += c;
    indented += c == '\n' ? "    " : "";
  }
  return indented;
}

Json head_json(const SweepOutput& sweep) {
  Json head;
  head["schema_version"] = sweep_schema_version;
  head["workload"] = sweep.workload;
  head["design"] = sweep.is_sample ? "latin_hypercube" : "grid";
  head["vary"] = Json::object();
  for (std::size_t i = 0; i < sweep.paths.size(); ++i) {
    head["vary"][sweep.paths[i]] = sweep.given[i];
  }
  head["sets"] = sweep.sets;
  head["runs"] = sweep.runs;
  head["seed"] = sweep.seed;
  head["complete"] = sweep.points.size() == sweep.total;
  head["points_total"] = sweep.total;
  return head;
}

/// A value of points.csv.
std::string cell(const Json& value) {
  if (value.is_string()) {
    return csv_field(value.get<std::string>());
  }
  if (value.is_null()) {
    return "";
  }
  std::string text = to_text(value);
  text.pop_back();
  return text;
}

using Cells = std::vector<std::pair<std::string, std::string>>;

/// All values that are no lists, by their dotted keys.
void flatten(const Json& value, const std::string& path, Cells& cells) {
  if (value.is_array()) {
    return;
  }
  if (!value.is_object()) {
    cells.emplace_back(path, cell(value));
    return;
  }
  for (const auto& item : value.items()) {
    flatten(item.value(), path.empty() ? item.key() : path + "." + item.key(), cells);
  }
}

Cells cells_of(const SweepPoint& point) {
  Cells cells;
  if (point.metrics.empty()) {
    return cells;
  }
  Json metrics = Json::parse(point.metrics);
  metrics.erase("reasons");
  flatten(metrics, "", cells);
  if (!point.ci95.empty()) {
    flatten(Json::parse(point.ci95), "ci95", cells);
  }
  return cells;
}

/// The columns of all points, in order of their first appearance, half widths after all else.
std::vector<std::string> columns_of(const SweepOutput& sweep) {
  std::vector<std::string> names;
  std::unordered_set<std::string> known;
  for (const SweepPoint& point : sweep.points) {
    for (auto& [name, text] : cells_of(point)) {
      if (known.insert(name).second) {
        names.push_back(name);
      }
    }
  }
  std::stable_partition(names.begin(), names.end(),
                        [](const std::string& name) { return !name.starts_with("ci95."); });
  return names;
}

std::string values_row(const SweepPoint& point) {
  std::string row;
  for (const std::string& value : point.values) {
    row += csv_field(value) + ",";
  }
  return row;
}

}  // namespace

void write_sweep_json(const SweepOutput& sweep, const Sink& sink) {
  std::string head = to_text(head_json(sweep));
  head.resize(head.size() - 3);  // "\n}\n"
  sink(head + ",\n  \"points\": [");
  Json front = Json::array();
  for (std::size_t i = 0; i < sweep.points.size(); ++i) {
    const SweepPoint& point = sweep.points[i];
    sink((i > 0 ? ",\n" : "\n") + list_item(point_json(sweep, point)));
    if (point.on_front) {
      front.push_back(
          {{"point", i},
           {"values", values_json(sweep, point)},
           {"cost_per_million", at(point.figures, SweepFigure::blended_cost).value_or(0)},
           {"e2e_p50_ms", at(point.figures, SweepFigure::e2e_p50_ms).value_or(0)}});
    }
  }
  Json tail;
  tail["pareto"] = std::move(front);
  tail["cheapest"] = sweep.cheapest
                         ? Json{{"point", *sweep.cheapest},
                                {"values", values_json(sweep, sweep.points.at(*sweep.cheapest))}}
                         : Json(nullptr);
  tail["reasons"] = Json::object();
  for (const auto& [key, reason] : sweep.reasons) {
    tail["reasons"][key] = reason;
  }
  const auto is_ok = [](const SweepPoint& point) { return point.reason.empty(); };
  if (std::any_of(sweep.points.begin(), sweep.points.end(), is_ok)) {
    tail["reasons"]["reason"] = "given for points that could not be run";
  }
  if (!sweep.cheapest) {
    tail["reasons"]["cheapest"] = "no point could be run and meets the limits";
  }
  tail["warnings"] = sweep.warnings;
  sink(sweep.points.empty() ? "],\n" : "\n  ],\n");
  sink(to_text(tail).substr(2));  // "{\n"
}

void write_points_csv(const SweepOutput& sweep, const Sink& sink) {
  const std::vector<std::string> names = columns_of(sweep);
  std::string header;
  for (const std::string& path : sweep.paths) {
    header += csv_field(path) + ",";
  }
  header += "status,";
  for (const std::string& name : names) {
    header += csv_field(name) + ",";
  }
  sink(header + "pareto,reason\n");
  for (const SweepPoint& point : sweep.points) {
    std::string row = values_row(point) + point.status + ",";
    const Cells cells = cells_of(point);
    std::size_t next = 0;  // most points have the same cells in the same order
    for (const std::string& name : names) {
      auto found = cells.begin() + static_cast<std::ptrdiff_t>(std::min(next, cells.size()));
      if (found == cells.end() || found->first != name) {
        found = std::find_if(cells.begin(), cells.end(),
                             [&name](const auto& entry) { return entry.first == name; });
      }
      if (found != cells.end()) {
        row += found->second;
        next = static_cast<std::size_t>(found - cells.begin()) + 1;
      }
      row += ',';
    }
    row += point.on_front ? "true," : "false,";
    sink(row + csv_field(point.reason) + "\n");
  }
}

std::string sweep_values(const SweepOutput& sweep, std::string_view format) {
  if (format == "json") {
    Json json = head_json(sweep);
    json["points"] = Json::array();
    for (const SweepPoint& point : sweep.points) {
      json["points"].push_back({{"values", values_json(sweep, point)}});
    }
    return to_text(json);
  }
  std::string text;
  if (format == "csv") {
    for (const std::string& path : sweep.paths) {
      text += (text.empty() ? "" : ",") + csv_field(path);
    }
    text += '\n';
    for (const SweepPoint& point : sweep.points) {
      std::string row = values_row(point);
      row.back() = '\n';
      text += row;
    }
    return text;
  }
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < sweep.paths.size(); ++i) {
    widths.push_back(columns(sweep.paths[i]));
    for (const SweepPoint& point : sweep.points) {
      widths.back() = std::max(widths.back(), columns(printable(point.values[i])));
    }
  }
  const auto add_row = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      text += fmt::format("{}{}", format == "markdown" ? "| " : "  ",
                          pad_left(printable(cells[i]), widths[i]));
      text += format == "markdown" ? " " : "";
    }
    text += format == "markdown" ? "|\n" : "\n";
  };
  add_row(sweep.paths);
  if (format == "markdown") {
    for (const std::size_t width : widths) {
      text += "|" + std::string(width + 1, '-') + ":";
    }
    text += "|\n";
  }
  for (const SweepPoint& point : sweep.points) {
    add_row(point.values);
  }
  return text;
}

}  // namespace penstock::output
