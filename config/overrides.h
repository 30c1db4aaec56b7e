#pragma once

#include <string>
#include <vector>

#include "config/report.h"
#include "config/yaml.h"

namespace penstock::config {

/// Applies `--set path=value` arguments to a file's tree, in order: dotted path, `[i]` for list
/// items (from 0; one past the end appends), a YAML value. Missing maps are made; a path with a `?`
/// behind a key that is missing (`workload.trace?.x=1`) changes nothing. Diagnostics about them
/// name `--set[1]`, counted from 1.
void apply_overrides(Node& root, const std::vector<std::string>& sets, Reporter& reporter);

}  // namespace penstock::config
