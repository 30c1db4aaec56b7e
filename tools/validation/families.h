#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/validation/errors.h"
#include "tools/validation/measured.h"
#include "tools/validation/runs.h"

/// Simulations of published systems, family by family.
namespace penstock {

/// A model, GPU or family of points as a publication calls it, and the catalogue's name for it.
struct PublishedName {
  std::string_view published;
  std::string_view ours;
};
/// The catalogue's name; empty if the table has none.
std::string find_name(std::span<const PublishedName> names, std::string_view published);

struct ComparedMetric {
  std::string name;  ///< with its unit
  Compared value;
};

struct ComparedPoint {
  std::string label;
  std::vector<ComparedMetric> metrics;
};

/// Points of one source, simulated under the same assumptions.
struct ComparedFamily {
  std::string title;
  std::string assumptions;  ///< source and conditions; empty: those of the family before
  std::vector<ComparedPoint> points;
  bool listed = true;  ///< every point is shown; otherwise statistics only
};

/// Whether a model has routed experts, by its published name.
bool is_moe(std::string_view model);

/// The first number in a text: "10 req/s Poisson", "max_num_seqs=8 (avg batch 8)". Throws
/// std::runtime_error if there is none.
double first_number(std::string_view text);
std::int64_t first_tokens(std::string_view text);

/// All metrics of a point that the simulation has too, but for one.
ComparedPoint compared(std::string label, const PublishedPoint& point, const Summary& summary,
                       std::string_view but = {});

/// Why a point cannot be simulated; empty if it can.
std::string_view why_not(const PublishedPoint& point);

/// A point of vllm-cost-meter, played on this GPU; the label names it within its family. As the
/// others below, for points that can be simulated.
Run play_cost_meter(const PublishedPoint& point, const std::string& gpu);
std::string cost_meter_label(const PublishedPoint& point);

/// A point of ML.ENERGY's batch sweeps, with prompts of this length. The second interval of its
/// time series is the steady state, which the summary's output_tokens_per_s is of.
Run play_batch_sweep(const PublishedPoint& point, std::int64_t input);
std::string batch_sweep_label(const PublishedPoint& point);

/// Simulates all points that can be.
std::vector<ComparedFamily> compare_families(const std::vector<PublishedPoint>& points);

}  // namespace penstock
