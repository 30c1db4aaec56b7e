#include "tools/validation/power.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "sim/cost/energy.h"
#include "tools/validation/families.h"
#include "tools/validation/rate_families.h"

namespace penstock {
namespace {

constexpr std::array<std::int64_t, 2> prompts{64, 512};

/// Power of one GPU in W and energy of an output token in J, measured and with prompts of both
/// lengths; the energy is not measured everywhere.
struct PowerPoint {
  std::string label;
  std::vector<Compared> power;
  std::vector<Compared> energy;
};

double measured(const PublishedPoint& point, std::string_view metric) {
  const auto found = point.metrics.find(metric);
  return found == point.metrics.end() ? 0 : found->second;
}

/// What all GPUs draw in the steady state.
double steady_power(const Run& run) {
  const std::int64_t length = run.result.series_interval.ps;
  double joules = 0;
  for (const ReplicaResult& replica : run.result.replicas) {
    joules += interval_energy(run.scenario, replica.series.at(1), length).total();
  }
  return joules / run.result.series_interval.seconds();
}

std::vector<PowerPoint> batch_sweep_points(const std::vector<PublishedPoint>& points) {
  std::vector<PowerPoint> out;
  for (const PublishedPoint& point : points) {
    const double watts = measured(point, "avg_gpu_power_all_gpus");
    if (point.family != "MLE" || watts == 0 || !why_not(point).empty()) {
      continue;
    }
    PowerPoint one{.label = batch_sweep_label(point), .power = {}, .energy = {}};
    for (const std::int64_t prompt : prompts) {
      const Run run = play_batch_sweep(point, prompt);
      const double gpu_count = run.scenario.cluster.gpus_per_replica();
      const double simulated = steady_power(run);
      one.power.push_back({.measured = watts / gpu_count, .simulated = simulated / gpu_count});
      one.energy.push_back({.measured = measured(point, "energy_per_output_token"),
                            .simulated = simulated / run.summary.output_tokens_per_s});
    }
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<PowerPoint> cost_meter_points(const std::vector<PublishedPoint>& points) {
  std::vector<PowerPoint> out;
  for (const PublishedPoint& point : points) {
    const double watts = measured(point, "mean_gpu_power_per_gpu");
    if (point.family != "VCM" || watts == 0 || !why_not(point).empty()) {
      continue;
    }
    const Run run = play_cost_meter(point, "h100-nvl");
    const double simulated = run.summary.energy.gpu_kwh * 3.6e6 / run.summary.duration_s;
    out.push_back({.label = cost_meter_label(point),
                   .power = {{.measured = watts, .simulated = simulated}},
                   .energy = {}});
  }
  return out;
}

void add_stats(const std::string& what, const std::vector<PowerPoint>& points,
               const std::vector<Compared> PowerPoint::*metric, std::size_t column,
               std::string& out) {
  std::vector<Compared> pairs;
  for (const PowerPoint& point : points) {
    pairs.push_back((point.*metric).at(column));
  }
  const ErrorStats stats = error_stats(pairs);
  out += fmt::format("| {} | {} | {:.1f} | {:.1f} | {:+.1f} |\n", what, stats.count,
                     100 * stats.median, 100 * stats.p90, 100 * stats.bias);
}

std::string cells(const std::vector<Compared>& pairs, int digits) {
  std::string out = fmt::format(" {:.{}f} |", pairs.front().measured, digits);
  for (const Compared& pair : pairs) {
    out += fmt::format(" {:.{}f} | {} |", pair.simulated, digits, error_text(pair));
  }
  return out;
}

}  // namespace

std::string power_section(const std::filesystem::path& measured_end_to_end_csv) {
  const std::vector<PublishedPoint> points = read_published_points(measured_end_to_end_csv);
  const std::vector<PowerPoint> sweeps = batch_sweep_points(points);
  const std::vector<PowerPoint> loads = cost_meter_points(points);
  std::string out =
      "| source | points | median abs. error % | p90 % | bias % |\n|---|---:|---:|---:|---:|\n";
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::string title = fmt::format("ML.ENERGY, prompts of {}, ", prompts.at(i));
    add_stats(title + "W per GPU", sweeps, &PowerPoint::power, i, out);
    add_stats(title + "J per output token", sweeps, &PowerPoint::energy, i, out);
  }
  add_stats("vllm-cost-meter as H100 NVL, W", loads, &PowerPoint::power, 0, out);
  out +=
      "\n**ML.ENERGY**, runs of 2c; simulated with prompts of 64, then of 512 tokens.\n\n"
      "| point | W per GPU | 64 | error % | 512 | error % | J per token | 64 | error % | 512 | "
      "error % |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n";
  for (const PowerPoint& point : sweeps) {
    out += fmt::format("| {} |{}{}\n", point.label, cells(point.power, 0), cells(point.energy, 3));
  }
  out +=
      "\n**vllm-cost-meter as H100 NVL**, mean power of the whole run.\n\n"
      "| point | W | simulated | error % |\n|---|---:|---:|---:|\n";
  for (const PowerPoint& point : loads) {
    out += fmt::format("| {} |{}\n", point.label, cells(point.power, 0));
  }
  return out;
}

}  // namespace penstock
