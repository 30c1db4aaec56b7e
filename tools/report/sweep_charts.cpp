#include "tools/report/sweep_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tools/output/sweep_output.h"
#include "tools/output/text.h"
#include "tools/report/options.h"
#include "tools/report/result_files.h"
#include "tools/report/run_report.h"

namespace penstock::report {
namespace {

/// The key that charts run along: the first with several values.
std::size_t main_dimension(const Sweep& sweep) {
  for (std::size_t d = 0; d < sweep.paths.size(); ++d) {
    if (sweep.values_of(d).size() > 1) {
      return d;
    }
  }
  return 0;
}

bool all_powers_of_two(const std::vector<Json>& values) {
  return std::all_of(values.begin(), values.end(), [](const Json& value) {
    int exponent = 0;
    return std::frexp(value.get<double>(), &exponent) == 0.5;
  });
}

/// The values of all other keys, as the name of a line.
std::string line_name(const Sweep& sweep, const Json& point, std::size_t without) {
  std::string name;
  for (std::size_t d = 0; d < sweep.paths.size(); ++d) {
    if (d != without) {
      name += fmt::format("{}{} {}", name.empty() ? "" : ", ", sweep.names[d],
                          value_text(point.at("values").at(sweep.paths[d])));
    }
  }
  return name.empty() ? "all points" : name;
}

/// One row a value of the main key, one column a line and metric.
struct Lines {
  std::vector<std::string> names;
  bool is_cut = false;                                     ///< there are more
  std::map<std::string, std::vector<std::size_t>> points;  ///< by line
};

Lines lines_of(const Sweep& sweep, std::size_t dimension) {
  constexpr std::size_t most_lines = 8;
  Lines lines;
  for (std::size_t i = 0; i < sweep.shown(); ++i) {
    const std::string name = line_name(sweep, sweep.points()[i], dimension);
    if (lines.points.count(name) == 0) {
      if (lines.names.size() == most_lines) {
        lines.is_cut = true;
        continue;
      }
      lines.names.push_back(name);
    }
    lines.points[name].push_back(i);
  }
  return lines;
}

constexpr std::array<std::size_t, 6> landscape_metrics{2, 4, 3, 7, 8, 0};

struct LineSet {
  std::size_t dimension;
  const std::vector<Json>& values;  ///< of it
  const Lines& lines;
};

/// Adds a column and a series a line; whether any point has the metric.
bool add_metric(const Sweep& sweep, const LineSet& set, const SweepMetric& metric, Data& data,
                Json& series) {
  const auto& [dimension, values, lines] = set;
  bool known = false;
  for (std::size_t l = 0; l < lines.names.size(); ++l) {
    const std::string& name = lines.names[l];
    data.columns.push_back({fmt::format("{} {}", metric.label, name),
                            fmt::format("{}: {}", metric.label, name), metric.unit});
    for (Json& row : data.rows) {
      row.push_back(nullptr);
    }
    for (const std::size_t i : lines.points.at(name)) {
      const Json& at = sweep.points()[i].at("values").at(sweep.paths[dimension]);
      const auto row = std::find(values.begin(), values.end(), at) - values.begin();
      if (const auto number = sweep.number(i, metric.pointer)) {
        data.rows[static_cast<std::size_t>(row)].back() = rounded(*number);
        known = true;
      }
    }
    series.push_back(line_series(name, 0, data.columns.size() - 1, class_color(l), metric.unit));
    series.back()["showSymbol"] = values.size() <= 60;
    series.back()["connectNulls"] = true;
  }
  return known;
}

void add_lines(const Sweep& sweep, std::size_t dimension, Page& page) {
  const std::vector<Json> values = sweep.values_of(dimension);
  const bool numeric = all_numbers(values);
  const Lines lines = lines_of(sweep, dimension);
  Chart chart{.id = "landscape",
              .question = fmt::format("What does {} change?", sweep.names[dimension]),
              .data = {.columns = {{sweep.paths[dimension], sweep.names[dimension], ""}}}};
  for (const Json& value : values) {
    chart.data.rows.push_back(Json::array({value}));
  }
  for (const std::size_t m : landscape_metrics) {
    const SweepMetric& metric = sweep_metrics[m];
    Json series = Json::array();
    const bool known = add_metric(sweep, {dimension, values, lines}, metric, chart.data, series);
    if (known) {
      const std::string label =
          metric.is_price ? fmt::format("{} {}/M", metric.label, sweep.sign) : metric.label;
      chart.variants.push_back(
          {metric.label,
           label,
           fmt::format("{} against {}.{}", label, sweep.names[dimension],
                       lines.is_cut ? " The first 8 lines; the points below are all." : ""),
           {{"series", std::move(series)},
            {"yAxis", value_axis(label, metric.is_price ? "money" : metric.unit)}}});
    }
  }
  if (chart.variants.empty()) {
    return;
  }
  Json axis = bottom_axis(sweep.names[dimension], "count", numeric && wants_log(values));
  if (numeric && all_powers_of_two(values)) {
    axis["logBase"] = 2;
  }
  if (!numeric) {
    axis["type"] = "category";
    axis.erase("unit");
  }
  chart.option = {
      {"tooltip", axis_tooltip()}, {"legend", Json::object()}, {"xAxis", std::move(axis)}};
  chart.option.update(chart.variants.front().option);
  chart.answer = chart.variants.front().answer;
  chart.sketch = Sketch{chart.data.columns[0].name,
                        {{chart.data.columns[1].name, "c1"}},
                        numeric && wants_log(values)};
  page.chart(chart);
}

struct Cells {
  Json cells = Json::array();
  double low = 1e300;
  double high = -1e300;
};
struct MapKeys {
  std::size_t x, y;
  const std::vector<Json>& across;
  const std::vector<Json>& up;
};

/// Adds a metric's column to the data, and returns the cells of its map.
Cells add_cells(const Sweep& sweep, const MapKeys& keys, const SweepMetric& metric, Data& data) {
  const auto& [x, y, across, up] = keys;
  Cells found;
  auto& [cells, low, high] = found;
  data.columns.push_back({metric.label, metric.label, metric.unit});
  for (std::size_t i = 0; i < sweep.shown(); ++i) {
    const Json& at = sweep.points()[i].at("values");
    if (data.rows.size() <= i) {
      data.rows.push_back(Json::array({at.at(sweep.paths[x]), at.at(sweep.paths[y])}));
    }
    const auto number = sweep.number(i, metric.pointer);
    data.rows[i].push_back(number ? Json(rounded(*number)) : Json(nullptr));
    if (number) {
      const auto column = std::find(across.begin(), across.end(), at.at(sweep.paths[x]));
      const auto row = std::find(up.begin(), up.end(), at.at(sweep.paths[y]));
      low = std::min(low, *number);
      high = std::max(high, *number);
      cells.push_back(Json::array({column - across.begin(), row - up.begin(), rounded(*number)}));
    }
  }
  return found;
}

/// A map of two keys, coloured by a metric.
void add_map(const Sweep& sweep, std::size_t x, std::size_t y, Page& page) {
  const std::vector<Json> across = sweep.values_of(x);
  const std::vector<Json> up = sweep.values_of(y);
  Chart chart{.id = "map",
              .question = fmt::format("Where is it cheap, where is it fast? {} against {}",
                                      sweep.names[y], sweep.names[x]),
              .use_dataset = false};
  const auto labels = [](const std::vector<Json>& values) {
    Json out = Json::array();
    for (const Json& value : values) {
      out.push_back(value_text(value));
    }
    return out;
  };
  chart.data.columns = {{sweep.paths[x], sweep.names[x], ""}, {sweep.paths[y], sweep.names[y], ""}};
  for (const std::size_t m : landscape_metrics) {
    const SweepMetric& metric = sweep_metrics[m];
    const Cells found = add_cells(sweep, {x, y, across, up}, metric, chart.data);
    if (found.cells.empty()) {
      continue;
    }
    Json scale{{"min", found.low},
               {"max", found.high > found.low ? found.high : found.low + 1},
               {"text", Json::array({output::figure(found.high), output::figure(found.low)})},
               {"calculable", false},
               {"orient", "horizontal"},
               {"left", "center"},
               {"top", 0},
               {"itemHeight", 160},
               {"unit", metric.unit},
               {"inRange", {{"color", Json::array({"$low", "$mid", "$high"})}}}};
    chart.variants.push_back({metric.label,
                              metric.label,
                              fmt::format("{}, from pale (low) to dark (high).", metric.label),
                              {{"visualMap", std::move(scale)},
                               {"series", Json::array({Json{{"type", "heatmap"},
                                                            {"name", metric.label},
                                                            {"data", found.cells},
                                                            {"unit", metric.unit}}})}}});
  }
  if (chart.variants.empty()) {
    return;
  }
  const auto axis = [&](const std::vector<Json>& values, const std::string& name, bool bottom) {
    Json out{{"type", "category"}, {"data", labels(values)}, {"name", name}};
    if (bottom) {
      out["nameLocation"] = "middle";
      out["nameGap"] = 26;
    }
    return out;
  };
  chart.option = {{"tooltip", {{"trigger", "item"}}},
                  {"grid", {{"top", 54}}},
                  {"xAxis", axis(across, sweep.names[x], true)},
                  {"yAxis", axis(up, sweep.names[y], false)}};
  chart.option.update(chart.variants.front().option);
  chart.answer = chart.variants.front().answer;
  page.chart(chart);
}

}  // namespace

std::string value_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

bool all_numbers(const std::vector<Json>& values) {
  return std::all_of(values.begin(), values.end(),
                     [](const Json& value) { return value.is_number(); });
}

bool wants_log(const std::vector<Json>& values) {
  double low = 1e300;
  double high = 0;
  for (const Json& value : values) {
    low = std::min(low, value.get<double>());
    high = std::max(high, value.get<double>());
  }
  return low > 0 && high > 10 * low;
}

std::optional<double> Sweep::number(std::size_t point, const char* pointer) const {
  const Json::json_pointer at(pointer);
  const Json& one = points()[point];
  return one.contains(at) && one.at(at).is_number() ? std::optional(one.at(at).get<double>())
                                                    : std::nullopt;
}

std::optional<bool> Sweep::meets_slo(std::size_t point) const {
  const Json& one = points()[point];
  std::optional<bool> meets;
  if (!one.contains("slo") || !one["slo"].is_object()) {
    return meets;
  }
  const Json classes = one["slo"].value("by_class", Json::object());
  for (const Json& verdict : classes) {
    if (verdict.is_object()) {
      meets = meets.value_or(true) && verdict.value("met", true);
    }
  }
  return meets;
}

std::optional<std::size_t> Sweep::index_of(const Json& values) const {
  for (std::size_t i = 0; i < points().size(); ++i) {
    if (points()[i].at("values") == values) {
      return i;
    }
  }
  return std::nullopt;
}

std::vector<Json> Sweep::values_of(std::size_t dimension) const {
  std::vector<Json> values;
  for (std::size_t i = 0; i < shown(); ++i) {
    const Json& value = points()[i].at("values").at(paths[dimension]);
    if (std::find(values.begin(), values.end(), value) == values.end()) {
      values.push_back(value);
    }
  }
  if (all_numbers(values)) {
    std::sort(values.begin(), values.end(),
              [](const Json& a, const Json& b) { return a.get<double>() < b.get<double>(); });
  }
  return values;
}

Sweep read_sweep(const std::filesystem::path& path) {
  Sweep sweep{read_json(path), {}, {}};
  if (!sweep.root.contains("points") || !sweep.root.contains("vary") ||
      sweep.root.value("schema_version", 0) != 1) {
    throw NotAResult("`sweep.json` is of another version of penstock: run it again");
  }
  for (const auto& [path_name, values] : sweep.root["vary"].items()) {
    sweep.paths.push_back(path_name);
  }
  sweep.names = output::short_names(sweep.paths);
  for (const Json& point : sweep.points()) {
    const Json::json_pointer at("/cost/currency");
    if (point.contains(at) && point.at(at).is_string()) {
      sweep.currency = point.at(at).get<std::string>();
      sweep.sign = output::currency_sign(sweep.currency);
      break;
    }
  }
  return sweep;
}

void add_landscape(const Sweep& sweep, Page& page) {
  page.section("shape", "Landscape", "What do the keys change?");
  const std::size_t first = main_dimension(sweep);
  add_lines(sweep, first, page);
  if (sweep.root.value("design", std::string()) == "grid") {
    for (std::size_t d = first + 1; d < sweep.paths.size(); ++d) {
      if (sweep.values_of(d).size() > 1) {
        add_map(sweep, first, d, page);
        break;
      }
    }
  }
}

}  // namespace penstock::report
