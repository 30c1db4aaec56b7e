#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/load.h"
#include "sim/core/units.h"
#include "tools/penstock/options.h"

/// What the verbs that read a workload file have in common.
namespace penstock::cli {

/// --set, --skip-bad-rows, --seed, --catalog as load_scenario() takes them; throws UsageError.
config::LoadOptions load_options(const ParsedOptions& options);

/// The options that load_options() reads, for a verb's table.
inline constexpr Option set_option{"set", 0, "PATH=VALUE", "change a key of the file (repeatable)",
                                   true};
inline constexpr Option skip_rows_option{"skip-bad-rows", 0, "",
                                         "leave out rows of a trace that cannot be read"};
inline constexpr Option seed_option{"seed", 0, "N", "seed of all random streams", false};
inline constexpr Option catalog_option{"catalog", 0, "DIR",
                                       "your own GPUs, models, engines, prices", false};
inline constexpr Option jobs_option{"jobs", 'j', "N", "threads (default: all cores)", false};
inline constexpr Option color_option{"color", 0, "WHEN", "auto, always or never", false};

/// The number of threads: --jobs, else what the machine has; throws UsageError.
int jobs_of(const ParsedOptions& options);

/// A span of time longer than nothing; throws UsageError.
std::optional<SimTime> time_option(const ParsedOptions& options, std::string_view name);

/// Sets the colour mode from --color; throws UsageError.
void apply_color(const ParsedOptions& options);

}  // namespace penstock::cli
