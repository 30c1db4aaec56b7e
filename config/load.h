#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/memory.h"
#include "sim/core/diagnostic.h"
#include "sim/scenario.h"

namespace penstock::config {

struct LoadOptions {
  std::vector<std::string> sets;      ///< `--set` arguments, "path=value"; later ones win
  std::optional<std::uint64_t> seed;  ///< `--seed`: wins over the file
  std::string catalog_dir;            ///< `--catalog`: the user's own facts; "" = none
  /// False: what does not fit into memory is a warning. For `explain --step`, which needs no KV
  /// pool.
  bool must_fit = true;
  /// True: the `plan` section is checked too, and a file without `cluster.gpu` is loaded for the
  /// first GPU and the smallest tensor_parallel of its plan that fit. For `check`.
  bool check_plan = false;
};

/// A workload file, understood.
struct Loaded {
  bool ok = false;                 ///< the scenario may be run
  Scenario scenario;               ///< complete and checked, if ok
  MemoryPlan memory;               ///< if ok
  Diagnostics diagnostics;         ///< all errors and warnings, by file and position
  std::vector<std::string> notes;  ///< what was decided for the user: to be said in the output
  std::vector<std::string> files;  ///< read for it, traces left out: the workload file first
  std::string text;                ///< of the workload file, as read
};

/// Reads a workload file, its overrides and the facts that they name. Finds everything that is
/// wrong at once. Throws nothing; touches no file but those named (trace files are looked for, not
/// read).
Loaded load_scenario(const std::string& path, const LoadOptions& options);

/// The same for a text; `name` stands for the file in diagnostics, and its folder is where relative
/// paths start.
Loaded load_scenario_from_text(const std::string& text, const std::string& name,
                               const LoadOptions& options);

/// The error (kind infeasible: exit 4) of a command that needs the closed form of saturation, where
/// there is none: with static batching.
std::optional<Diagnostic> unless_saturation_is_known(const Scenario& scenario,
                                                     std::string_view command);

/// The exit code that diagnostics with an error call for: 3 (input), 74 (cannot read), 4
/// (infeasible only); 0 without an error.
int exit_code(const Diagnostics& diagnostics);

}  // namespace penstock::config
