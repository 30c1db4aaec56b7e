#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/load.h"
#include "sim/analysis/phase_roofline.h"
#include "sim/analysis/position.h"
#include "sim/analysis/saturation.h"

namespace penstock::cli {

/// Steady states of the same traffic under one changed quantity.
struct BatchRow {
  std::int64_t batch = 0;  ///< sequences at once, at most
  Saturation state;
};
struct LoadRow {
  double load = 0;   ///< requests/s over those at saturation
  Saturation state;  ///< idle time spread over its tokens
};
struct ContextRow {
  std::int64_t input = 0;  ///< prompt; outputs as in the traffic's mean
  Saturation state;
};
struct RatioRow {
  double ratio = 0;  ///< input : output, their sum as in the traffic's mean
  std::int64_t input = 0, output = 0;
  Saturation state;
};

/// The prefix cache's break-even: see break_even_hit_rate().
struct BreakEven {
  double cache_share = 0.5;         ///< of the KV pool, set aside
  double plain_requests_per_s = 0;  ///< saturation without a cache
  double cold_requests_per_s = 0;   ///< with the smaller pool and no hit
  std::optional<double> hit_rate;   ///< absent: no hit rate makes up for it
};

/// Everything that `penstock explain FILE` says, before it is text.
struct ExplainFacts {
  /// With stages, that of one lane: its share of the engine.
  std::shared_ptr<const Scenario> scenario;
  const config::MemoryPlan* memory = nullptr;
  std::string traffic;  ///< where the means come from
  TrafficMeans means;
  std::optional<Saturation> saturation;
  std::optional<RooflinePhases> roofline;
  std::optional<PositionPrices> position;
  std::vector<BatchRow> batches;
  std::vector<LoadRow> loads;
  std::vector<ContextRow> contexts;
  std::vector<RatioRow> ratios;
  std::optional<BreakEven> break_even;
};

/// Contexts at which positions are priced: the 11th and the 10,001st token among them.
inline constexpr std::array<std::int64_t, 7> position_contexts{1,    11,     101,   1001,
                                                               4001, 10'001, 32'001};

/// Requires a scenario whose workload opens without errors; reads its trace. No simulation.
ExplainFacts explain_facts(const config::Loaded& loaded);

/// Prompt tokens that a prefix cache of unlimited size would hold count as cached.
/// The mean request of a workload: of each class's length distributions (a grid of quantiles),
/// weighted by rates (offline: shares; closed loops: clients), and of the trace's requests.
TrafficMeans workload_means(const Scenario& scenario);

/// The share of prompt tokens found in a cache at which saturation throughput is what it was
/// without one, when half of the KV pool is set aside for cached prefixes: a hit saves the
/// prefill of its tokens and their blocks, the cache takes room from running sequences.
BreakEven break_even_hit_rate(const Scenario& scenario, StepModel& model, const TrafficMeans& means,
                              const Saturation& plain);

/// A replica that completes `load` (in (0, 1]) of what it would at saturation (`full`): as many
/// sequences at once as that takes, interpolated; below one it waits. What a second costs is paid
/// by the tokens of a second, split between input and output as the steps' time is.
LoadRow state_at_load(const Scenario& scenario, StepModel& model, const TrafficMeans& means,
                      const Saturation& full, double load);

/// The texts; see explain_json() for keys (product.md).
std::string explain_table(const ExplainFacts& facts);
std::string explain_markdown(const ExplainFacts& facts);
std::string explain_json(const ExplainFacts& facts);

}  // namespace penstock::cli
