#pragma once

#include <optional>
#include <string>

#include "config/catalog.h"
#include "config/memory.h"
#include "config/report.h"
#include "config/section.h"
#include "sim/scenario.h"

/// The steps of load_scenario(), each a file. A step takes what it can and reports what it cannot;
/// the scenario is run only if nothing was reported.
namespace penstock::config {

/// What every step needs.
struct LoadContext {
  Section root;    ///< the whole file, overrides applied, checked against the schema
  SourcePtr file;  ///< the workload file: paths in it are relative to its folder
  const Catalog& catalog;
  Reporter& reporter;
};

/// `path` as given at `span`: relative to the workload file if it stands there, to the current
/// folder if it was given on the command line.
std::string resolve_path(const LoadContext& context, const std::string& path, const Span& span);

/// model, weights, kv_cache. False if the architecture is not known.
bool load_model(const LoadContext& context, Scenario& scenario);
/// cluster. False if the GPU is not known. Checks tensor_parallel only if `model_is_known`.
bool load_cluster(const LoadContext& context, bool model_is_known, Scenario& scenario);
/// engine and step_model without what depends on memory. The preset, if it is known.
std::optional<EnginePreset> load_engine(const LoadContext& context, bool hardware_is_known,
                                        Scenario& scenario);
/// KV blocks and max_model_len. Needs a model, a GPU and a preset.
MemoryPlan load_memory(const LoadContext& context, const EnginePreset& preset, bool must_fit,
                       Scenario& scenario);
/// workload and slo.
void load_workload(const LoadContext& context, Scenario& scenario);
/// prices and cost.
void load_prices(const LoadContext& context, bool gpu_is_known, Scenario& scenario);

/// slo maps, here and in classes.
Slo read_slo(const Section& section, const Slo& otherwise);
/// `lengths` of a class: a profile's name, or input and output.
void load_lengths(const LoadContext& context, const Section& klass, ClassSpec& spec);

}  // namespace penstock::config
