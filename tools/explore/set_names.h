#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sim/core/diagnostic.h"

namespace penstock::explore {

/// The i of a diagnostic about the override `--set[i]`, from 1; 0 for any other.
std::size_t set_number(const Diagnostic& diagnostic);

/// Overrides that were not given as `--set` under the names that the user knows: those that follow
/// the first `own` ones are called `names`, in order (`--vary[1]`, `--gpus`).
Diagnostics with_set_names(Diagnostics diagnostics, std::size_t own,
                           const std::vector<std::string>& names);

}  // namespace penstock::explore
