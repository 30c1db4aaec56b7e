#pragma once

#include <string>
#include <utility>
#include <vector>

namespace penstock::config {

struct RewriteOptions {
  std::vector<std::string> sets;     ///< "path=value", applied in order
  std::vector<std::string> without;  ///< top-level keys to remove
  std::string folder;                ///< where the new file will stand; "" = here
  /// Not empty: only these classes stay (`default`: the trace's), each with this rate in requests/s
  /// (0: as it is; the trace: its rate_scale) instead of shares and scales.
  std::vector<std::pair<std::string, double>> classes{};
};

/// A workload file with changes, as a file of its own. Relative paths in it (`model` if it is a
/// path, `workload.trace.file`) are turned so that they hold from the new folder. Comments are
/// lost; keys keep their order; scalars keep their spelling, and quoted ones stay quoted. `name` is
/// the file's path: relative paths in `text` start in its folder. Requires what
/// load_scenario_from_text() took with these sets; a text that is not YAML gives "".
std::string rewrite(const std::string& text, const std::string& name,
                    const RewriteOptions& options);

}  // namespace penstock::config
