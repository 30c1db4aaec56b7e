#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "tools/validation/errors.h"
#include "tools/validation/families.h"
#include "tools/validation/rate_families.h"
#include "tools/validation/unfitted.h"

namespace penstock {
namespace {

struct RatePoint {
  std::string system;  ///< "phi-4, 1 × H100-PCIe"
  bool is_h100 = false;
  bool is_one_gpu = false;
  bool is_slow_host = false;
  double rate = 0;
  Compared tpot, ttft;

  /// Their own first tokens say that the GPUs are not what they measure: up to eight seconds for
  /// 200 tokens, at one request a second. From 32 requests a second on the drawn lengths decide.
  bool is_doubtful() const { return rate >= 32 || (!is_one_gpu && ttft.measured > 350); }
};

std::vector<RatePoint> play_rates(const std::vector<PublishedPoint>& points) {
  std::vector<RatePoint> out;
  for (const PublishedPoint& point : points) {
    const Summary summary = play_short_chats(point).summary;
    out.push_back(
        {.system = fmt::format("{}, {} × {}", point.model, point.gpus, point.gpu),
         .is_h100 = point.gpu == "H100-PCIe",
         .is_one_gpu = point.gpus == "1",
         .is_slow_host = point.gpu != "H100-PCIe" && point.model.find("1.5B") != std::string::npos,
         .rate = first_number(point.load),
         .tpot = {point.metrics.find("mean_tpot")->second, summary.tpot.mean},
         .ttft = {point.metrics.find("mean_ttft")->second, summary.ttft.mean}});
  }
  return out;
}

/// Of the points that `wanted` picks.
template <typename Wanted>
std::string rates_row(std::string_view title, const std::vector<RatePoint>& points, Wanted wanted) {
  std::vector<Compared> tpot;
  std::vector<Compared> ttft;
  for (const RatePoint& point : points) {
    if (wanted(point)) {
      tpot.push_back(point.tpot);
      ttft.push_back(point.ttft);
    }
  }
  const auto cells = [](const std::vector<Compared>& pairs) {
    const ErrorStats stats = error_stats(pairs);
    return fmt::format(" {:.1f} | {:.1f} | {:+.1f} |", 100 * stats.median, 100 * stats.p90,
                       100 * stats.bias);
  };
  return fmt::format("| {} | {} |{}{}\n", title, tpot.size(), cells(tpot), cells(ttft));
}

}  // namespace

std::string unfitted_rates_section(const std::filesystem::path& points_csv) {
  const std::vector<RatePoint> points = play_rates(read_published_points(points_csv));
  const auto is_sound = [](const RatePoint& p) { return !p.is_doubtful() && !p.is_slow_host; };
  std::string out =
      "| errors in % | points | mean TPOT, median | p90 | bias | mean TTFT, median | p90 | bias |\n"
      "|---|---:|---:|---:|---:|---:|---:|---:|\n";
  out += rates_row("H100 PCIe, one", points,
                   [&](const RatePoint& p) { return is_sound(p) && p.is_h100 && p.is_one_gpu; });
  out += rates_row("H100 PCIe, two", points,
                   [&](const RatePoint& p) { return is_sound(p) && p.is_h100 && !p.is_one_gpu; });
  out += rates_row("RTX 4090, one", points,
                   [&](const RatePoint& p) { return is_sound(p) && !p.is_h100 && p.is_one_gpu; });
  out += rates_row("RTX 4090, two to eight (in-sample)", points,
                   [&](const RatePoint& p) { return is_sound(p) && !p.is_h100 && !p.is_one_gpu; });
  out += rates_row("RTX 4090, its host's time", points,
                   [](const RatePoint& p) { return p.is_slow_host; });
  out += rates_row("doubtful, or 32 requests/s", points,
                   [](const RatePoint& p) { return p.is_doubtful() && !p.is_slow_host; });
  out +=
      "\n| model and GPUs | requests/s | mean TPOT ms, measured | simulated | error % | mean TTFT "
      "ms, measured | simulated | error % |\n|---|---:|---:|---:|---:|---:|---:|---:|\n";
  for (const RatePoint& p : points) {
    out += fmt::format("| {} | {:g}{} | {:.1f} | {:.1f} | {} | {:.1f} | {:.1f} | {} |\n", p.system,
                       p.rate, p.is_doubtful() ? " (not counted)" : "", p.tpot.measured,
                       p.tpot.simulated, error_text(p.tpot), p.ttft.measured, p.ttft.simulated,
                       error_text(p.ttft));
  }
  return out;
}

}  // namespace penstock
