#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/load.h"
#include "sim/core/diagnostic.h"

namespace penstock::config {

/// The space that `penstock plan` searches, and for how much traffic: the `plan` section.
struct PlanSpec {
  std::vector<std::string> gpus;                     ///< catalogue names, in order, no name twice
  std::vector<int> tensor_parallel;                  ///< in order, no number twice
  std::vector<int> pipeline_parallel;                ///< likewise; {1}: no stages
  std::vector<int> data_parallel;                    ///< likewise; {1}: no ranks
  bool spreads_experts = false;                      ///< over all GPUs, also of a single rank
  std::vector<std::string> weights;                  ///< dtype names; empty: the file's
  std::vector<std::string> kv_cache;                 ///< dtype names; empty: the file's
  std::vector<std::int64_t> max_num_seqs;            ///< empty: the file's or the preset's
  std::vector<std::int64_t> max_num_batched_tokens;  ///< empty: the file's or the preset's
  int max_replicas = 64;
  std::int64_t max_gpus = 0;                 ///< 0 = no limit
  double headroom = 0;                       ///< traffic to bear on top: 0.2 = 20 %
  double growth = 0;                         ///< traffic grows by this much: 0.5 = 50 %
  double peak = 1;                           ///< peak over mean rate, all classes
  std::map<std::string, double> class_peak;  ///< by class name, instead of `peak`
  bool split = true;                         ///< classes may have pools of different GPUs
};

/// A workload file, understood as a question for `penstock plan`.
struct LoadedPlan {
  bool ok = false;  ///< the plan may be searched
  PlanSpec plan;
  Diagnostics diagnostics;
  std::vector<std::string> notes;  ///< what was decided for the user, about the plan alone
  std::vector<std::string> files;  ///< read for it, the workload file left out
};

/// Reads the `plan` section of a workload file, overrides applied; without one, everything is at
/// its default. `cluster.gpu` may be missing. Names are checked against the catalogue and the
/// classes of the file, and every GPU has a price. Errors of the rest of the file are found too, as
/// far as they do not depend on the GPU; its warnings and notes come with load_scenario().
/// `name` and relative paths: as for load_scenario_from_text().
LoadedPlan load_plan_from_text(const std::string& text, const std::string& name,
                               const LoadOptions& options);

}  // namespace penstock::config
