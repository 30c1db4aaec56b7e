#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/catalog.h"
#include "config/memory.h"
#include "config/plan.h"
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

/// The file that `model:` names, if it names one rather than a catalogue entry.
std::optional<std::string> model_file(const LoadContext& context, const std::string& model,
                                      const Span& span);
/// The model of that name or file, of the value at `span`.
std::optional<Architecture> named_model(const LoadContext& context, const std::string& name,
                                        const Span& span);
/// model, weights, kv_cache. False if the architecture is not known.
bool load_model(const LoadContext& context, Scenario& scenario);
/// cluster. False if the GPU is not known. Checks tensor_parallel only if `model_is_known`.
bool load_cluster(const LoadContext& context, bool model_is_known, Scenario& scenario);
/// engine and step_model without what depends on memory. The preset, if it is known.
std::optional<EnginePreset> load_engine(const LoadContext& context, bool hardware_is_known,
                                        Scenario& scenario);
/// Whether the file asks for asynchronous scheduling, under either name.
std::optional<bool> asked_async(const Section& engine);
/// engine.speculative, of an engine whose other policies are loaded; may turn `async_scheduling`
/// off. Needs a model.
void load_speculative(const LoadContext& context, Scenario& scenario);
/// KV blocks and max_model_len. Needs a model, a GPU and a preset.
MemoryPlan load_memory(const LoadContext& context, const EnginePreset& preset, bool must_fit,
                       Scenario& scenario);
/// workload.trace, without the arrivals that may replace its own.
TraceSpec read_trace(const LoadContext& context, const Section& section);
/// workload and slo.
void load_workload(const LoadContext& context, Scenario& scenario);
/// The rate of a class of open arrivals, one of `count`; its lengths are known. All `rate_scale`s
/// are in it.
void load_rate(const LoadContext& context, const Section& klass, std::size_t count,
               ClassSpec& spec);
/// Reports what speaks of a rate in a class whose `process` has none.
void refuse_rate(const LoadContext& context, const Section& klass, std::string_view process,
                 bool refuse_share, ClassSpec& spec);
/// What stages of layers do to the engine; reports what does not go together with them. Everything
/// but prices is loaded.
void load_stages(const LoadContext& context, bool must_fit, Scenario& scenario);
/// A map `prices.gpu`: catalogue names and rents, in the order of the file; empty if there is none.
/// Reports names that are not GPUs or come twice, and currencies that differ.
std::vector<std::pair<std::string, Quantity>> read_gpu_prices(const LoadContext& context);
/// prices.electricity, pue and host_share; the currency is known.
void load_electricity(const LoadContext& context, PriceSpec& spec);
/// prices.owned, or the catalogue's; the currency and the price of electricity are known.
void load_owned(const LoadContext& context, Scenario& scenario);
/// prices and cost.
void load_prices(const LoadContext& context, bool gpu_is_known, Scenario& scenario);

/// plan. `classes` are those of the file; not checked if there are none.
PlanSpec read_plan(const LoadContext& context, const std::vector<ClassSpec>& classes);
/// Puts a GPU, and numbers such as tensor_parallel that are not 0, into a file without
/// `cluster.gpu`; what is said of them is said at `span`.
void put_gpu(Node& root, const std::string& gpu, const Span& span,
             std::initializer_list<std::pair<std::string_view, int>> split = {});

/// slo maps, here and in classes.
Slo read_slo(const Section& section, const Slo& otherwise);
/// `lengths` of a class: a profile's name, or input and output and how they correlate.
void load_lengths(const LoadContext& context, const Section& klass, ClassSpec& spec);
/// A value that may be drawn (Key::distribution): `key` of this map, whose row has this unit. Times
/// are taken in seconds.
LengthSpec read_distribution(const Section& section, std::string_view key, Unit unit,
                             Reporter& reporter);
/// `arrivals` of a class, all but the rate: a profile's, or its own keys.
void load_arrivals(const LoadContext& context, const Section& klass, ClassSpec& spec);
/// `sessions` of a class, whose lengths, process and rate are known. No context may exceed
/// `max_model_len` (0 = not known).
void load_sessions(const LoadContext& context, const Section& klass, std::int64_t max_model_len,
                   ClassSpec& spec);

}  // namespace penstock::config
