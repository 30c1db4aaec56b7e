#include "tools/output/text_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/core/math.h"
#include "tools/output/text.h"

namespace penstock::output {
namespace {

constexpr std::size_t axis_width = 9;  // of the numbers on the left
constexpr std::size_t plot_height = 5;
constexpr double log_from = 50;  // highest / lowest, from which a scale is logarithmic

struct Glyphs {
  std::array<const char*, 9> parts;  ///< none, an eighth, ..., all of a character
  const char* axis;
  const char* tick;
  const char* missing;
};
constexpr Glyphs blocks{{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}, "│", "┤", "×"};
constexpr Glyphs plain{{" ", "_", ".", ".", ":", ":", "+", "+", "#"}, "|", "+", "x"};

/// One metric: a title, the bars, the values below.
class Panel {
 public:
  Panel(const BarPlot& plot, bool ascii) : plot_(plot), glyphs_(ascii ? plain : blocks) {
    for (const std::optional<double>& value : plot.values) {
      if (value) {
        high_ = std::max(high_, *value);
        low_ = std::min(low_, *value);
      }
    }
    is_log_ = low_ > 0 && high_ > log_from * low_;
    slot_ =
        std::clamp<std::size_t>(most_bars / std::max<std::size_t>(plot.values.size(), 1), 1, 12);
  }

  std::vector<std::string> draw() {
    if (high_ <= 0) {
      return {};
    }
    lines_.push_back(std::string(axis_width, ' ') + plot_.title + (is_log_ ? " (log)" : ""));
    bars();
    labels();
    return std::move(lines_);
  }

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
      std::string text =
          pad_left(number, axis_width - 2) + " " + (number.empty() ? glyphs_.axis : glyphs_.tick);
      for (const std::optional<double>& value : plot_.values) {
        const std::size_t reached = value ? level(*value) : 0;
        const std::size_t part =
            reached > line * 8 ? std::min<std::size_t>(reached - line * 8, 8) : 0;
        const std::string block = !value && line == 0 ? glyphs_.missing : glyphs_.parts[part];
        const std::size_t bar = slot_ > 2 ? std::min<std::size_t>(slot_ - 1, 6) : slot_;
        for (std::size_t i = 0; i < slot_; ++i) {
          text += i < bar ? block : " ";
        }
      }
      lines_.push_back(std::move(text));
    }
  }

  /// As many labels below the bars as have room.
  void labels() {
    std::string text(axis_width, ' ');
    for (std::size_t i = 0; i < plot_.labels.size(); ++i) {
      const std::string& label = plot_.labels[i];
      const std::size_t start = axis_width + i * slot_;
      const bool fits = !label.empty() && start + columns(label) <= plot_columns;
      const bool is_free =
          columns(text) <= start && (i == 0 || columns(text) < start || text.ends_with(' '));
      if (fits && is_free) {
        text = pad_right(text, start) + label;
        text += ' ';
      }
    }
    lines_.push_back(std::move(text));
  }

  const BarPlot& plot_;
  const Glyphs& glyphs_;
  double high_ = 0;
  double low_ = 1e300;
  bool is_log_ = false;
  std::size_t slot_ = 1;
  std::vector<std::string> lines_;
};

/// Shares of values in bins of equal ratios between the lowest and the highest.
BarPlot distribution(const std::string& name, const std::vector<double>& values) {
  BarPlot plot;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  constexpr std::size_t bins = 36;
  plot.title = name + ", share of requests";
  if (values.empty() || *low <= 0) {
    return plot;
  }
  const double width = *high > *low ? math::log(*high / *low) / bins : 1;
  std::vector<std::size_t> counts(bins, 0);
  for (const double value : values) {
    const auto bin = static_cast<std::size_t>(math::log(value / *low) / width);
    ++counts[std::min(bin, bins - 1)];
  }
  for (std::size_t b = 0; b < bins; ++b) {
    plot.values.emplace_back(static_cast<double>(counts[b]) / static_cast<double>(values.size()));
    const double edge = *low * math::exp(width * static_cast<double>(b));
    plot.labels.push_back(b % 6 == 0 ? figure(edge) : "");
  }
  return plot;
}

}  // namespace

std::vector<std::string> draw_bars(const BarPlot& plot, bool ascii) {
  return Panel(plot, ascii).draw();
}

std::string side_by_side(const std::vector<std::vector<std::string>>& plots) {
  std::string out;
  for (std::size_t i = 0; i < plots.size(); i += 2) {
    for (std::size_t line = 0; line < plots[i].size(); ++line) {
      std::string text = " " + plots[i][line];
      if (i + 1 < plots.size()) {
        text = pad_right(text, plot_columns + 1) + plots[i + 1][line];
      }
      text.erase(text.find_last_not_of(' ') + 1);
      out += text + "\n";
    }
  }
  return out;
}

std::string latency_plots(const RunOutput& run, bool ascii) {
  std::array<std::vector<double>, 3> values;
  for (const RequestRecord& one : run.result.requests) {
    if (one.status != RequestStatus::completed || one.arrival < run.scenario.workload.warmup) {
      continue;
    }
    const auto ttft = static_cast<double>((one.first_token - one.arrival).ps);
    const auto latency = static_cast<double>((one.finish - one.arrival).ps);
    values[0].push_back(to_milliseconds(ttft));
    if (one.output_tokens > 1) {
      values[1].push_back(to_milliseconds((latency - ttft) / (one.output_tokens - 1)));
    }
    values[2].push_back(to_milliseconds(latency) / 1000);
  }
  std::vector<std::vector<std::string>> plots;
  constexpr std::array names{"TTFT ms", "TPOT ms", "latency s"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto lines = draw_bars(distribution(names[i], values[i]), ascii);
    if (!lines.empty()) {
      plots.push_back(std::move(lines));
    }
  }
  return side_by_side(plots);
}

}  // namespace penstock::output
