#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "sim/core/math.h"
#include "tools/output/text.h"
#include "tools/report/html.h"
#include "tools/report/page.h"

namespace penstock::report {
namespace {

constexpr double sketch_width = 720;
constexpr double sketch_height = 200;
constexpr std::size_t most_points = 200;  // a line; more would not be seen

/// Numbers to places: the least to 0, the greatest to 1.
struct Scale {
  bool is_log = false;
  double low = 1e300;
  double high = -1e300;

  void take(double value) {
    if (!is_log || value > 0) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  bool holds(double value) const { return !is_log || value > 0; }
  double place(double value) const {
    if (high <= low) {
      return 0.5;
    }
    return is_log ? math::log(value / low) / math::log(high / low) : (value - low) / (high - low);
  }
};

std::size_t column_of(const Data& data, const std::string& name) {
  const auto found = std::find_if(data.columns.begin(), data.columns.end(),
                                  [&](const Column& column) { return column.name == name; });
  return static_cast<std::size_t>(found - data.columns.begin());
}

/// The rows in which both columns are numbers that the scales hold.
std::vector<std::pair<double, double>> numbers(const Data& data, std::size_t x, std::size_t y,
                                               const Scale& across, const Scale& up) {
  std::vector<std::pair<double, double>> out;
  for (const Json& row : data.rows) {
    if (row.at(x).is_number() && row.at(y).is_number() && across.holds(row[x].get<double>()) &&
        up.holds(row[y].get<double>())) {
      out.emplace_back(row[x].get<double>(), row[y].get<double>());
    }
  }
  return out;
}

std::string label(double x, double y, const char* anchor, std::string_view text) {
  return fmt::format("<text class=\"label\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>", x, y,
                     anchor, escape(text));
}

}  // namespace

std::string draw_sketch(const Sketch& sketch, const Data& data) {
  Scale across{sketch.log_x};
  Scale up{sketch.log_y};
  const std::size_t x = column_of(data, sketch.x);
  for (const auto& [name, color] : sketch.lines) {
    for (const auto& [a, b] : numbers(data, x, column_of(data, name), across, up)) {
      across.take(a);
      up.take(b);
    }
  }
  if (across.high < across.low) {
    return "";
  }
  up.low = sketch.log_y ? up.low : std::min(up.low, 0.0);
  std::string out =
      fmt::format("<svg class=\"sketch\" viewBox=\"0 -14 {} {}\" aria-hidden=\"true\">",
                  sketch_width, sketch_height + 34);
  for (const auto& [name, color] : sketch.lines) {
    const auto points = numbers(data, x, column_of(data, name), across, up);
    const std::size_t step = points.size() / most_points + 1;
    std::string path;
    for (std::size_t i = 0; i < points.size(); i += step) {
      const double left = across.place(points[i].first) * sketch_width;
      const double top = (1 - up.place(points[i].second)) * sketch_height;
      path += sketch.points
                  ? fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>", left, top)
                  : fmt::format("{:.1f},{:.1f} ", left, top);
    }
    out += sketch.points ? fmt::format("<g fill=\"var(--{})\">{}</g>", color, path)
                         : fmt::format(
                               "<polyline fill=\"none\" stroke-width=\"1.5\" "
                               "stroke=\"var(--{})\" points=\"{}\"/>",
                               color, path);
  }
  out += label(0, -3, "start", output::figure(up.high));
  out += label(0, sketch_height + 14, "start", output::figure(across.low));
  out += label(sketch_width, sketch_height + 14, "end", output::figure(across.high));
  return out + "</svg>";
}

}  // namespace penstock::report
