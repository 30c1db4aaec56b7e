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
        "give the nearest of bf16, fp8, int8, nvfp4, mxfp4, int4, int4_g32, w8a16 and nvfp4a16 as "
        "`weights` in the workload file");
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

/// `weights`: one dtype, or by part, or the checkpoint's. What a checkpoint leaves in a wider dtype
/// is left so by the same dtype given here too.
void set_weights(const LoadContext& context, Scenario& scenario) {
  const Architecture& model = scenario.model;
  const Section parts = context.root.section("weights");
  const Dtype native = model.weights.value_or(Dtype::bf16);
  const bool has_experts = model.moe.num_experts > 0;
  scenario.weights = parts.is_given() ? dtype_or(parts, has_experts ? "experts" : "dense", native)
                                      : dtype_or(context.root, "weights", native);
  if (scenario.weights == native) {
    scenario.dense_weights = model.dense_weights;
    scenario.attention_weights = model.attention_weights;
  }
  if (!parts.is_given()) {
    return;
  }
  if (has_experts && parts.has("dense")) {
    scenario.dense_weights = dtype_or(parts, "dense", native);
  }
  if (parts.has("dense") || parts.has("attention")) {
    scenario.attention_weights = dtype_or(parts, "attention", scenario.weight_dtypes().dense);
  }
  if (!has_experts && parts.has("experts")) {
    context.reporter.error(parts.span("experts"), "this model has no routed experts",
                           "`dense` and `attention` are the parts that it has");
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
  if (scenario.attention_weights && scenario.attention_weights != scenario.weights &&
      !root.section("weights").is_given()) {
    context.reporter.note(fmt::format(
        "projections of attention are {}: the checkpoint leaves them out of its quantization",
        to_string(*scenario.attention_weights)));
  }
  scenario.model_name = scenario.model.name;
  return true;
}

}  // namespace penstock::config
