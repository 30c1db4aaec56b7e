#include "config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <tuple>

#include "config/calibration.h"
#include "config/load_parts.h"
#include "config/overrides.h"
#include "config/text.h"

namespace penstock::config {

namespace {

/// The top-level keys that decide how much fits into memory.
constexpr std::array<std::string_view, 5> memory_keys{"model", "weights", "kv_cache", "cluster",
                                                      "engine"};

/// Everything after the file is a tree with its overrides.
void load_tree(const Node& root, const SourcePtr& file, const LoadOptions& options,
               Reporter& reporter, Loaded& loaded) {
  check_schema(root, workload_schema(), reporter);
  if (!root.is_map()) {
    return;
  }
  const Catalog catalog(options.catalog_dir, reporter);
  const LoadContext context{{&root, "", workload_schema()}, file, catalog, reporter};
  Scenario& scenario = loaded.scenario;
  const std::size_t errors = reporter.error_count();
  const bool has_model = load_model(context, scenario);
  const bool has_gpu = load_cluster(context, has_model, scenario);
  const auto preset = load_engine(context, has_model && has_gpu, scenario);
  if (has_gpu && preset) {
    load_calibration(context, scenario);
  }
  // What does not fit is worth saying only of values that are right.
  if (has_model && has_gpu && preset && reporter.error_count() == errors &&
      are_valid(root, workload_schema(), memory_keys)) {
    loaded.memory = load_memory(context, *preset, options.must_fit, scenario);
  }
  load_workload(context, scenario);
  load_stages(context, options.must_fit, scenario);
  load_prices(context, has_gpu, scenario);
  if (options.check_plan && root.find("plan") != nullptr) {
    read_plan(context, scenario.workload.classes);
  }
  scenario.seed = options.seed.value_or(context.root.seed("seed").value_or(1));
}

/// What the plan of a file without `cluster.gpu` may choose, the smallest numbers first.
struct Choice {
  std::vector<std::string> gpus;
  std::vector<int> pipeline_parallel;  ///< 0: what the file says
  std::vector<int> tensor_parallel;
  Span span;
};

Choice choice_of(Node root, const SourcePtr& file, const LoadOptions& options) {
  Reporter ignored;
  const Catalog catalog(options.catalog_dir, ignored);
  const LoadContext context{{&root, "", workload_schema()}, file, catalog, ignored};
  const Section section = context.root.section("plan");
  PlanSpec plan = read_plan(context, {});
  Choice choice{std::move(plan.gpus), std::move(plan.pipeline_parallel),
                std::move(plan.tensor_parallel), section.span("gpus")};
  if (!section.has("pipeline_parallel") || choice.pipeline_parallel.empty()) {
    choice.pipeline_parallel = {0};
  }
  if (choice.gpus.empty() || choice.tensor_parallel.empty()) {  // told with the rest of the file
    const Node nothing;
    plan = read_plan({{&nothing, "", workload_schema()}, file, catalog, ignored}, {});
    choice.gpus = std::move(plan.gpus);
    choice.tensor_parallel = std::move(plan.tensor_parallel);
  }
  std::sort(choice.pipeline_parallel.begin(), choice.pipeline_parallel.end());
  std::sort(choice.tensor_parallel.begin(), choice.tensor_parallel.end());
  Scenario scenario;
  if (load_model(context, scenario)) {
    std::vector<int>& all = choice.tensor_parallel;
    const auto has_problem = [&scenario](int tensor_parallel) {
      return tensor_parallel_problem(scenario.model, tensor_parallel).has_value();
    };
    if (!std::all_of(all.begin(), all.end(), has_problem)) {  // else it is reported of the first
      std::erase_if(all, has_problem);
    }
  }
  return choice;
}

/// A file whose plan chooses the GPU, loaded for one choice.
struct Trial {
  Reporter reporter;
  Loaded loaded;
  bool fits = false;
};

Trial load_choice(Node tree, const SourcePtr& file, const LoadOptions& options, Reporter reporter) {
  Trial trial{std::move(reporter), {}};
  load_tree(tree, file, options, trial.reporter, trial.loaded);
  const MemoryPlan& memory = trial.loaded.memory;
  const ClusterSpec& cluster = trial.loaded.scenario.cluster;
  trial.fits = memory.total_bytes == 0 ||  // not known: something else is wrong
               memory.holds(trial.loaded.scenario.engine.max_model_len);
  trial.reporter.note(
      fmt::format("loaded for {} with tensor_parallel {}{}, which `plan` allows", cluster.gpu.name,
                  cluster.tensor_parallel,
                  cluster.pipeline_parallel > 1
                      ? fmt::format(" and pipeline_parallel {}", cluster.pipeline_parallel)
                      : ""));
  return trial;
}

/// Loads a file whose plan chooses the GPU for the first choice that fits, else for the first.
void load_planned(const Node& root, const SourcePtr& file, const LoadOptions& options,
                  Reporter& reporter, Loaded& loaded) {
  const Choice choice = choice_of(root, file, options);
  std::optional<Trial> first;
  for (const std::string& gpu : choice.gpus) {
    for (const int stages : choice.pipeline_parallel) {
      for (const int tensor_parallel : choice.tensor_parallel) {
        Node tree = root;
        put_gpu(tree, gpu, choice.span,
                {{"tensor_parallel", tensor_parallel}, {"pipeline_parallel", stages}});
        Trial trial = load_choice(std::move(tree), file, options, reporter);
        const bool fits = trial.fits;
        if (fits || !first) {
          first = std::move(trial);
        }
        if (fits) {
          reporter = std::move(first->reporter);
          loaded = std::move(first->loaded);
          return;
        }
      }
    }
  }
  reporter = std::move(first.value().reporter);
  loaded = std::move(first.value().loaded);
}

Loaded finish(Loaded loaded, Reporter& reporter) {
  loaded.ok = !reporter.has_errors();
  loaded.diagnostics = reporter.take();
  loaded.notes = reporter.take_notes();
  loaded.files = reporter.take_files();
  return loaded;
}

Loaded load_source(const SourcePtr& source, const LoadOptions& options, Reporter& reporter) {
  Loaded loaded;
  if (std::optional<Node> root = parse_yaml(source, reporter)) {
    if (root->is_null()) {
      root->span = {source, 1, 1, 0};
    }
    apply_overrides(*root, options.sets, reporter);
    const Node* cluster = root->find("cluster");
    const bool has_gpu = cluster != nullptr && cluster->find("gpu") != nullptr;
    if (options.check_plan && !has_gpu && root->find("plan") != nullptr) {
      load_planned(*root, source, options, reporter, loaded);
    } else {
      load_tree(*root, source, options, reporter, loaded);
    }
  }
  loaded.text = source->text();
  return finish(std::move(loaded), reporter);
}

}  // namespace

std::string resolve_path(const LoadContext& context, const std::string& path, const Span& span) {
  const std::filesystem::path given(path);
  if (given.is_absolute() || span.source != context.file) {
    return path;
  }
  return (std::filesystem::path(context.file->name()).parent_path() / given).string();
}

Loaded load_scenario(const std::string& path, const LoadOptions& options) {
  Reporter reporter;
  const SourcePtr source = read_source(path, path, {}, reporter);
  if (!source) {
    Loaded loaded = finish({}, reporter);
    for (Diagnostic& d : loaded.diagnostics) {
      d.kind = Diagnostic::Kind::io;
    }
    return loaded;
  }
  return load_source(source, options, reporter);
}

Loaded load_scenario_from_text(const std::string& text, const std::string& name,
                               const LoadOptions& options) {
  Reporter reporter;
  return load_source(std::make_shared<const Source>(name, text), options, reporter);
}

std::optional<Diagnostic> unless_saturation_is_known(const Scenario& scenario,
                                                     std::string_view command) {
  Diagnostic d;
  d.kind = Diagnostic::Kind::infeasible;
  if (scenario.engine.scheduler != "static") {
    return std::nullopt;
  }
  d.message =
      fmt::format("{} does not know static batching (`{}`)", command, scenario.engine.preset);
  d.notes.emplace_back("`penstock run`, `sweep` and `explain --step` do");
  return d;
}

int exit_code(const Diagnostics& diagnostics) {
  const auto has = [&diagnostics](Diagnostic::Kind kind) {
    return std::any_of(diagnostics.begin(), diagnostics.end(), [kind](const Diagnostic& d) {
      return d.severity == Diagnostic::Severity::error && d.kind == kind;
    });
  };
  return has(Diagnostic::Kind::input)        ? 3
         : has(Diagnostic::Kind::io)         ? 74
         : has(Diagnostic::Kind::infeasible) ? 4
                                             : 0;
}

}  // namespace penstock::config
