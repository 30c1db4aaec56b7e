#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "tools/explore/compare.h"
#include "tools/output/json_text.h"
#include "tools/output/text.h"

namespace penstock::explore {
namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

std::string signed_figure(double value) {
  return value < 0 ? "-" + output::figure(-value) : output::figure(value);
}

std::string with_interval(const Estimate& value, bool is_difference) {
  std::string text = (is_difference && value.mean > 0 ? "+" : "") + signed_figure(value.mean);
  if (value.half_width > 0) {
    text += " ± " + output::figure(value.half_width);
  }
  return text;
}

std::optional<double> ratio_of(const ComparedMetric& metric) {
  return metric.a.mean != 0 ? std::optional(metric.b.mean / metric.a.mean) : std::nullopt;
}

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::same:
      return "same";
    case Verdict::better:
      return "better";
    case Verdict::worse:
      return "worse";
    case Verdict::none:
      break;
  }
  return "";
}

std::string label_of(const Comparison& comparison, const ComparedMetric& metric) {
  std::string unit = metric.unit;
  if (unit.starts_with('$')) {
    unit.replace(0, 1, output::currency_sign(comparison.currency));
  }
  return unit.empty() ? metric.name : metric.name + " " + unit;
}

Rows rows_of_metrics(const Comparison& comparison) {
  Rows rows{{"", "A", "B", "B - A", "B / A", ""}};
  for (const ComparedMetric& metric : comparison.metrics) {
    const std::optional<double> ratio = ratio_of(metric);
    rows.push_back({label_of(comparison, metric), with_interval(metric.a, false),
                    with_interval(metric.b, false), with_interval(metric.difference, true),
                    ratio ? fmt::format("{:.3f}", *ratio) : "-", to_string(metric.verdict)});
  }
  return rows;
}

Rows changed_rows(const Comparison& comparison) {
  Rows rows{{"scenario", "A", "B"}};
  for (const Comparison::Changed& changed : comparison.changed) {
    rows.push_back({output::printable(changed.path), output::printable(changed.a),
                    output::printable(changed.b)});
  }
  return rows;
}

/// Columns to the left up to `left`, the others to the right.
std::string table(const Rows& rows, std::size_t left, bool color) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], output::columns(row[i]));
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = " ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (color && (row[i] == "better" || row[i] == "worse")) {
        line += fmt::format("\x1b[{}m{}\x1b[0m", row[i] == "better" ? 32 : 31, row[i]);
        continue;
      }
      const bool to_left = i < left || i + 1 == row.size();
      line += to_left ? output::pad_right(row[i], widths[i]) : output::pad_left(row[i], widths[i]);
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string side_text(const char* name, const Comparison::Side& side) {
  return fmt::format("{}  {} ({})", name, output::printable(side.title),
                     output::printable(side.folders.size() == 1
                                           ? side.folders.front()
                                           : fmt::format("{} runs from {}", side.folders.size(),
                                                         side.folders.front())));
}

std::string interval_text(const Comparison& comparison) {
  if (comparison.a.folders.size() == 1 && comparison.b.folders.size() == 1) {
    return "";
  }
  return comparison.paired
             ? "± half of a 95 % interval; the same seeds on both sides: differences are paired"
             : "± half of a 95 % interval";
}

std::string markdown_table(const Rows& rows, std::size_t left) {
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    text += "|";
    for (const std::string& cell : rows[r]) {
      text += " ";
      for (const char c : cell) {
        text += std::string_view("\\|`*_<>[]#").find(c) != std::string_view::npos ? "\\" : "";
        text += c;
      }
      text += " |";
    }
    text += "\n";
    if (r == 0) {
      text += "|";
      for (std::size_t i = 0; i < rows[0].size(); ++i) {
        text += i < left || i + 1 == rows[0].size() ? ":--|" : "--:|";
      }
      text += "\n";
    }
  }
  return text;
}

Json to_json(const Estimate& value, bool has_interval) {
  Json json{{"mean", value.mean}};
  if (has_interval) {
    json["ci95"] = value.half_width;
  }
  return json;
}

}  // namespace

std::string comparison_table(const Comparison& comparison, bool color) {
  std::string text = side_text("A", comparison.a) + "\n" + side_text("B", comparison.b) + "\n";
  text += comparison.changed.empty() ? " the scenarios agree in every key but the seed\n"
                                     : table(changed_rows(comparison), 3, false);
  text += "\n" + table(rows_of_metrics(comparison), 1, color);
  const std::string interval = interval_text(comparison);
  return text + (interval.empty() ? "" : " " + interval + "\n");
}

std::string comparison_markdown(const Comparison& comparison) {
  std::string text =
      "- " + side_text("**A**", comparison.a) + "\n- " + side_text("**B**", comparison.b) + "\n\n";
  if (!comparison.changed.empty()) {
    text += markdown_table(changed_rows(comparison), 3) + "\n";
  }
  text += markdown_table(rows_of_metrics(comparison), 1);
  const std::string interval = interval_text(comparison);
  return text + (interval.empty() ? "" : "\n" + interval + "\n");
}

std::string comparison_json(const Comparison& comparison) {
  Json root;
  root["schema_version"] = 1;
  root["a"] = {{"title", comparison.a.title}, {"folders", comparison.a.folders}};
  root["b"] = {{"title", comparison.b.title}, {"folders", comparison.b.folders}};
  root["paired"] = comparison.paired;
  root["currency"] = comparison.currency;
  root["scenario"] = Json::array();
  for (const Comparison::Changed& changed : comparison.changed) {
    root["scenario"].push_back({{"key", changed.path}, {"a", changed.a}, {"b", changed.b}});
  }
  root["metrics"] = Json::object();
  const bool several_a = comparison.a.folders.size() > 1;
  const bool several_b = comparison.b.folders.size() > 1;
  for (const ComparedMetric& metric : comparison.metrics) {
    const std::optional<double> ratio = ratio_of(metric);
    const std::string verdict = to_string(metric.verdict);
    root["metrics"][metric.path] = {
        {"a", to_json(metric.a, several_a)},
        {"b", to_json(metric.b, several_b)},
        {"difference", to_json(metric.difference, several_a || several_b)},
        {"ratio", ratio ? Json(*ratio) : Json(nullptr)},
        {"verdict", verdict.empty() ? Json(nullptr) : Json(verdict)}};
  }
  root["warnings"] = comparison.warnings;
  return output::to_text(root);
}

}  // namespace penstock::explore
