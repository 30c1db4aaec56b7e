#include "tools/validation/scatter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "sim/core/math.h"
#include "tools/report/html.h"

namespace penstock {
namespace {

constexpr double side = 420;
constexpr double left = 70;
constexpr double top = 40;
// Told apart by most eyes: Okabe and Ito's colours, then grey tones.
constexpr std::array<std::string_view, 10> colors{"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                  "#E69F00", "#56B4E9", "#000000", "#999999",
                                                  "#8B4513", "#6A5ACD"};

/// Both axes: from one power of ten to another.
struct LogAxis {
  double low = 1;
  double high = 10;

  void take(double value) {
    while (value < low) {
      low /= 10;
    }
    while (value > high) {
      high *= 10;
    }
  }
  double place(double value) const { return math::log(value / low) / math::log(high / low); }
  double x(double value) const { return left + side * place(value); }
  double y(double value) const { return top + side * (1 - place(value)); }
};

LogAxis axis_of(const std::vector<ScatterGroup>& groups) {
  LogAxis axis;
  double least = 1e300;
  for (const ScatterGroup& group : groups) {
    for (const Compared& point : group.points) {
      least = std::min({least, point.measured, point.simulated});
    }
  }
  while (least < 1e300 && axis.low * 10 <= least) {
    axis.low *= 10;
    axis.high *= 10;
  }
  for (const ScatterGroup& group : groups) {
    for (const Compared& point : group.points) {
      axis.take(point.measured);
      axis.take(point.simulated);
    }
  }
  return axis;
}

/// y = factor x, as far as it is within the square.
std::string line(const LogAxis& axis, double factor, std::string_view style) {
  const double from = factor < 1 ? axis.low / factor : axis.low;
  const double to = factor > 1 ? axis.high / factor : axis.high;
  return fmt::format("<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" {}/>\n", axis.x(from),
                     axis.y(from * factor), axis.x(to), axis.y(to * factor), style);
}

std::string grid(const LogAxis& axis) {
  std::string out;
  for (double tick = axis.low; tick <= axis.high * 1.001; tick *= 10) {
    const double x = axis.x(tick);
    const double y = axis.y(tick);
    out += fmt::format("<path d=\"M{0:.1f} {1}V{2}M{3} {4:.1f}H{5}\" stroke=\"#ddd\"/>\n", x, top,
                       top + side, left, y, left + side);
    out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:g}</text>\n", x,
                       top + side + 16, tick);
    out += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:g}</text>\n", left - 6,
                       y + 4, tick);
  }
  return out;
}

}  // namespace

std::string scatter_svg(const std::string& title, const std::vector<ScatterGroup>& given) {
  std::vector<ScatterGroup> groups = given;
  for (ScatterGroup& group : groups) {
    std::erase_if(group.points,
                  [](const Compared& p) { return !(p.measured > 0) || !(p.simulated > 0); });
  }
  const LogAxis axis = axis_of(groups);
  const double width = left + side + 250;
  const double height = top + side + 50;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n"
      "<text x=\"{2}\" y=\"22\" font-size=\"15\">{3}</text>\n",
      width, height, left, report::escape(title));
  out += grid(axis);
  out += line(axis, 1, "stroke=\"#444\"");
  out += line(axis, 1.2, "stroke=\"#aaa\" stroke-dasharray=\"4 3\"");
  out += line(axis, 1 / 1.2, "stroke=\"#aaa\" stroke-dasharray=\"4 3\"");
  double row = top + 10;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const std::string_view color = colors[g % colors.size()];
    out += fmt::format("<g fill=\"{}\" fill-opacity=\"0.7\">\n", color);
    for (const Compared& point : groups[g].points) {
      out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>\n", axis.x(point.measured),
                         axis.y(point.simulated));
    }
    out += "</g>\n";
    out += fmt::format(
        "<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text>\n",
        left + side + 16, row, color, left + side + 26, row + 4, report::escape(groups[g].name));
    row += 18;
  }
  out += fmt::format(
      "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">measured; dashed: 20 % off</text>\n"
      "<text transform=\"translate(18 {}) rotate(-90)\" text-anchor=\"middle\">simulated</text>\n"
      "</svg>\n",
      left + side / 2, top + side + 38, top + side / 2);
  return out;
}

}  // namespace penstock
