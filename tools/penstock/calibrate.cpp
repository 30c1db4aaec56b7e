#include "tools/calibrate/calibrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "config/catalog.h"
#include "config/load.h"
#include "tools/calibrate/calibration_report.h"
#include "tools/output/files.h"
#include "tools/output/json_text.h"
#include "tools/output/text.h"
#include "tools/penstock/console.h"
#include "tools/penstock/input.h"
#include "tools/penstock/options.h"
#include "workloads/source.h"

namespace penstock::cli {
namespace {

using calibrate::Calibrated;
using calibrate::KernelTime;
using calibrate::Measurement;

constexpr std::array<std::string_view, 2> formats{"table", "json"};
constexpr std::array options_table{
    Option{"output", 'o', "FILE", "write the fitted parameters there, for `calibration: FILE`"},
    set_option,
    seed_option,
    Option{"format", 0, "FORMAT", "table (default) or json"},
    catalog_option,
    color_option,
};
constexpr std::array<std::string_view, 3> examples{
    "penstock calibrate bench.json mine.yaml -o fitted.yaml",
    "penstock calibrate requests.jsonl mine.yaml --set engine.max_num_seqs=128",
    "penstock run mine.yaml --set calibration=fitted.yaml",
};
constexpr Usage usage{
    "calibrate",
    "MEASURED FILE [OPTION]...",
    "Fits a few physical parameters of the step model to what you measured: the JSON of\n"
    "`vllm bench serve --save-result`, requests as CSV or JSON lines, Prometheus histograms,\n"
    "or kernels as CSV (tools/measure). FILE is the workload file of the system measured.",
    examples,
    options_table,
    2,
    2};

/// Kernels of other GPUs are left out, if the table names several. False if none is left.
bool keep_own_kernels(const std::string& gpu, const config::LoadOptions& load,
                      Measurement& measured) {
  std::set<std::string> names;
  for (const KernelTime& row : measured.kernels) {
    names.insert(row.gpu);
  }
  config::Reporter ignored;
  const config::Catalog catalog(load.catalog_dir, ignored);
  const auto is_own = [&](const std::string& name) {
    const auto* const entry = catalog.find(config::CatalogKind::gpus, name);
    return entry != nullptr && entry->name == gpu;
  };
  if (names.size() > 1) {
    std::erase_if(measured.kernels, [&](const KernelTime& row) { return !is_own(row.gpu); });
    if (measured.kernels.empty()) {
      tell_error(fmt::format("none of the {} GPUs of these kernels is {}", names.size(), gpu));
    }
  } else if (!names.begin()->empty() && !is_own(*names.begin())) {
    tell_warning(fmt::format("the kernels are of `{}`; they are taken for {}'s",
                             output::printable(*names.begin()), gpu));
  }
  return !measured.kernels.empty();
}

/// Why this measurement cannot be compared with this scenario; 0 if it can.
int check_scenario(const Scenario& scenario, const Measurement& measured) {
  if (scenario.step_model.kind != StepModelSpec::Kind::roofline) {
    tell_error("`step_model: {constant: ...}` has nothing to fit");
    return exit_invalid_input;
  }
  if (measured.kernels.empty() && measured.requests.empty()) {
    const OpenedSource opened = open_source(scenario.workload, scenario.seed);
    tell(opened.diagnostics);
    return opened.source ? 0 : config::exit_code(opened.diagnostics);
  }
  return 0;
}

/// What is odd about the measurement, and a model that is not the workload's.
void tell_doubts(const Scenario& scenario, const config::LoadOptions& load,
                 const Measurement& measured) {
  for (const std::string& doubt : measured.doubts) {
    tell_warning(output::printable(doubt));
  }
  config::Reporter ignored;
  const config::Catalog catalog(load.catalog_dir, ignored);
  const auto* const served = catalog.find(config::CatalogKind::models, measured.model);
  const auto* const ours = catalog.find(config::CatalogKind::models, scenario.model_name);
  if (!measured.model.empty() && served != nullptr && ours != nullptr && served != ours) {
    tell_warning(fmt::format("the measurement is of {}; simulated is {}",
                             output::printable(measured.model), scenario.model_name));
  }
}

std::string system_text(const Scenario& scenario, bool is_run) {
  const std::int64_t gpus = scenario.cluster.replicas * scenario.cluster.gpus_per_replica();
  const std::string gpu = gpus > 1 ? fmt::format("{} {}", gpus, scenario.cluster.gpu.title)
                                   : scenario.cluster.gpu.title;
  return is_run ? fmt::format("{} {} · {} · {}", scenario.model_name, to_string(scenario.weights),
                              gpu, scenario.engine.preset)
                : scenario.cluster.gpu.title;
}

int calibrate_files(const ParsedOptions& options) {
  const std::string format = choose(options, "format", formats);
  const std::string out = options.value("output").value_or("");
  for (const std::string& input : options.words()) {
    output::check_is_not(out, input);
  }
  const config::LoadOptions load = load_options(options);
  calibrate::ReadMeasurement read = calibrate::read_measurement(options.words()[0]);
  const config::Loaded loaded = config::load_scenario(options.words()[1], load);
  Diagnostics diagnostics = std::move(read.diagnostics);
  diagnostics.insert(diagnostics.end(), loaded.diagnostics.begin(), loaded.diagnostics.end());
  tell(diagnostics);
  if (has_errors(diagnostics)) {
    return config::exit_code(diagnostics);
  }
  Measurement& measured = read.measurement;
  const Scenario& scenario = loaded.scenario;
  if (const int code = check_scenario(scenario, measured); code != 0) {
    return code;
  }
  if (!measured.kernels.empty() && !keep_own_kernels(scenario.cluster.gpu.name, load, measured)) {
    return exit_invalid_input;
  }
  tell_doubts(scenario, load, measured);
  const Calibrated fitted = calibrate::calibrate_to(scenario, measured);
  for (const std::string& warning : fitted.warnings) {
    tell_warning(warning);
  }
  const std::string file = std::filesystem::path(options.words()[0]).filename().string();
  if (!out.empty() && fitted.parameters.empty()) {
    tell_warning(fmt::format("{} is not written", output::printable(out)));
  } else if (!out.empty()) {
    output::WholeFile target(out);
    target.write(config::calibration_text(calibrate::to_file(
        scenario, fitted,
        output::printable(fmt::format("{}: {}", file, calibrate::measurement_text(measured))))));
    target.commit();
  }
  const calibrate::CalibrationTitle title{output::printable(options.words()[0]),
                                          system_text(scenario, measured.kernels.empty()),
                                          output::printable(out)};
  print(format == "json" ? output::to_text(calibrate::calibration_json(title, measured, fitted))
                         : calibrate::calibration_screen(title, measured, fitted));
  return exit_ok;
}

}  // namespace

const Usage& calibrate_usage() { return usage; }

int calibrate_verb(const Arguments& arguments) {
  const ParsedOptions options = parse_options(usage, arguments);
  if (options.has("help")) {
    print(usage_text(usage));
    return exit_ok;
  }
  apply_color(options);
  return calibrate_files(options);
}

}  // namespace penstock::cli
