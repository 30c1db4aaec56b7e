#pragma once

#include <string>
#include <vector>

#include "sim/step/step_model.h"

namespace penstock::cli {

/// A step described on the command line: `{"decode": 8, "kv_sum": 4000, "kv_max": 900,
/// "chunks": [[512, 0]]}`. Owns what its load points to.
struct StepSpec {
  std::vector<Chunk> chunks;
  StepLoad load;  ///< without the chunks: see step_load()
};

/// Reads and checks the JSON strictly: unknown or repeated keys, wrong types and impossible
/// combinations are errors; throws UsageError. Missing: 0 decodes, no chunks; `kv_max` and
/// `window_sum` (lengths cut at the model's window): as if all sequences were of one length; every
/// chunk ends its prompt.
StepSpec parse_step(const std::string& json);

/// The load, pointing into `spec`.
StepLoad step_load(const StepSpec& spec);

}  // namespace penstock::cli
