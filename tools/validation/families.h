#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/validation/errors.h"
#include "tools/validation/measured.h"
#include "tools/validation/runs.h"

/// Simulations of published systems, family by family.
namespace penstock {

struct ComparedMetric {
  std::string name;  ///< with its unit
  Compared value;
};

struct ComparedPoint {
  std::string label;
  std::vector<ComparedMetric> metrics;
  std::string gpu;  ///< as published
  bool has_experts = false;
};

/// Points of one source, simulated under the same assumptions.
struct ComparedFamily {
  std::string title;
  std::string assumptions;  ///< source and conditions; empty: those of the family before
  std::vector<ComparedPoint> points;
  bool listed = true;   ///< every point is shown; otherwise statistics only
  bool counted = true;  ///< in the errors over all families
};

/// The first number in a text: "10 req/s Poisson", "max_num_seqs=8 (avg batch 8)". Throws
/// std::runtime_error if there is none.
double first_number(std::string_view text);
std::int64_t first_tokens(std::string_view text);

/// All metrics of a point that the simulation has too, but for one.
ComparedPoint compared(std::string label, const PublishedPoint& point, const Summary& summary,
                       std::string_view but = {});

/// Why a point cannot be simulated; empty if it can.
std::string_view why_not(const PublishedPoint& point);

/// The system of a vLLM point: ranks of attention where experts are divided among more GPUs than
/// work on a request.
System system_of(const PublishedPoint& point, std::string engine);

/// The workload of `clients` that send equal requests, each the next one as the last is answered.
std::string closed_loop(std::int64_t clients, std::int64_t each, const PublishedPoint& point);

/// What `simulate` makes of a family's points; points without metrics are dropped.
template <typename Simulate>
std::vector<ComparedPoint> for_family(const std::vector<PublishedPoint>& points,
                                      std::string_view family, Simulate simulate) {
  std::vector<ComparedPoint> out;
  for (const PublishedPoint& point : points) {
    if (point.family == family && why_not(point).empty()) {
      if (ComparedPoint one = simulate(point); !one.metrics.empty()) {
        out.push_back(std::move(one));
      }
    }
  }
  return out;
}

/// A point of ML.ENERGY's batch sweeps, with prompts of this length, in a closed loop that is never
/// short of requests; for points that can be simulated. The second interval of its time series is
/// the steady state, which the summary's output_tokens_per_s is of.
Run play_batch_sweep(const PublishedPoint& point, std::int64_t input);
std::string batch_sweep_label(const PublishedPoint& point);

/// Simulates all points that can be.
std::vector<ComparedFamily> compare_families(const std::vector<PublishedPoint>& points);

}  // namespace penstock
