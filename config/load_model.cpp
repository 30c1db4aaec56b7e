#include <fmt/format.h>

#include <filesystem>

#include "config/huggingface.h"
#include "config/load_parts.h"
#include "config/text.h"

namespace penstock::config {

namespace {

bool exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

Dtype dtype_or(const Section& root, std::string_view key, Dtype otherwise) {
  const auto name = root.choice(key);
  return name ? parse_dtype(*name).value_or(otherwise) : otherwise;
}

/// A config.json. What it says of weights goes into the architecture's.
std::optional<Architecture> load_huggingface(const LoadContext& context, const std::string& path,
                                             const Span& span) {
  auto model = read_huggingface(path, span, context.reporter);
  if (!model) {
    return std::nullopt;
  }
  const bool is_given = context.root.has("weights");
  if (!model->weights && !is_given) {
    context.reporter.error(
        model->weights_span,
        fmt::format("this checkpoint is quantized in a way that has no name here: {}",
                    model->quantization),
        "give the nearest of bf16, fp8, int8, nvfp4, mxfp4 and int4 as `weights` in the workload "
        "file");
  }
  if (!model->rounded_from.empty() && !is_given) {
    context.reporter.note(
        fmt::format("weights are bf16: the checkpoint is {}, and engines round it to 16 bits",
                    model->rounded_from));
  }
  if (model->weights && *model->weights != Dtype::bf16) {
    model->architecture.weights = model->weights;
  }
  return std::move(model->architecture);
}

/// `weights`: one dtype, or {experts, dense}, or the checkpoint's. Where a checkpoint leaves all
/// but the routed experts in a wider dtype, the same dtype given here does so too.
void set_weights(const LoadContext& context, Scenario& scenario) {
  const Architecture& model = scenario.model;
  const Section parts = context.root.section("weights");
  const Dtype native = model.weights.value_or(Dtype::bf16);
  scenario.weights = parts.is_given() ? dtype_or(parts, "experts", native)
                                      : dtype_or(context.root, "weights", native);
  const bool is_native = scenario.weights == native;
  scenario.dense_weights = is_native && model.dense_weights ? model.dense_weights : std::nullopt;
  if (parts.is_given()) {
    scenario.dense_weights = dtype_or(parts, "dense", scenario.weight_dtypes().dense);
    if (model.moe.num_experts == 0) {
      context.reporter.error(parts.span(), "`weights` by part are for models with routed experts",
                             "give one dtype");
    }
  }
}

}  // namespace

std::optional<std::string> model_file(const LoadContext& context, const std::string& model,
                                      const Span& span) {
  const std::string path = resolve_path(context, model, span);
  std::error_code error;
  if (model.ends_with(".json") || is_catalog_file(model)) {
    return path;
  }
  if (model.find('/') != std::string::npos && exists(path) &&
      context.catalog.find(CatalogKind::models, model) == nullptr) {
    return std::filesystem::is_directory(path, error)
               ? (std::filesystem::path(path) / "config.json").string()
               : path;
  }
  return std::nullopt;
}

std::optional<Architecture> named_model(const LoadContext& context, const std::string& name,
                                        const Span& span) {
  const auto path = model_file(context, name, span);
  return path && !is_catalog_file(*path) ? load_huggingface(context, *path, span)
         : path                          ? Catalog::model_file(*path, span, context.reporter)
                                         : context.catalog.model(name, span, context.reporter);
}

bool load_model(const LoadContext& context, Scenario& scenario) {
  const Section& root = context.root;
  const std::optional<std::string> name = root.text("model");
  if (!name) {
    return false;
  }
  const auto model = named_model(context, *name, root.span("model"));
  if (!model) {
    return false;
  }
  scenario.model = *model;
  set_weights(context, scenario);
  scenario.kv_cache = dtype_or(root, "kv_cache", model->kv_cache.value_or(Dtype::bf16));
  if (model->kv_cache && !root.has("kv_cache")) {
    context.reporter.note(
        fmt::format("the KV cache is {}, as the checkpoint says: it has the scales "
                    "(`kv_cache` overrules)",
                    to_string(*model->kv_cache)));
  }
  scenario.model_name = scenario.model.name;
  return true;
}

}  // namespace penstock::config
