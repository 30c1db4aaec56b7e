#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/output/run_output.h"

namespace penstock::output {

/// The version of the layout below; it grows when a key changes its meaning or goes away.
inline constexpr int summary_schema_version = 1;

/// The machine-readable summary: keys, order and units of product.md. What is not available is
/// null, and `reasons` says why at the path of the value (or of the object around it).
nlohmann::ordered_json summary_json(const RunOutput& run);

/// The same as text: `--format json` and summary.json.
std::string summary_json_text(const RunOutput& run);

/// The same, flattened to `key,value` rows with dots in the keys: `--format csv`.
std::string summary_csv_text(const RunOutput& run);

}  // namespace penstock::output
