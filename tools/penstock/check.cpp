#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "config/catalog.h"
#include "config/huggingface.h"
#include "config/load.h"
#include "tools/output/text.h"
#include "tools/penstock/console.h"
#include "tools/penstock/input.h"
#include "tools/penstock/options.h"
#include "workloads/source.h"

namespace penstock::cli {
namespace {

constexpr std::array options_table{set_option, skip_rows_option, catalog_option, color_option};
constexpr std::array<std::string_view, 2> examples{
    "penstock check workloads/*.yaml",
    "penstock check mix.yaml --set cluster.tensor_parallel=2",
};
constexpr Usage usage{"check",
                      "FILE... [OPTION]...",
                      "Tells everything that is wrong with workload files, all at once, traces "
                      "included,\nand with a model's config.json and files of the catalogue's "
                      "form: your own GPU, model, "
                      "system.\nRuns nothing.",
                      examples,
                      options_table,
                      1,
                      10'000};

std::string facts_of(const Architecture& model) {
  const Dtype kv = model.kv_cache.value_or(Dtype::bf16);
  return output::printable(fmt::format(
      "model, {:.2f}e9 parameters, {:.2f}e9 active, {:.0f} bytes of KV cache a token{}",
      static_cast<double>(parameters(model)) / 1e9,
      static_cast<double>(active_parameters(model)) / 1e9,
      kv_bytes_per_token_per_gpu(model, kv, 1) + window_bytes_per_token_per_gpu(model, kv, 1),
      model.kv_cache ? fmt::format(" in {}", to_string(kv)) : ""));
}

/// Checks the config.json of a model.
int check_huggingface(const std::string& file) {
  config::Reporter reporter;
  const auto model = config::read_huggingface(file, {}, reporter);
  const Diagnostics diagnostics = reporter.take();
  tell(diagnostics);
  if (model) {
    const std::string needs = model->weights
                                  ? ""
                                  : fmt::format("; `weights` is to be given: {} has no name here",
                                                output::printable(model->quantization));
    print(fmt::format("{}: ok ({}{})\n", output::printable(file), facts_of(model->architecture),
                      needs));
    for (const std::string& note : reporter.take_notes()) {
      print(fmt::format("  note: {}\n", output::printable(note)));
    }
  }
  return config::exit_code(diagnostics);
}

/// Checks a file of the catalogue's form: one's own GPU, model or system.
int check_item(const config::Node& root, config::CatalogKind kind, const std::string& file,
               config::Reporter& reporter) {
  config::check_file(root, kind, reporter);
  const Diagnostics diagnostics = reporter.take();
  tell(diagnostics);
  if (!has_errors(diagnostics)) {
    const config::Section item(&root, "", config::model_schema());
    const std::string facts = kind != config::CatalogKind::models
                                  ? std::string(noun(kind))
                                  : facts_of(config::read_model(item));
    print(fmt::format("{}: ok ({})\n", output::printable(file), facts));
  }
  return config::exit_code(diagnostics);
}

/// Checks one file and tells what is wrong; returns its exit code.
int check_file(const std::string& file, const config::LoadOptions& load) {
  std::error_code error;
  const std::filesystem::path inside = std::filesystem::path(file) / "config.json";
  if (std::filesystem::is_regular_file(inside, error)) {
    return check_huggingface(inside.string());
  }
  if (file.ends_with(".json")) {
    return check_huggingface(file);
  }
  config::Reporter reporter;
  const config::SourcePtr source = config::read_source(file, file, {}, reporter);
  const auto root = source ? config::parse_yaml(source, reporter) : std::nullopt;
  if (const auto kind = root ? config::kind_of_file(*root) : std::nullopt) {
    return check_item(*root, *kind, file, reporter);
  }
  const config::Loaded loaded = config::load_scenario(file, load);
  Diagnostics diagnostics = loaded.diagnostics;
  std::string description;
  if (loaded.ok) {
    const OpenedSource opened = open_source(loaded.scenario.workload, loaded.scenario.seed);
    diagnostics.insert(diagnostics.end(), opened.diagnostics.begin(), opened.diagnostics.end());
    description = opened.description;
  }
  tell(diagnostics);
  if (!has_errors(diagnostics)) {
    print(fmt::format("{}: ok ({})\n", output::printable(file), output::printable(description)));
  }
  return config::exit_code(diagnostics);
}

}  // namespace

const Usage& check_usage() { return usage; }

int check_verb(const Arguments& arguments) {
  const ParsedOptions options = parse_options(usage, arguments);
  if (options.has("help")) {
    print(usage_text(usage));
    return exit_ok;
  }
  apply_color(options);
  config::LoadOptions load = load_options(options);
  load.check_plan = true;
  int code = exit_ok;
  for (const std::string& file : options.words()) {
    const int own = check_file(file, load);
    code = code == exit_ok ? own : code;  // the first file that is wrong decides
  }
  return code;
}

}  // namespace penstock::cli
