#include <fmt/format.h>

#include <algorithm>

#include "tools/output/sweep_output.h"
#include "tools/output/text.h"

namespace penstock::output {
namespace {

constexpr std::size_t screen_width = 100;
constexpr std::size_t most_rows = 500;
constexpr std::size_t longest_value = 24;

/// `text` in at most `width` columns, an ellipsis at the end where something is missing.
std::string clipped(const std::string& text, std::size_t width) {
  if (columns(text) <= width) {
    return text;
  }
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts = (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
    if (starts && columns(out) + 1 >= width) {
      break;
    }
    out += text[i];
  }
  return out + "…";
}

using Format = std::string (*)(double);
std::string figure_text(double value) { return figure(value); }
std::string short_percent(double value) {
  std::string text = percent(value);
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  return text;
}

/// A column of figures: two lines of heading.
struct ColumnKind {
  SweepFigure figure;
  std::string_view top;  ///< "$" stands for the currency
  std::string_view bottom;
  Format format = figure_text;
  int rank = 0;  ///< the highest go first where the screen is too narrow
};

constexpr std::array kinds{
    ColumnKind{SweepFigure::requests_per_s, "", "req/s"},
    ColumnKind{SweepFigure::output_tokens_per_s, "output", "tok/s"},
    ColumnKind{SweepFigure::ttft_p50_ms, "TTFT ms", "p50", figure_text, 2},
    ColumnKind{SweepFigure::ttft_p99_ms, "TTFT ms", "p99"},
    ColumnKind{SweepFigure::tpot_p50_ms, "TPOT ms", "p50", figure_text, 3},
    ColumnKind{SweepFigure::tpot_p99_ms, "TPOT ms", "p99"},
    ColumnKind{SweepFigure::attainment, "SLO", "good", short_percent},
    ColumnKind{SweepFigure::input_cost, "$/M", "input"},
    ColumnKind{SweepFigure::cached_cost, "$/M", "cached", figure_text, 1},
    ColumnKind{SweepFigure::output_cost, "$/M", "output"},
    ColumnKind{SweepFigure::kv_peak, "KV", "peak", short_percent, 4},
};

/// A column, written out.
struct Column {
  std::string heading;  ///< `top`, unless the column before says it for both
  std::string top;
  std::string bottom;
  std::vector<std::string> cells;   ///< by point
  std::vector<std::string> widths;  ///< half widths by point, for several runs
  int rank = 0;

  std::size_t width() const {
    std::size_t width = std::max(columns(top), columns(bottom));
    for (const std::vector<std::string>* list : {&cells, &widths}) {
      for (const std::string& cell : *list) {
        width = std::max(width, columns(cell));
      }
    }
    return width + 2;
  }
};

std::size_t total_width(const std::vector<Column>& list) {
  std::size_t sum = 0;
  for (const Column& column : list) {
    sum += column.width();
  }
  return sum;
}

/// Draws the screen.
class SweepScreen {
 public:
  SweepScreen(const SweepOutput& sweep, bool color, bool ascii)
      : sweep_(sweep),
        color_(color),
        ascii_(ascii),
        rows_(std::min(sweep.points.size(), most_rows)) {
    add_values();
    add_figures();
  }

  std::string draw() {
    title();
    header();
    bool marked = false;
    for (std::size_t i = 0; i < rows_; ++i) {
      row(i);
      marked = marked || sweep_.points[i].on_front;
    }
    if (rows_ < sweep_.points.size()) {
      out_ += fmt::format("   … and {} more: -o DIR or --format csv has all\n",
                          group_digits(static_cast<std::int64_t>(sweep_.points.size() - rows_)));
    }
    if (marked) {
      out_ +=
          fmt::format(" {} no other point is both cheaper per token and faster (median request)\n",
                      mark("◆", 32));
    }
    out_ += sweep_chart(sweep_, ascii_);
    cheapest();
    return std::move(out_);
  }

 private:
  std::string mark(std::string_view sign, int color) const {
    return color_ ? fmt::format("\x1b[{}m{}\x1b[0m", color, sign) : std::string(sign);
  }

  void add_values() {
    const std::vector<std::string> names = short_names(sweep_.paths);
    for (std::size_t d = 0; d < names.size(); ++d) {
      Column column;
      column.bottom = clipped(printable(names[d]), longest_value);
      for (std::size_t i = 0; i < rows_; ++i) {
        column.cells.push_back(clipped(printable(sweep_.points[i].values[d]), longest_value));
        column.widths.emplace_back(sweep_.runs > 1 && d + 1 == names.size() ? "±" : "");
      }
      values_.push_back(std::move(column));
    }
  }

  void add_figures() {
    for (const ColumnKind& kind : kinds) {
      Column column;
      column.rank = kind.rank;
      column.heading = kind.top == "$/M" ? currency_sign(sweep_.currency) + "/M" : kind.top;
      column.bottom = kind.bottom;
      bool known = false;
      for (std::size_t i = 0; i < rows_; ++i) {
        const SweepPoint& point = sweep_.points[i];
        const auto value = at(point.figures, kind.figure);
        const auto width = at(point.half_widths, kind.figure);
        known = known || value;
        column.cells.push_back(value ? kind.format(*value) : "-");
        column.widths.push_back(width ? kind.format(*width) : "");
      }
      if (known) {
        figures_.push_back(std::move(column));
      }
    }
    set_tops();
    // The least telling columns give way.
    for (int rank = 4; rank > 0; --rank) {
      if (3 + total_width(values_) + total_width(figures_) > screen_width) {
        std::erase_if(figures_, [rank](const Column& column) { return column.rank == rank; });
        set_tops();
      }
    }
  }

  void set_tops() {
    for (std::size_t i = 0; i < figures_.size(); ++i) {
      Column& column = figures_[i];
      const bool repeats =
          i > 0 && column.heading.ends_with("ms") && column.heading == figures_[i - 1].heading;
      column.top = repeats ? "" : column.heading;
    }
  }

  void title() {
    const auto count = [](std::size_t n) { return group_digits(static_cast<std::int64_t>(n)); };
    out_ = fmt::format("sweep of {} · {} {} points{} · seed {}\n", printable(sweep_.workload),
                       sweep_.is_sample ? "Latin hypercube of" : "grid of", count(sweep_.total),
                       sweep_.runs > 1 ? fmt::format(" × {} runs, ± 95 %", sweep_.runs) : "",
                       sweep_.seed);
    if (sweep_.points.size() < sweep_.total) {
      out_ += fmt::format(" {} not complete: {} of {} points\n", mark("!", 31),
                          count(sweep_.points.size()), count(sweep_.total));
    }
  }

  void header() {
    for (const bool top : {true, false}) {
      std::string line = "   ";
      for (const std::vector<Column>* list : {&values_, &figures_}) {
        for (const Column& column : *list) {
          line += pad_left(top ? column.top : column.bottom, column.width());
        }
      }
      line.erase(line.find_last_not_of(' ') + 1);
      out_ += line.empty() ? "" : line + "\n";
    }
  }

  void row(std::size_t i) {
    const SweepPoint& point = sweep_.points[i];
    out_ += fmt::format(" {} ", point.on_front ? mark("◆", 32) : " ");
    for (const Column& column : values_) {
      out_ += pad_left(column.cells[i], column.width());
    }
    if (point.status != "ok") {
      const std::size_t used = 7 + total_width(values_);
      const std::size_t room = used + 40 < screen_width ? screen_width - used : 40;
      out_ += fmt::format("  {} {}\n", mark("✗", 31), clipped(printable(point.reason), room));
      return;
    }
    for (const Column& column : figures_) {
      out_ += pad_left(column.cells[i], column.width());
    }
    out_ += '\n';
    if (sweep_.runs > 1) {
      std::string line = "   ";
      for (const std::vector<Column>* list : {&values_, &figures_}) {
        for (const Column& column : *list) {
          line += pad_left(column.widths[i], column.width());
        }
      }
      out_ += line + "\n";
    }
  }

  void cheapest() {
    const bool any_slo = std::any_of(sweep_.points.begin(), sweep_.points.end(),
                                     [](const SweepPoint& p) { return p.meets_slo.has_value(); });
    if (!sweep_.cheapest) {
      out_ += any_slo ? " cheapest: no point meets the SLO\n" : "";
      return;
    }
    const SweepPoint& point = sweep_.points[*sweep_.cheapest];
    const auto money_of = [&](SweepFigure figure) {
      const auto value = at(point.figures, figure);
      return value ? money(*value, sweep_.currency) : std::string("-");
    };
    out_ += fmt::format(" cheapest{}: {} · {} input, {} output, {} all /M\n",
                        any_slo ? " within the SLO" : "", values_text(sweep_, point),
                        money_of(SweepFigure::input_cost), money_of(SweepFigure::output_cost),
                        money_of(SweepFigure::blended_cost));
  }

  const SweepOutput& sweep_;
  bool color_;
  bool ascii_;
  std::size_t rows_;
  std::vector<Column> values_;
  std::vector<Column> figures_;
  std::string out_;
};

}  // namespace

std::string sweep_table(const SweepOutput& sweep, bool color, bool ascii) {
  return SweepScreen(sweep, color, ascii).draw();
}

}  // namespace penstock::output
