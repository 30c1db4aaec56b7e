#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "tools/validation/engine_families.h"
#include "tools/validation/errors.h"
#include "tools/validation/names.h"
#include "tools/validation/unfitted.h"

namespace penstock {
namespace {

struct OfflinePoint {
  std::string lengths;  ///< "1000/2000"
  Compared throughput;
};

/// One model on some GPUs with one version of the engine.
struct OfflineTable {
  std::string title;
  std::string gpu;
  bool has_experts = false;
  std::vector<OfflinePoint> points;
};

std::vector<OfflineTable> play_tables(const std::vector<PublishedPoint>& points) {
  std::vector<OfflineTable> out;
  for (const PublishedPoint& point : points) {
    const std::string stages = point.pp == "1" ? "" : fmt::format(" PP{}", point.pp);
    const std::string title = fmt::format("{} {}, {} × {}{}, {}", point.model, point.weights,
                                          point.gpus, point.gpu, stages, offline_version(point));
    auto table = std::find_if(out.begin(), out.end(),
                              [&](const OfflineTable& one) { return one.title == title; });
    if (table == out.end()) {
      table = out.insert(out.end(), {title, point.gpu, is_moe(point.model), {}});
    }
    const std::string lengths = fmt::format("{}/{}", point.isl, point.osl);
    const Run run = play_offline(point, first_tokens(point.isl), first_tokens(point.osl));
    table->points.push_back(
        {lengths,
         {point.metrics.find("output_throughput_total")->second, run.summary.output_tokens_per_s}});
  }
  return out;
}

/// Of the tables that `wanted` picks.
template <typename Wanted>
std::string offline_row(std::string_view title, const std::vector<OfflineTable>& tables,
                        Wanted wanted) {
  std::vector<Compared> pairs;
  for (const OfflineTable& table : tables) {
    for (const OfflinePoint& point : table.points) {
      if (wanted(table)) {
        pairs.push_back(point.throughput);
      }
    }
  }
  const ErrorStats stats = error_stats(pairs);
  return fmt::format("| {} | {} | {:.1f} | {:.1f} | {:+.1f} |\n", title, stats.count,
                     100 * stats.median, 100 * stats.p90, 100 * stats.bias);
}

}  // namespace

std::string unfitted_offline_section(const std::filesystem::path& points_csv) {
  const std::vector<OfflineTable> tables = play_tables(read_published_points(points_csv));
  std::string out =
      "| errors in % | points | output tok/s, median | p90 | bias |\n|---|---:|---:|---:|---:|\n";
  out += offline_row("**all**", tables, [](const OfflineTable&) { return true; });
  out += offline_row("dense", tables, [](const OfflineTable& t) { return !t.has_experts; });
  out += offline_row("experts", tables, [](const OfflineTable& t) { return t.has_experts; });
  for (const char* gpu :
       {"A100-SXM", "A100-PCIe", "L40S", "H100", "H200", "B200", "GB200", "RTXPRO6000"}) {
    out += offline_row(gpu, tables, [&](const OfflineTable& t) { return t.gpu == gpu; });
  }
  for (const OfflineTable& table : tables) {
    out += offline_row(table.title, tables,
                       [&](const OfflineTable& t) { return t.title == table.title; });
  }
  out +=
      "\n| model, GPUs, version | in/out | output tok/s, measured | simulated | error % |\n"
      "|---|---:|---:|---:|---:|\n";
  for (const OfflineTable& table : tables) {
    for (const OfflinePoint& point : table.points) {
      out += fmt::format("| {} | {} | {:.0f} | {:.0f} | {} |\n", table.title, point.lengths,
                         point.throughput.measured, point.throughput.simulated,
                         error_text(point.throughput));
    }
  }
  return out;
}

}  // namespace penstock
