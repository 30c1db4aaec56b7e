#include "tools/validation/systems.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "tools/validation/families.h"
#include "tools/validation/scatter.h"

namespace penstock {
namespace {

constexpr std::size_t worst_shown = 5;

/// Errors of a family by metric, in order of first appearance.
std::vector<std::pair<std::string, std::vector<Compared>>> by_metric(const ComparedFamily& family) {
  std::vector<std::pair<std::string, std::vector<Compared>>> out;
  for (const ComparedPoint& point : family.points) {
    for (const ComparedMetric& metric : point.metrics) {
      auto found = std::find_if(out.begin(), out.end(),
                                [&](const auto& one) { return one.first == metric.name; });
      if (found == out.end()) {
        found = out.insert(found, {metric.name, {}});
      }
      found->second.push_back(metric.value);
    }
  }
  return out;
}

std::string error_summary(const std::vector<ComparedFamily>& families) {
  std::string out =
      "| source | metric | points | median abs. error % | p90 % | bias % |\n"
      "|---|---|---:|---:|---:|---:|\n";
  for (const ComparedFamily& family : families) {
    for (const auto& [metric, pairs] : by_metric(family)) {
      const ErrorStats stats = error_stats(pairs);
      out += fmt::format("| {} | {} | {} | {:.1f} | {:.1f} | {:+.1f} |\n", family.title, metric,
                         stats.count, 100 * stats.median, 100 * stats.p90, 100 * stats.bias);
    }
  }
  return out;
}

// ---- Over all families --------------------------------------------------------------------------

using Picks = bool (*)(const ComparedPoint&);

/// Errors over all families, and what they are meant to be at most.
struct Total {
  std::string_view what;
  std::initializer_list<std::string_view> metrics;
  Picks picks;
  double median;
  double p90;  ///< 0: not asked
};

bool any_point(const ComparedPoint&) { return true; }
bool has_experts(const ComparedPoint& point) { return point.has_experts; }
bool is_dense_of_old(const ComparedPoint& point) {
  return !point.has_experts && (point.gpu.starts_with("A100") || point.gpu.starts_with("H"));
}

std::string total_row(const Total& total, const std::vector<ComparedFamily>& families) {
  std::vector<Compared> pairs;
  for (const ComparedFamily& family : families) {
    for (const ComparedPoint& point : family.points) {
      for (const ComparedMetric& metric : point.metrics) {
        const bool wanted = std::find(total.metrics.begin(), total.metrics.end(), metric.name) !=
                            total.metrics.end();
        if (family.counted && wanted && total.picks(point)) {
          pairs.push_back(metric.value);
        }
      }
    }
  }
  const ErrorStats stats = error_stats(pairs);
  return fmt::format("| {} | {} | {:.1f} | {:.0f} | {:.1f} | {} |\n", total.what, stats.count,
                     100 * stats.median, total.median, 100 * stats.p90,
                     total.p90 > 0 ? fmt::format("{:.0f}", total.p90) : "");
}

std::string totals(const std::vector<ComparedFamily>& families) {
  constexpr std::string_view output = "output tok/s";
  const Total all[] = {
      {"throughput", {output}, any_point, 10, 25},
      {"throughput, dense, A100, H100 and H200", {output}, is_dense_of_old, 7, 0},
      {"throughput, experts", {output}, has_experts, 15, 0},
      {"time per output token",
       {"mean TPOT ms", "median TPOT ms", "mean ITL ms", "median ITL ms"},
       any_point,
       8,
       0},
      {"time to first token", {"mean TTFT ms", "median TTFT ms"}, any_point, 20, 0}};
  std::string out =
      "| all families | points | median abs. error % | aim | p90 % | aim |\n"
      "|---|---:|---:|---:|---:|---:|\n";
  for (const Total& total : all) {
    out += total_row(total, families);
  }
  return out + "\n";
}

std::string row_of(const std::string& where, const ComparedPoint& point,
                   const ComparedMetric& metric) {
  return fmt::format("| {} | {} | {} | {:.2f} | {:.2f} | {} |\n", where, point.label, metric.name,
                     metric.value.measured, metric.value.simulated, error_text(metric.value));
}

std::string worst_points(const std::vector<ComparedFamily>& families) {
  std::vector<std::pair<double, std::string>> rows;
  for (const ComparedFamily& family : families) {
    for (const ComparedPoint& point : family.points) {
      for (const ComparedMetric& metric : point.metrics) {
        rows.emplace_back(std::fabs(metric.value.error()), row_of(family.title, point, metric));
      }
    }
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string out =
      "| source | point | metric | measured | simulated | error % |\n"
      "|---|---|---|---:|---:|---:|\n";
  for (std::size_t i = 0; i < std::min(worst_shown, rows.size()); ++i) {
    out += rows[i].second;
  }
  return out;
}

bool has_same_metrics(const ComparedPoint& a, const ComparedPoint& b) {
  return std::equal(a.metrics.begin(), a.metrics.end(), b.metrics.begin(), b.metrics.end(),
                    [](const auto& x, const auto& y) { return x.name == y.name; });
}

/// The points that have the same metrics as `first`, one line each.
std::string table_like(const ComparedPoint& first, const std::vector<ComparedPoint>& points) {
  std::string out = "\n| point |";
  std::string line = "|---|";
  for (const ComparedMetric& metric : first.metrics) {
    out += fmt::format(" {} | simulated | error % |", metric.name);
    line += "---:|---:|---:|";
  }
  out += "\n" + line + "\n";
  for (const ComparedPoint& point : points) {
    if (!has_same_metrics(first, point)) {
      continue;
    }
    out += fmt::format("| {} |", point.label);
    for (const ComparedMetric& metric : point.metrics) {
      out += fmt::format(" {:.2f} | {:.2f} | {} |", metric.value.measured, metric.value.simulated,
                         error_text(metric.value));
    }
    out += "\n";
  }
  return out;
}

/// A table for each set of metrics.
std::string all_points(const ComparedFamily& family) {
  std::string out;
  for (auto point = family.points.begin(); point != family.points.end(); ++point) {
    const bool is_new = std::none_of(family.points.begin(), point, [&](const ComparedPoint& one) {
      return has_same_metrics(one, *point);
    });
    if (is_new) {
      out += table_like(*point, family.points);
    }
  }
  return out;
}

/// "repository:file@0123456789abcdef" -> "repository @01234567": enough to find it.
std::string short_source(const std::string& source) {
  const std::size_t at = source.find('@');
  return at == std::string::npos ? source
                                 : source.substr(0, source.find(':')) + " " +
                                       source.substr(at, sizeof("@01234567") - 1);
}

std::string left_out(const std::vector<PublishedPoint>& points) {
  std::map<std::pair<std::string, std::string>, std::size_t> skipped;
  for (const PublishedPoint& point : points) {
    if (const std::string_view reason = why_not(point); !reason.empty()) {
      ++skipped[{short_source(point.source), std::string(reason)}];
    }
  }
  std::string out = "| source | points | why |\n|---|---:|---|\n";
  for (const auto& [what, count] : skipped) {
    out += fmt::format("| {} | {} | {} |\n", what.first, count, what.second);
  }
  return out;
}

}  // namespace

namespace {

/// A plot of some metrics of all families.
struct Plot {
  const char* file;
  const char* title;
  std::initializer_list<std::string_view> metrics;
};

std::string draw(const Plot& plot, const std::vector<ComparedFamily>& families,
                 std::vector<ReportImage>& images) {
  std::vector<ScatterGroup> groups;
  for (const ComparedFamily& family : families) {
    ScatterGroup group{family.title, {}};
    for (const ComparedPoint& point : family.points) {
      for (const ComparedMetric& metric : point.metrics) {
        const bool is_wanted =
            std::find(plot.metrics.begin(), plot.metrics.end(), metric.name) != plot.metrics.end();
        if (is_wanted) {
          group.points.push_back(metric.value);
        }
      }
    }
    if (!group.points.empty()) {
      groups.push_back(std::move(group));
    }
  }
  images.push_back({plot.file, scatter_svg(plot.title, groups)});
  return fmt::format("![{}](images/{})\n", plot.title, plot.file);
}

std::string draw_plots(const std::vector<ComparedFamily>& families,
                       std::vector<ReportImage>& images) {
  const Plot plots[] = {
      {"validation-throughput.svg", "Output tokens per second", {"output tok/s"}},
      {"validation-tpot.svg",
       "Time per output token (TPOT, ITL), ms",
       {"mean TPOT ms", "median TPOT ms", "mean ITL ms", "median ITL ms"}},
      {"validation-ttft.svg", "Time to first token, ms", {"mean TTFT ms", "median TTFT ms"}}};
  std::string out = "\n";
  for (const Plot& plot : plots) {
    out += draw(plot, families, images);
  }
  return out;
}

}  // namespace

std::string systems_section(const std::filesystem::path& measured_end_to_end_csv,
                            std::vector<ReportImage>& images) {
  const std::vector<PublishedPoint> points = read_published_points(measured_end_to_end_csv);
  const std::vector<ComparedFamily> families = compare_families(points);
  std::string out = totals(families) + error_summary(families) + draw_plots(families, images);
  out += fmt::format("\nThe {} largest errors of all:\n\n", worst_shown) + worst_points(families);
  for (const ComparedFamily& family : families) {
    if (!family.assumptions.empty()) {
      out += fmt::format("\n**{}.** {}\n", family.title, family.assumptions);
    }
    if (family.listed) {
      out += all_points(family);
    }
  }
  return out + "\nLeft out (power and energy stand in 2d, makespan is compared nowhere):\n\n" +
         left_out(points);
}

}  // namespace penstock
