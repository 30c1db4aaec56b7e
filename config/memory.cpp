#include "config/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "config/text.h"
#include "sim/model/stages.h"

namespace penstock::config {

namespace {

constexpr double gib = 1024.0 * 1024.0 * 1024.0;

/// What vLLM needs beside weights and KV, fitted on eight logged systems (step-model.md §5).
double vllm_reserve_bytes(const MemoryQuestion& q) {
  const auto tokens = static_cast<double>(q.max_num_batched_tokens);
  const auto hidden = static_cast<double>(q.model.hidden_size);
  const MoeLayers& moe = q.model.moe;
  const std::int64_t mlp = moe.num_experts > 0 ? moe.num_experts_per_tok * moe.moe_intermediate_size
                                               : q.model.intermediate_size;
  const double width = static_cast<double>(mlp) / q.tensor_parallel;
  const double activations = tokens * (8 * hidden + 6 * width);
  const double logits =
      4 * static_cast<double>(q.max_num_seqs) * static_cast<double>(q.model.vocab_size);
  const bool communicates = q.tensor_parallel * q.data_parallel * q.pipeline_parallel > 1;
  return (0.8 + (communicates ? 2.0 : 0.0)) * gib + 1.5 * activations + 3 * logits;
}

double reserve_bytes(const MemoryQuestion& q) {
  if (q.reserve_bytes) {
    return *q.reserve_bytes;
  }
  switch (q.rule) {
    case MemoryRule::vllm:
      return vllm_reserve_bytes(q);
    case MemoryRule::tensorrt_llm:
      return q.preset_reserve_bytes;
    case MemoryRule::sglang:
      break;  // lives in what the static fraction leaves
  }
  return 0;
}

/// What a stage of layers holds of what the whole model needs.
struct StageShare {
  std::int64_t layers = 0;
  double of_layers = 1;
  bool is_first = true;  ///< has the embedding
  bool is_last = true;   ///< has the head
};

std::vector<StageShare> stage_shares(const MemoryQuestion& q) {
  const SpareLayers spare = q.rule == MemoryRule::tensorrt_llm ? SpareLayers::first
                            : q.rule == MemoryRule::sglang     ? SpareLayers::last
                                                               : SpareLayers::before_last;
  const std::int64_t all = q.model.num_hidden_layers;
  std::vector<StageShare> out;
  for (const std::int64_t layers : stage_layers(all, q.pipeline_parallel, spare)) {
    out.push_back(
        {layers, static_cast<double>(layers) / static_cast<double>(all), out.empty(), false});
  }
  out.back().is_last = true;
  return out;
}

/// Layers are taken to be alike: a stage has its share of each kind. A tied embedding is held
/// twice.
double stage_weight_bytes(const MemoryQuestion& q, const StageShare& stage) {
  const double all =
      weight_bytes_per_gpu(q.model, q.weight_dtypes(), q.tensor_parallel, q.expert_parallel);
  if (q.pipeline_parallel == 1) {
    return all;
  }
  const ParameterCounts counts = count_parameters(q.model);
  const double bytes = bytes_per_element(Dtype::bf16) / q.tensor_parallel;
  const double embedding = static_cast<double>(counts.embedding) * bytes;
  const double head = static_cast<double>(q.model.vocab_size * q.model.hidden_size) * bytes;
  const double ends = static_cast<double>(counts.embedding + counts.head) * bytes;
  return (all - ends) * stage.of_layers + (stage.is_first ? embedding : 0) +
         (stage.is_last ? head : 0);
}

/// What tokens and sequences need. Where all layers have a window, it is taken to be the context:
/// an upper bound.
void set_cache_sizes(const MemoryQuestion& q, double of_layers, MemoryPlan& plan) {
  plan.bytes_per_token =
      of_layers * kv_bytes_per_token_per_gpu(q.model, q.kv_cache, q.tensor_parallel);
  if (q.drafter) {
    plan.bytes_per_token += kv_bytes_per_token_per_gpu(*q.drafter, q.kv_cache, q.tensor_parallel);
  }
  const double window =
      of_layers * window_bytes_per_token_per_gpu(q.model, q.kv_cache, q.tensor_parallel);
  if (plan.bytes_per_token > 0) {
    plan.window_bytes_per_token = window;
    plan.window = kv_window(q.model);
  } else {
    plan.bytes_per_token = window;
  }
  plan.state_bytes = of_layers * state_bytes_per_gpu(q.model, q.tensor_parallel);
}

/// Tokens of one sequence that has all usable blocks.
std::int64_t longest_sequence(const MemoryPlan& plan) {
  const std::int64_t all = plan.usable_blocks * plan.block_size;
  if (!plan.per_sequence.any()) {
    return all;
  }
  // Within the window every token needs both; the smallest of a few candidates that fit.
  const std::int64_t beyond =
      (plan.usable_blocks - plan.per_sequence.blocks(plan.window)) * plan.block_size;
  if (beyond >= plan.window) {
    return beyond;
  }
  const double per_token =
      1.0 / static_cast<double>(plan.block_size) + plan.per_sequence.window_blocks_per_token;
  const double free = static_cast<double>(plan.usable_blocks) - plan.per_sequence.state_blocks - 1;
  return std::max<std::int64_t>(0, static_cast<std::int64_t>(free / per_token));
}

std::string tokens_text(const MemoryPlan& plan) {
  return fmt::format("{} tokens of KV", group_digits(plan.tokens));
}

MemoryPlan plan_stage(const MemoryQuestion& q, const StageShare& stage) {
  MemoryPlan plan;
  plan.rule = q.rule;
  plan.total_bytes = std::max(0.0, q.gpu.memory_bytes - 0.5 * gib);
  plan.utilization = q.utilization;
  plan.weight_bytes = stage_weight_bytes(q, stage);
  if (q.drafter) {
    plan.drafter_bytes = weight_bytes_per_gpu(*q.drafter, {q.drafter_weights, q.drafter_weights},
                                              q.tensor_parallel, q.expert_parallel);
    plan.weight_bytes += plan.drafter_bytes;
  }
  plan.reserve_bytes = reserve_bytes(q);
  plan.reserve_is_given = q.reserve_bytes.has_value();
  set_cache_sizes(q, stage.of_layers, plan);
  plan.block_size = q.block_size;
  if (q.rule == MemoryRule::tensorrt_llm) {  // a share of what is free after loading
    plan.usable_bytes = plan.total_bytes;
    plan.kv_bytes = plan.total_bytes - plan.weight_bytes - plan.reserve_bytes;
    plan.kv_bytes *= plan.kv_bytes > 0 ? q.utilization : 1;
  } else {
    plan.usable_bytes = q.utilization * plan.total_bytes;
    plan.kv_bytes = plan.usable_bytes - plan.weight_bytes - plan.reserve_bytes;
  }
  const double block_bytes = plan.bytes_per_token * static_cast<double>(q.block_size);
  plan.blocks_are_given = q.blocks_override > 0;
  plan.blocks = plan.blocks_are_given ? q.blocks_override
                : plan.kv_bytes > 0
                    ? static_cast<std::int64_t>(std::min(plan.kv_bytes / block_bytes, 1e12))
                    : 0;
  const std::int64_t null_blocks = q.rule == MemoryRule::vllm ? 1 : 0;
  plan.usable_blocks = std::max<std::int64_t>(0, plan.blocks - null_blocks);
  plan.per_sequence = {plan.state_bytes / block_bytes, plan.window_bytes_per_token / block_bytes,
                       plan.window};
  plan.tokens = longest_sequence(plan);
  return plan;
}

}  // namespace

MemoryPlan plan_memory(const MemoryQuestion& q) {
  MemoryPlan out;
  std::vector<StageMemory> stages;
  for (const StageShare& stage : stage_shares(q)) {
    MemoryPlan plan = plan_stage(q, stage);
    stages.push_back(
        {stage.layers, plan.weight_bytes, plan.bytes_per_token, plan.kv_bytes, plan.blocks});
    const bool has_less =
        plan.tokens != out.tokens ? plan.tokens < out.tokens : plan.kv_bytes < out.kv_bytes;
    if (stages.size() == 1 || has_less) {
      out = std::move(plan);
    }
  }
  if (stages.size() > 1) {
    out.stages = std::move(stages);
  }
  return out;
}

std::vector<std::string> explain_memory(const MemoryQuestion& q, const MemoryPlan& plan) {
  std::vector<std::string> lines;
  lines.push_back(fmt::format("per GPU: {} as the driver shows it, less 0.50 GiB = {}",
                              gib_text(q.gpu.memory_bytes), gib_text(plan.total_bytes)));
  if (q.rule != MemoryRule::tensorrt_llm) {
    lines.push_back(fmt::format("x {} = {} usable (gpu_memory_utilization)",
                                number_text(q.utilization), gib_text(plan.usable_bytes)));
  }
  lines.push_back(fmt::format(
      "- {} of weights ({:.2f}e9 parameters, {}, tensor_parallel {}{}{})",
      gib_text(plan.weight_bytes), static_cast<double>(parameters(q.model)) / 1e9,
      to_string(q.weights), q.tensor_parallel,
      q.pipeline_parallel > 1 ? fmt::format(", the fullest of {} stages", q.pipeline_parallel) : "",
      q.expert_parallel > 1 ? fmt::format(", expert_parallel {}", q.expert_parallel) : ""));
  if (q.drafter) {
    lines.push_back(fmt::format("  of which {} of the drafter", gib_text(plan.drafter_bytes)));
  }
  lines.push_back(
      fmt::format("- {} of reserve ({})", gib_text(plan.reserve_bytes),
                  plan.reserve_is_given ? "as given" : "by rule; `engine.reserve` sets it"));
  if (q.rule == MemoryRule::tensorrt_llm && plan.kv_bytes > 0) {
    lines.push_back(fmt::format("x {} (gpu_memory_utilization)", number_text(q.utilization)));
  }
  lines.push_back(fmt::format("= {} for KV", gib_text(plan.kv_bytes)));
  if (plan.window_bytes_per_token > 0) {
    lines.push_back(fmt::format("{} more of KV for each of a sequence's last {} tokens",
                                gib_text(plan.window_bytes_per_token), group_digits(plan.window)));
  }
  if (plan.state_bytes > 0) {
    lines.push_back(fmt::format("{} of state for each sequence", gib_text(plan.state_bytes)));
  }
  lines.push_back(fmt::format("{} of KV a token: {} usable blocks of {} tokens = {} tokens{}",
                              gib_text(plan.bytes_per_token), group_digits(plan.usable_blocks),
                              plan.block_size, group_digits(plan.tokens),
                              plan.blocks_are_given ? " (num_gpu_blocks_override)" : ""));
  return lines;
}

std::optional<std::string> tensor_parallel_problem(const Architecture& model, int tp,
                                                   bool whole_experts) {
  const bool has_latents = model.mla.kv_lora_rank > 0 || model.compressed.is_used();
  const std::int64_t kv_heads = has_latents ? 1 : model.num_key_value_heads;
  if (model.num_attention_heads % tp != 0) {
    return fmt::format("does not divide the {} attention heads of {}", model.num_attention_heads,
                       model.name);
  }
  if (kv_heads % tp != 0 && tp % kv_heads != 0) {
    return fmt::format("neither divides the {} KV heads of {} nor is a multiple of them", kv_heads,
                       model.name);
  }
  const MoeLayers& moe = model.moe;
  if (moe.num_experts > 0 && !whole_experts && moe.moe_intermediate_size % tp != 0) {
    return fmt::format("does not divide the width {} of the experts of {}",
                       moe.moe_intermediate_size, model.name);
  }
  if (model.linear.layers > 0 && model.linear.value_heads % tp != 0) {
    return fmt::format("does not divide the {} linear heads of {}", model.linear.value_heads,
                       model.name);
  }
  if (model.dense_mlp_layers() > 0 && model.intermediate_size % tp != 0) {
    return fmt::format("does not divide the MLP width {} of {}", model.intermediate_size,
                       model.name);
  }
  return std::nullopt;
}

namespace {

/// More ranks that share the experts.
std::optional<std::string> more_ranks(MemoryQuestion q, std::int64_t tokens) {
  const auto experts = static_cast<int>(q.model.moe.num_experts);
  for (int dp = q.data_parallel + 1; dp * q.tensor_parallel <= experts; ++dp) {
    q.data_parallel = dp;
    q.expert_parallel = dp * q.tensor_parallel;
    if (experts % q.expert_parallel == 0) {
      if (const MemoryPlan plan = plan_memory(q); plan.holds(tokens)) {
        return fmt::format("`data_parallel: {}` with `expert_parallel: {}` fits ({} a rank)", dp,
                           q.expert_parallel, tokens_text(plan));
      }
    }
  }
  return std::nullopt;
}

std::optional<std::string> more_gpus(MemoryQuestion q, std::int64_t tokens) {
  if (q.data_parallel > 1) {
    return more_ranks(q, tokens);
  }
  const int most = std::max(8, std::min(q.gpu.scaleup_domain, 72));
  const bool spread = q.expert_parallel > 1;
  for (int tp = q.tensor_parallel + 1; tp <= most; ++tp) {
    q.tensor_parallel = tp;
    q.expert_parallel = spread ? tp : 1;
    const bool is_even = !spread || q.model.moe.num_experts % tp == 0;
    if (is_even && !tensor_parallel_problem(q.model, tp, spread)) {
      if (const MemoryPlan plan = plan_memory(q); plan.holds(tokens)) {
        return fmt::format("`tensor_parallel: {}`{} fits ({})", tp,
                           spread ? fmt::format(" with `expert_parallel: {}`", tp) : "",
                           tokens_text(plan));
      }
    }
  }
  return std::nullopt;
}

/// GPUs of the catalogue with more memory, the vendor's own first, then by memory.
std::vector<Accelerator> bigger_gpus(const Accelerator& than, const Catalog& catalog) {
  std::vector<Accelerator> gpus;
  Reporter ignored;
  for (const Catalog::Entry& entry : catalog.list(CatalogKind::gpus)) {
    auto gpu = catalog.gpu(entry.name, {}, ignored);
    if (gpu && gpu->memory_bytes > than.memory_bytes) {
      gpus.push_back(std::move(*gpu));
    }
  }
  std::stable_sort(gpus.begin(), gpus.end(), [&than](const auto& a, const auto& b) {
    const bool a_other = a.vendor != than.vendor;
    const bool b_other = b.vendor != than.vendor;
    return a_other != b_other ? b_other : a.memory_bytes < b.memory_bytes;
  });
  return gpus;
}

/// With smaller weights, or on a bigger GPU, and more of them.
std::vector<std::string> two_changes(const MemoryQuestion& question, std::int64_t tokens,
                                     const Catalog& catalog) {
  std::vector<std::string> fits;
  for (const Dtype dtype : {Dtype::fp8, Dtype::nvfp4}) {
    MemoryQuestion q = question;
    q.weights = dtype;
    const bool is_smaller = bytes_per_element(dtype) < bytes_per_element(question.weights);
    if (const auto fit = is_smaller ? more_gpus(q, tokens) : std::nullopt) {
      fits.push_back(fmt::format("`weights: {}` with {}", to_string(dtype), *fit));
      break;
    }
  }
  for (const Accelerator& gpu : bigger_gpus(question.gpu, catalog)) {
    MemoryQuestion q = question;
    q.gpu = gpu;
    if (const auto fit = more_gpus(q, tokens)) {
      fits.push_back(fmt::format("`gpu: {}` with {}", gpu.name, *fit));
      break;
    }
  }
  return fits;
}

std::optional<std::string> smaller_dtype(MemoryQuestion q, std::int64_t tokens) {
  const double bytes = bytes_per_element(q.weights);
  for (const Dtype dtype : {q.weights, Dtype::fp8, Dtype::nvfp4}) {
    for (const Dtype kv : {q.kv_cache, Dtype::fp8}) {
      const Dtype old_kv = q.kv_cache;
      if (bytes_per_element(dtype) > bytes) {
        continue;
      }
      MemoryQuestion smaller = q;
      smaller.weights = dtype;
      smaller.kv_cache = kv;
      const MemoryPlan plan = plan_memory(smaller);
      if (plan.holds(tokens)) {
        return fmt::format("`weights: {}`{} fits ({})", to_string(dtype),
                           kv != old_kv ? fmt::format(" with `kv_cache: {}`", to_string(kv)) : "",
                           tokens_text(plan));
      }
    }
  }
  return std::nullopt;
}

std::optional<std::string> bigger_gpu(MemoryQuestion q, std::int64_t tokens,
                                      const Catalog& catalog) {
  for (const Accelerator& gpu : bigger_gpus(q.gpu, catalog)) {
    q.gpu = gpu;
    if (const MemoryPlan plan = plan_memory(q); plan.holds(tokens)) {
      return fmt::format("`gpu: {}` fits ({})", gpu.name, tokens_text(plan));
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> nearest_fits(const MemoryQuestion& question, std::int64_t tokens,
                                      const Catalog& catalog) {
  std::vector<std::string> fits;
  for (auto& fit : {more_gpus(question, tokens), smaller_dtype(question, tokens),
                    bigger_gpu(question, tokens, catalog)}) {
    if (fit) {
      fits.push_back(*fit);
    }
  }
  return fits.empty() ? two_changes(question, tokens, catalog) : fits;
}

}  // namespace penstock::config
