#include <fmt/format.h>

#include <algorithm>

#include "config/load_parts.h"
#include "config/text.h"
#include "sim/cluster/rank_balance.h"
#include "sim/kv/block_pool.h"
#include "sim/model/draft_layer.h"

namespace penstock::config {

namespace {

MemoryQuestion question_of(const Section& engine, const EnginePreset& preset,
                           const Scenario& scenario) {
  MemoryQuestion q;
  q.gpu = scenario.cluster.gpu;
  q.model = scenario.model;
  q.weights = scenario.weights;
  q.dense_weights = scenario.dense_weights;
  q.attention_weights = scenario.attention_weights;
  q.kv_cache = scenario.kv_cache;
  q.tensor_parallel = scenario.cluster.tensor_parallel;
  q.pipeline_parallel = scenario.cluster.pipeline_parallel;
  q.data_parallel = scenario.cluster.data_parallel;
  q.expert_parallel = scenario.cluster.expert_parallel;
  q.rule = preset.memory_rule;
  q.utilization = scenario.engine.gpu_memory_utilization;
  q.max_num_batched_tokens = scenario.engine.max_num_batched_tokens;
  q.max_num_seqs = scenario.engine.max_num_seqs;
  q.block_size = scenario.engine.block_size;
  q.reserve_bytes = engine.number("reserve");
  q.preset_reserve_bytes = preset.kv_reserve_bytes;
  q.blocks_override = engine.whole("num_gpu_blocks_override").value_or(0);
  if (const SpeculativeSpec& spec = scenario.engine.speculative; spec.has_drafter()) {
    using Method = SpeculativeSpec::Method;
    q.drafter =
        spec.method == Method::draft_model
            ? spec.drafter
            : draft_layer_weights(spec.drafter, spec.method == Method::eagle3 ? DraftLayer::eagle3
                                                                              : DraftLayer::eagle);
    q.drafter_weights = spec.drafter_weights;
  }
  return q;
}

/// Where to point when a GPU's memory is too small.
Span memory_span(const LoadContext& context) {
  const Section cluster = context.root.section("cluster");
  return cluster.span(cluster.has("tensor_parallel") ? "tensor_parallel" : "gpu");
}

/// Reports that a sequence of `tokens` cannot be held: an error, or a warning if it need not fit.
void report_misfit(const LoadContext& context, const MemoryQuestion& question,
                   const MemoryPlan& plan, std::int64_t tokens, bool must_fit) {
  const std::string gpu = question.gpu.name;
  const std::string model = question.model.name;
  const Section engine = context.root.section("engine");
  Span span = memory_span(context);
  std::string message;
  if (!plan.weights_fit()) {
    message = fmt::format("{} does not fit: {} of weights per GPU, but {} has {}", model,
                          gib_text(plan.weight_bytes), gpu, gib_text(plan.total_bytes));
  } else if (plan.blocks_are_given && plan.usable_blocks < 1) {
    span = engine.span("num_gpu_blocks_override");
    message = "`num_gpu_blocks_override` leaves no block to use: vLLM keeps one for itself";
  } else if (plan.usable_blocks < 1) {
    message = fmt::format("{} leaves no memory for KV on {}", model, gpu);
  } else {
    span = engine.span("max_model_len");
    message = fmt::format("`max_model_len` {} does not fit: the KV pool holds {} tokens",
                          group_digits(tokens), group_digits(plan.tokens));
  }
  Diagnostic& d = must_fit ? context.reporter.infeasible(span, message)
                           : context.reporter.warning(span, message);
  d.notes = explain_memory(question, plan);
  if (plan.blocks_are_given && plan.weights_fit()) {
    d.notes.push_back(fmt::format(
        "instead: `num_gpu_blocks_override: {}`",
        (tokens + plan.block_size - 1) / plan.block_size + plan.blocks - plan.usable_blocks));
    return;
  }
  const auto fits = nearest_fits(question, tokens, context.catalog);
  for (const std::string& fit : fits) {
    d.notes.push_back("instead: " + fit);
  }
  if (fits.empty()) {
    d.notes.emplace_back(
        "no GPU of the catalogue holds it, be it 8 of them or those of one NVLink domain");
  }
}

void set_max_model_len(const LoadContext& context, const MemoryPlan& plan, Scenario& scenario) {
  const std::int64_t longest = scenario.model.max_position_embeddings;
  const Section engine = context.root.section("engine");
  if (const auto given = engine.whole("max_model_len")) {
    scenario.engine.max_model_len = *given;
    if (*given > longest) {
      context.reporter.warning(
          engine.span("max_model_len"),
          fmt::format("`max_model_len` {} is beyond the {} tokens that {} was "
                      "made for",
                      group_digits(*given), group_digits(longest), scenario.model.name));
    }
    return;
  }
  scenario.engine.max_model_len = plan.tokens > 0 ? std::min(longest, plan.tokens) : longest;
  if (scenario.engine.max_model_len < longest) {
    context.reporter.note(
        fmt::format("max_model_len is {}: what the KV pool holds (the model's maximum is {})",
                    group_digits(scenario.engine.max_model_len), group_digits(longest)));
  }
}

/// Where each request reserves max_model_len tokens, those are a block; what a sequence holds
/// beside them is part of the slot.
void make_slots(MemoryPlan& plan, EngineSpec& engine) {
  const std::int64_t blocks = blocks_for(engine.max_model_len, plan.block_size);
  const std::int64_t all = blocks + engine.per_sequence.blocks(engine.max_model_len);
  engine.per_sequence = {};
  plan.block_size *= blocks;
  plan.blocks /= all;
  plan.usable_blocks /= all;
  plan.tokens = plan.usable_blocks * plan.block_size;
  engine.block_size = plan.block_size;
  engine.num_gpu_blocks = plan.usable_blocks;
}

void warn_of_overfull_pool(const LoadContext& context, const MemoryPlan& plan) {
  const double pool = plan.bytes_per_token * static_cast<double>(plan.block_size) *
                      static_cast<double>(plan.blocks);
  if (plan.blocks_are_given && plan.weight_bytes + pool > plan.total_bytes) {
    Diagnostic& d = context.reporter.warning(
        context.root.section("engine").span("num_gpu_blocks_override"),
        "these KV blocks and the weights need more memory than the GPU has");
    d.notes.push_back(fmt::format("{} of blocks + {} of weights, of {}", gib_text(pool),
                                  gib_text(plan.weight_bytes), gib_text(plan.total_bytes)));
  }
}

/// The host's share of the KV blocks, as vLLM's `kv_offloading_size` counts it: over all GPUs.
void load_offloading(const LoadContext& context, const MemoryPlan& plan, Scenario& scenario) {
  constexpr double pcie_4 = 25e9;  // bytes per second
  const Section engine = context.root.section("engine");
  const double size = engine.number("kv_offloading_size").value_or(0);
  if (engine.has("kv_offloading_bandwidth") && size <= 0) {
    context.reporter.error(engine.key_span("kv_offloading_bandwidth"),
                           "`kv_offloading_bandwidth` without a `kv_offloading_size`");
  }
  if (size <= 0 || plan.bytes_per_token <= 0) {
    return;
  }
  if (!scenario.engine.enable_prefix_caching) {
    context.reporter.error(engine.key_span("kv_offloading_size"),
                           "`kv_offloading_size` needs `enable_prefix_caching`",
                           "the host keeps blocks to be hit");
    return;
  }
  const double block_bytes = plan.bytes_per_token * static_cast<double>(plan.block_size);  // a GPU
  const double blocks = size / (block_bytes * scenario.cluster.gpus_per_replica());
  const double bandwidth = engine.number("kv_offloading_bandwidth").value_or(pcie_4);
  scenario.engine.host_blocks = static_cast<std::int64_t>(std::min(blocks, 1e12));
  scenario.engine.host_block_time = SimTime::from_seconds(block_bytes / bandwidth);
  if (scenario.engine.host_blocks < 1) {
    context.reporter.error(
        engine.span("kv_offloading_size"),
        fmt::format("a block of {} tokens takes {}", plan.block_size,
                    gib_text(block_bytes * scenario.cluster.gpus_per_replica())));
  }
}

void refuse_other_engines_ranks(const LoadContext& context, const Scenario& scenario) {
  if (scenario.cluster.data_parallel > 1 && !RankBalance::knows(scenario.engine.scheduler)) {
    context.reporter.infeasible(
        context.root.section("cluster").span("data_parallel"),
        fmt::format("`data_parallel` is not built for the scheduler {}", scenario.engine.scheduler),
        "vLLM V1, SGLang and TensorRT-LLM have it");
  }
}

}  // namespace

MemoryPlan load_memory(const LoadContext& context, const EnginePreset& preset, bool must_fit,
                       Scenario& scenario) {
  const Section engine = context.root.section("engine");
  const MemoryQuestion question = question_of(engine, preset, scenario);
  MemoryPlan plan = plan_memory(question);
  scenario.engine.num_gpu_blocks = plan.usable_blocks;
  scenario.engine.per_sequence = plan.per_sequence;
  if (must_fit) {
    refuse_other_engines_ranks(context, scenario);
  }
  set_max_model_len(context, plan, scenario);
  const std::int64_t needed = engine.whole("max_model_len").value_or(1);
  if (!plan.holds(needed)) {
    report_misfit(context, question, plan, needed, must_fit);
  } else {
    warn_of_overfull_pool(context, plan);
    if (scenario.engine.holds_slots()) {
      make_slots(plan, scenario.engine);
    }
  }
  load_offloading(context, plan, scenario);
  return plan;
}

}  // namespace penstock::config
