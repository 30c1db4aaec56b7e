#include <fmt/format.h>

#include <algorithm>

#include "sim/core/math.h"
#include "tools/output/sweep_output.h"
#include "tools/output/text.h"

namespace penstock::output {
namespace {

constexpr std::size_t panel_width = 49;
constexpr std::size_t axis_width = 9;  // of the numbers on the left
constexpr std::size_t plot_width = 37;
constexpr std::size_t plot_height = 5;
constexpr double log_from = 50;  // highest / lowest, from which a scale is logarithmic

constexpr std::array<const char*, 9> eighths{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

/// Which points the curve goes through.
struct Curve {
  std::size_t dimension = 0;
  std::vector<const SweepPoint*> points;
};

/// The first key with several values, the others as in the cheapest point, or the first.
Curve find_curve(const SweepOutput& sweep) {
  Curve curve;
  if (sweep.points.empty() || sweep.is_sample) {
    return curve;
  }
  const SweepPoint& anchor = sweep.points[sweep.cheapest.value_or(0)];
  for (std::size_t d = 0; d < sweep.paths.size() && curve.points.size() < 2; ++d) {
    curve = {d, {}};
    for (const SweepPoint& point : sweep.points) {
      bool on_line = true;
      for (std::size_t other = 0; other < sweep.paths.size(); ++other) {
        on_line = on_line && (other == d || point.values[other] == anchor.values[other]);
      }
      if (on_line) {
        curve.points.push_back(&point);
      }
    }
  }
  // A bar needs a column: of more points, evenly spread ones.
  if (curve.points.size() > plot_width) {
    std::vector<const SweepPoint*> some;
    for (std::size_t i = 0; i < plot_width; ++i) {
      some.push_back(curve.points[i * (curve.points.size() - 1) / (plot_width - 1)]);
    }
    curve.points = std::move(some);
  }
  const auto drawn = std::count_if(curve.points.begin(), curve.points.end(),
                                   [](const SweepPoint* p) { return p->status == "ok"; });
  return drawn < 2 ? Curve{} : curve;
}

/// One metric against the varied key: a title, the bars, the values below.
class Panel {
 public:
  Panel(std::string title, SweepFigure figure, const Curve& curve) : curve_(curve) {
    for (const SweepPoint* point : curve.points) {
      values_.push_back(at(point->figures, figure));
      if (values_.back()) {
        high_ = std::max(high_, *values_.back());
        low_ = std::min(low_, *values_.back());
      }
    }
    is_log_ = low_ > 0 && high_ > log_from * low_;
    slot_ = std::clamp<std::size_t>(plot_width / values_.size(), 1, 12);
    lines_.push_back(std::string(axis_width, ' ') + std::move(title) + (is_log_ ? " (log)" : ""));
    bars();
    labels();
  }

  const std::vector<std::string>& lines() const { return lines_; }
  bool is_empty() const { return high_ <= 0; }

 private:
  /// Height of a bar in eighths of a line; something for every number above 0.
  std::size_t level(double value) const {
    const double top = static_cast<double>(plot_height) * 8;
    const double share =
        is_log_ ? math::log(value / low_) / math::log(high_ / low_) : value / high_;
    const auto eighth = static_cast<std::size_t>(std::max(share, 0.0) * top + 0.5);
    return value > 0 ? std::max<std::size_t>(eighth, 1) : eighth;
  }

  void bars() {
    for (std::size_t line = plot_height; line-- > 0;) {
      const bool is_top = line + 1 == plot_height;
      const std::string number = is_top      ? figure(high_)
                                 : line == 0 ? (is_log_ ? figure(low_) : "0")
                                             : std::string();
      std::string text = pad_left(number, axis_width - 2) + (number.empty() ? " │" : " ┤");
      for (const std::optional<double>& value : values_) {
        const std::size_t reached = value && high_ > 0 ? level(*value) : 0;
        const std::size_t part =
            reached > line * 8 ? std::min<std::size_t>(reached - line * 8, 8) : 0;
        const std::string block = !value && line == 0 ? "×" : eighths[part];
        const std::size_t bar = slot_ > 2 ? std::min<std::size_t>(slot_ - 1, 6) : slot_;
        for (std::size_t i = 0; i < slot_; ++i) {
          text += i < bar ? block : " ";
        }
      }
      lines_.push_back(std::move(text));
    }
  }

  /// As many values below the bars as have room.
  void labels() {
    std::string text(axis_width, ' ');
    for (std::size_t i = 0; i < curve_.points.size(); ++i) {
      const std::string label = printable(curve_.points[i]->values[curve_.dimension]);
      const std::size_t start = axis_width + i * slot_;
      const bool fits = start + columns(label) <= panel_width;
      const bool is_free =
          columns(text) <= start && (i == 0 || columns(text) < start || text.ends_with(' '));
      if (fits && is_free) {
        text = pad_right(text, start) + label;
        text += ' ';
      }
    }
    lines_.push_back(std::move(text));
  }

  const Curve& curve_;
  std::vector<std::optional<double>> values_;
  double high_ = 0;
  double low_ = 1e300;
  bool is_log_ = false;
  std::size_t slot_ = 1;
  std::vector<std::string> lines_;
};

std::string title_of(const SweepOutput& sweep, const Curve& curve) {
  const std::vector<std::string> names = short_names(sweep.paths);
  std::string fixed;
  for (std::size_t d = 0; d < names.size(); ++d) {
    if (d != curve.dimension) {
      fixed += fmt::format("{}{} {}", fixed.empty() ? "" : ", ", names[d],
                           curve.points.front()->values[d]);
    }
  }
  return printable(
      fmt::format("against {}{}{}", names[curve.dimension], fixed.empty() ? "" : " at ", fixed));
}

}  // namespace

std::string sweep_chart(const SweepOutput& sweep) {
  const Curve curve = find_curve(sweep);
  if (curve.points.empty()) {
    return "";
  }
  const std::string sign = currency_sign(sweep.currency);
  std::vector<Panel> panels;
  for (const auto& [title, figure] :
       {std::pair(std::string("output tok/s"), SweepFigure::output_tokens_per_s),
        std::pair(std::string("TPOT p50 ms"), SweepFigure::tpot_p50_ms),
        std::pair("input " + sign + "/M", SweepFigure::input_cost),
        std::pair("output " + sign + "/M", SweepFigure::output_cost)}) {
    Panel panel(title, figure, curve);
    if (!panel.is_empty()) {
      panels.push_back(std::move(panel));
    }
  }
  std::string out = fmt::format("\n {}\n", title_of(sweep, curve));
  for (std::size_t i = 0; i < panels.size(); i += 2) {
    for (std::size_t line = 0; line < panels[i].lines().size(); ++line) {
      std::string text = " " + panels[i].lines()[line];
      if (i + 1 < panels.size()) {
        text = pad_right(text, panel_width + 1) + panels[i + 1].lines()[line];
      }
      text.erase(text.find_last_not_of(' ') + 1);
      out += text + "\n";
    }
  }
  return out;
}

}  // namespace penstock::output
