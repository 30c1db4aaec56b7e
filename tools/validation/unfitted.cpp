#include "tools/validation/unfitted.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "tools/validation/errors.h"
#include "tools/validation/families.h"
#include "tools/validation/names.h"

namespace penstock {
namespace {

constexpr std::int64_t prompt_tokens = 200;
/// Batches that requests fill on their way in too; beyond, the front end decides.
constexpr std::int64_t largest_usual_batch = 512;

struct SweepPoint {
  std::int64_t batch = 0;
  Compared itl, throughput;
};

/// One model on some GPUs with one task's lengths.
struct Sweep {
  std::string title;
  bool has_experts = false;
  bool is_doubtful = false;
  std::vector<SweepPoint> points;
};

Compared metric_of(const ComparedPoint& point, std::string_view name) {
  const auto found =
      std::find_if(point.metrics.begin(), point.metrics.end(),
                   [&](const ComparedMetric& metric) { return metric.name == name; });
  return found == point.metrics.end() ? Compared{} : found->value;
}

/// These take 17 to 35 ms a token at batch 8 whatever the model, up to six times as long as the
/// same models with chat (5 to 8 ms): the GPU is not what they measure.
bool is_doubtful(const PublishedPoint& point) {
  return point.gpu == "B200" && point.gpus == "1" && point.isl == "dataset:gpqa" &&
         point.weights == "bfloat16";
}

std::vector<Sweep> play(const std::vector<PublishedPoint>& points) {
  std::vector<Sweep> out;
  for (const PublishedPoint& point : points) {
    const std::string title = fmt::format(
        "{}{}, {} × {}, {}", point.model, point.weights == "bfloat16" ? "" : " " + point.weights,
        point.gpus, point.gpu, point.isl.substr(point.isl.find(':') + 1));
    auto sweep =
        std::find_if(out.begin(), out.end(), [&](const Sweep& one) { return one.title == title; });
    if (sweep == out.end()) {
      sweep = out.insert(out.end(), {title, is_moe(point.model), is_doubtful(point), {}});
    }
    const ComparedPoint one = compared("", point, play_batch_sweep(point, prompt_tokens).summary);
    sweep->points.push_back({.batch = first_tokens(point.load),
                             .itl = metric_of(one, "median ITL ms"),
                             .throughput = metric_of(one, "output tok/s")});
  }
  for (Sweep& sweep : out) {
    std::sort(sweep.points.begin(), sweep.points.end(),
              [](const SweepPoint& a, const SweepPoint& b) { return a.batch < b.batch; });
  }
  return out;
}

std::string cells(const std::vector<Compared>& pairs) {
  const ErrorStats stats = error_stats(pairs);
  return fmt::format(" {:.1f} | {:.1f} | {:+.1f} |", 100 * stats.median, 100 * stats.p90,
                     100 * stats.bias);
}

/// Of the points that `wanted` picks.
template <typename Wanted>
std::string row(std::string_view title, const std::vector<Sweep>& sweeps, Wanted wanted) {
  std::vector<Compared> itl;
  std::vector<Compared> throughput;
  for (const Sweep& sweep : sweeps) {
    for (const SweepPoint& point : sweep.points) {
      if (wanted(sweep, point)) {
        itl.push_back(point.itl);
        throughput.push_back(point.throughput);
      }
    }
  }
  return fmt::format("| {} | {} |{}{}\n", title, itl.size(), cells(itl), cells(throughput));
}

std::string point_rows(const Sweep& sweep) {
  std::string out;
  for (const SweepPoint& point : sweep.points) {
    out += fmt::format("| {} | {} | {:.1f} | {:.1f} | {} | {:.0f} | {:.0f} | {} |\n", sweep.title,
                       point.batch, point.itl.measured, point.itl.simulated, error_text(point.itl),
                       point.throughput.measured, point.throughput.simulated,
                       error_text(point.throughput));
  }
  return out;
}

}  // namespace

std::string unfitted_section(const std::filesystem::path& points_csv) {
  const std::vector<Sweep> sweeps = play(read_published_points(points_csv));
  const auto is_usual = [](const SweepPoint& p) { return p.batch <= largest_usual_batch; };
  std::string out =
      "| errors in % | points | ITL, median | p90 | bias | output tok/s, median | p90 | bias |\n"
      "|---|---:|---:|---:|---:|---:|---:|---:|\n";
  out += row("**all but doubtful ones**", sweeps,
             [](const Sweep& s, const SweepPoint&) { return !s.is_doubtful; });
  out += row("dense, batches to 512", sweeps, [&](const Sweep& s, const SweepPoint& p) {
    return !s.is_doubtful && !s.has_experts && is_usual(p);
  });
  out += row("experts, batches to 512", sweeps, [&](const Sweep& s, const SweepPoint& p) {
    return !s.is_doubtful && s.has_experts && is_usual(p);
  });
  out += row("larger batches", sweeps,
             [&](const Sweep& s, const SweepPoint& p) { return !s.is_doubtful && !is_usual(p); });
  out += row("doubtful", sweeps, [](const Sweep& s, const SweepPoint&) { return s.is_doubtful; });
  for (const Sweep& sweep : sweeps) {
    out += row(sweep.title, sweeps,
               [&](const Sweep& s, const SweepPoint&) { return s.title == sweep.title; });
  }
  out +=
      "\n| model and GPUs | batch | ITL ms, measured | simulated | error % | output tok/s, "
      "measured "
      "| simulated | error % |\n|---|---:|---:|---:|---:|---:|---:|---:|\n";
  for (const Sweep& sweep : sweeps) {
    out += point_rows(sweep);
  }
  return out;
}

}  // namespace penstock
