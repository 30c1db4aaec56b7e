#include <fmt/format.h>

#include <algorithm>

#include "config/load_parts.h"
#include "config/text.h"

namespace penstock::config {

namespace {

constexpr std::string_view default_preset = "vllm-0.19";

/// Keys that not every scheduler knows, and those that do.
struct OwnKey {
  std::string_view key;
  std::string_view schedulers;
  std::string_view instead{};  ///< what else to do
};
constexpr OwnKey own_keys[] = {
    {"max_num_batched_tokens", "vllm_v1|vllm_v0|sarathi|sglang|tensorrt_llm",
     "it has no token budget"},
    {"block_size", "vllm_v1|vllm_v0|sarathi|sglang|tensorrt_llm",
     "it reserves `max_model_len` tokens for each request"},
    {"enable_chunked_prefill", "vllm_v1|sglang|tensorrt_llm"},
    {"long_prefill_token_threshold", "vllm_v1"},
    {"scheduler_reserve_full_isl", "vllm_v1"},
    {"watermark", "vllm_v1|vllm_v0|sarathi"},
    {"kv_offloading_size", "vllm_v1"},
    {"kv_offloading_bandwidth", "vllm_v1"},
    {"async_scheduling", "vllm_v1|sglang|tensorrt_llm"},
    {"pipeline_depth", "vllm_v1|sglang|tensorrt_llm"},
    {"chunked_prefill_size", "sglang", "`max_num_batched_tokens` is the budget of a step"},
    {"max_prefill_tokens", "sglang"},
    {"schedule_policy", "sglang"},
    {"schedule_conservativeness", "sglang"},
    {"enable_mixed_chunk", "sglang"},
    {"capacity_scheduler_policy", "tensorrt_llm"},
    {"context_chunking_policy", "tensorrt_llm"},
    {"enable_chunked_context", "tensorrt_llm"},
};

bool has_word(std::string_view words, std::string_view word) {
  return ('|' + std::string(words) + '|').find('|' + std::string(word) + '|') != std::string::npos;
}

/// vLLM's class of GPUs with larger limits (scheduler-semantics.md §1.1.1).
bool is_large(const Accelerator& gpu) {
  constexpr double gib = 1024.0 * 1024.0 * 1024.0;
  return gpu.memory_bytes >= 70 * gib && to_lower(gpu.name).find("a100") == std::string::npos;
}

/// Capture sizes up to G (scheduler-semantics.md §1.9.1); with drafts, whole sequences of `rows`.
std::vector<std::int64_t> default_graph_sizes(std::int64_t max_num_seqs,
                                              std::int64_t max_num_batched_tokens,
                                              std::int64_t rows) {
  const std::int64_t largest =
      std::min({2 * max_num_seqs * rows, std::int64_t{512}, max_num_batched_tokens});
  std::vector<std::int64_t> sizes;
  for (std::int64_t size = 1; size <= largest;) {
    const std::int64_t whole = (size + rows - 1) / rows * rows;
    if (whole <= largest && (sizes.empty() || whole > sizes.back())) {
      sizes.push_back(whole);
    }
    size += size < 4 ? size : size == 4 ? 4 : size < 256 ? 8 : 16;
  }
  return sizes;
}

class EngineLoader {
 public:
  EngineLoader(const LoadContext& context, Scenario& scenario)
      : section_(context.root.section("engine")),
        context_(context),
        scenario_(scenario),
        engine_(scenario.engine) {}

  std::optional<EnginePreset> load(bool hardware_is_known) {
    const std::string name = section_.text("preset").value_or(std::string(default_preset));
    std::optional<EnginePreset> preset =
        context_.catalog.engine(name, section_.span("preset"), context_.reporter);
    if (!preset) {
      return std::nullopt;
    }
    if (!section_.has("preset")) {
      context_.reporter.note(fmt::format("engine.preset is {}, as none is given", default_preset));
    }
    engine_ = preset->spec;
    check_own_keys();
    override_policies();
    override_own();
    override_timing();
    if (hardware_is_known) {
      warn_of_vendor();
      set_state_dtype();
      load_speculative(context_, scenario_);
      set_limits(*preset);
      check_drafts();
      set_graph_sizes(*preset);
    }
    return preset;
  }

 private:
  template <typename T, typename U>
  static void set(T& field, const std::optional<U>& value) {
    if (value) {
      field = *value;
    }
  }

  /// vLLM keeps Mamba's states in the model's dtype if nothing else is asked for.
  void set_state_dtype() {
    LinearAttention& linear = scenario_.model.linear;
    const bool is_auto = section_.choice("mamba_ssm_cache_dtype").value_or("auto") == "auto";
    if (is_auto && linear.is_mamba() && engine_.scheduler == "vllm_v1") {
      linear.element_bytes = 2;
    }
  }

  void warn_of_vendor() {
    const Accelerator& gpu = scenario_.cluster.gpu;
    if (engine_.scheduler == "tensorrt_llm" && !gpu.vendor.empty() && gpu.vendor != "nvidia") {
      context_.reporter.warning(
          section_.span("preset"),
          fmt::format("TensorRT-LLM runs on NVIDIA's GPUs only, not on {}", gpu.name));
    }
  }

  void check_own_keys() {
    for (const OwnKey& own : own_keys) {
      if (section_.has(own.key) && !has_word(own.schedulers, engine_.scheduler)) {
        Diagnostic& d = context_.reporter.error(
            section_.key_span(own.key),
            fmt::format("`{}` is no setting of the scheduler {}", own.key, engine_.scheduler));
        if (!own.instead.empty()) {
          d.notes.emplace_back(own.instead);
        }
      }
    }
    if (engine_.scheduler == "vllm_v1") {
      return;
    }
    if (section_.boolean("enable_prefix_caching").value_or(false) &&
        !has_word("sglang|tensorrt_llm", engine_.scheduler)) {
      context_.reporter
          .infeasible(
              section_.span("enable_prefix_caching"),
              fmt::format("prefix caching of the scheduler {} is not built", engine_.scheduler))
          .notes.emplace_back("vLLM V1's, SGLang's and TensorRT-LLM's are");
    }
    if (section_.choice("scheduling_policy").value_or("fcfs") != "fcfs") {
      context_.reporter.error(
          section_.span("scheduling_policy"),
          fmt::format("the scheduler {} is first come, first served", engine_.scheduler));
    }
  }

  /// What only one engine has, by its own names.
  void override_own() {
    SglangSpec& sglang = engine_.sglang;
    set(sglang.max_prefill_tokens, section_.whole("max_prefill_tokens"));
    set(sglang.schedule_conservativeness, section_.number("schedule_conservativeness"));
    if (const auto policy = section_.choice("schedule_policy")) {
      sglang.schedule_policy =
          *policy == "lpm" ? SglangSpec::Policy::lpm : SglangSpec::Policy::fcfs;
    }
    set(sglang.enable_mixed_chunk, section_.boolean("enable_mixed_chunk"));
    if (const auto policy = section_.choice("capacity_scheduler_policy")) {
      engine_.tensorrt_llm.capacity_scheduler_policy =
          *policy == "max_utilization" ? TensorRtSpec::Capacity::max_utilization
                                       : TensorRtSpec::Capacity::guaranteed_no_evict;
    }
    if (const auto policy = section_.choice("context_chunking_policy")) {
      engine_.tensorrt_llm.context_chunking_policy =
          *policy == "equal_progress" ? TensorRtSpec::Chunking::equal_progress
                                      : TensorRtSpec::Chunking::first_come_first_served;
    }
    set(engine_.enable_chunked_prefill, section_.boolean("enable_chunked_context"));
  }

  void override_policies() {
    set(engine_.block_size, section_.whole("block_size"));
    set(engine_.gpu_memory_utilization, section_.number("gpu_memory_utilization"));
    set(engine_.enable_chunked_prefill, section_.boolean("enable_chunked_prefill"));
    set(engine_.long_prefill_token_threshold, section_.whole("long_prefill_token_threshold"));
    set(engine_.async_scheduling, asked_async(section_));
    if (section_.has("async_scheduling") &&
        asked_async(section_) != section_.boolean("async_scheduling")) {
      context_.reporter.error(section_.span("pipeline_depth"),
                              "`pipeline_depth` contradicts `async_scheduling`",
                              "they are one setting: depth 2 is asynchronous; leave one out");
    }
    set(engine_.scheduler_reserve_full_isl, section_.boolean("scheduler_reserve_full_isl"));
    set(engine_.max_queued_requests, section_.whole("max_queued_requests"));
    set(engine_.watermark, section_.number("watermark"));
    if (const auto policy = section_.choice("scheduling_policy")) {
      engine_.scheduling_policy =
          *policy == "priority" ? SchedulingPolicy::priority : SchedulingPolicy::fcfs;
    }
    set(engine_.enable_prefix_caching, section_.boolean("enable_prefix_caching"));
  }

  /// vLLM's API server streams what all ranks of its server compute, TensorRT-LLM's first rank what
  /// all of them do; the schedulers of SGLang's ranks are processes of their own.
  std::int64_t default_front_ends() const {
    const ClusterSpec& cluster = scenario_.cluster;
    if (engine_.scheduler != "vllm_v1") {
      return engine_.scheduler == "sglang" ? cluster.data_parallel : 1;
    }
    const int servers = (cluster.gpus_per_replica() + cluster.gpu.server_gpus - 1) /
                        std::max(1, cluster.gpu.server_gpus);
    return std::clamp(servers, 1, cluster.data_parallel);
  }

  void override_timing() {
    const Section cpu = section_.section("cpu_overhead");
    CpuOverhead& overhead = engine_.cpu_overhead;
    overhead.per_step = cpu.time("per_step").value_or(overhead.per_step);
    overhead.per_sequence = cpu.time("per_sequence").value_or(overhead.per_sequence);
    overhead.overlap = cpu.boolean("overlap").value_or(overhead.overlap);
    overhead.front_ends = section_.whole("front_ends").value_or(default_front_ends());
    engine_.own_times = {cpu.has("per_step"), cpu.has("per_sequence"),
                         section_.has("front_end_latency")};
    engine_.front_end_latency =
        section_.time("front_end_latency").value_or(engine_.front_end_latency);
    const Section model = context_.root.section("step_model");
    if (model.is_given()) {
      if (const auto constant = model.time("constant")) {
        scenario_.step_model = {StepModelSpec::Kind::constant, *constant};
      } else if (!model.has("constant") && !model.has("table")) {
        context_.reporter.error(model.span(), "`step_model` names no model",
                                "such as {constant: 20ms}");
      }
    }
  }

  /// M and S: the user's, else the preset's for this GPU, then vLLM's post-processing of what the
  /// user did not set (scheduler-semantics.md §1.1.1).
  void set_limits(const EnginePreset& preset) {
    const EnginePreset::Limits& limits =
        is_large(scenario_.cluster.gpu) ? preset.large : preset.other;
    const auto chunk = section_.whole("chunked_prefill_size");
    const auto given_tokens = chunk ? chunk : section_.whole("max_num_batched_tokens");
    const auto given_seqs = section_.whole("max_num_seqs");
    const std::int64_t longest =
        section_.whole("max_model_len").value_or(scenario_.model.max_position_embeddings);
    std::int64_t seqs = given_seqs.value_or(default_seqs(limits.max_num_seqs));
    std::int64_t tokens = given_tokens.value_or(limits.max_num_batched_tokens);
    const bool is_vllm = engine_.scheduler == "vllm_v1" || engine_.scheduler == "vllm_v0";
    if (!given_tokens && is_vllm) {
      tokens = engine_.enable_chunked_prefill ? tokens : std::max(tokens, longest);
      tokens = std::min(tokens, seqs * longest);
    }
    const bool counts_decodes = is_vllm || engine_.scheduler == "tensorrt_llm";
    if (!given_seqs && counts_decodes) {
      seqs = std::min(seqs, tokens / rows_in_step());
    }
    engine_.max_num_seqs = seqs;
    engine_.max_num_batched_tokens = tokens;
    const std::string_view key = chunk          ? "chunked_prefill_size"
                                 : given_tokens ? "max_num_batched_tokens"
                                                : "max_num_seqs";
    if (counts_decodes) {
      check_limits(key, is_vllm ? longest : 1);
    }
    check_unit(key);
  }

  /// SGLang sets max_running_requests of all ranks to 48 with drafts, if nobody else sets it.
  std::int64_t default_seqs(std::int64_t of_preset) {
    constexpr std::int64_t with_drafts = 48;
    if (engine_.scheduler != "sglang" || !engine_.speculative.on() ||
        section_.has("max_num_seqs")) {
      return of_preset;
    }
    const std::int64_t seqs =
        std::max<std::int64_t>(1, with_drafts / scenario_.cluster.data_parallel);
    context_.reporter.note(
        fmt::format("max_num_seqs is {}, as in SGLang with drafts, if none is given", seqs));
    return seqs;
  }

  /// Tokens of the budget that a decoding sequence must find, with drafts that nobody cuts short.
  std::int64_t rows_in_step() const {
    return engine_.scheduler == "tensorrt_llm" ? engine_.speculative.rows() : 1;
  }

  /// A chunk is made of whole pages or units, but for the last of a prompt.
  void check_unit(std::string_view key) {
    const bool cuts = (engine_.scheduler == "sglang" || engine_.scheduler == "tensorrt_llm") &&
                      engine_.enable_chunked_prefill;
    if (cuts && engine_.max_num_batched_tokens < engine_.block_size) {
      context_.reporter.error(section_.span(key),
                              fmt::format("a chunk of {} tokens is less than a block of {}",
                                          group_digits(engine_.max_num_batched_tokens),
                                          group_digits(engine_.block_size)));
    }
  }

  void check_limits(std::string_view key, std::int64_t longest) {
    const std::int64_t seqs = engine_.max_num_seqs;
    const std::int64_t tokens = engine_.max_num_batched_tokens;
    const Span tokens_span = section_.span(key);
    const std::int64_t rows = rows_in_step();
    if (tokens < seqs * rows) {
      Diagnostic& d = context_.reporter.error(
          tokens_span, fmt::format("`max_num_batched_tokens` {} is less than `max_num_seqs` {}{}",
                                   group_digits(tokens), group_digits(seqs),
                                   rows > 1 ? fmt::format(" x {} tokens, with drafts", rows) : ""));
      d.notes.emplace_back(rows > 1 ? "each sequence of a step has all its drafts verified"
                                    : "each sequence of a step computes at least one token");
    }
    if (!engine_.enable_chunked_prefill && tokens < longest) {
      Diagnostic& d = context_.reporter.error(
          tokens_span,
          fmt::format("`max_num_batched_tokens` {} is less than the longest prompt, {} tokens",
                      group_digits(tokens), group_digits(longest)));
      d.notes.emplace_back("without `enable_chunked_prefill` a prompt is computed in one step");
      d.notes.emplace_back(section_.has("max_model_len")
                               ? "`max_model_len` limits it"
                               : "`max_model_len` limits it; it is the model's maximum now");
    }
  }

  /// A sequence and its drafts are scheduled together.
  void check_drafts() {
    const std::int64_t rows = engine_.speculative.rows();
    const std::int64_t budget = engine_.max_num_batched_tokens;
    if (rows == 1 || engine_.scheduler == "sglang") {  // whose budget is that of prompts
      return;
    }
    if (budget < rows) {
      context_.reporter.error(
          section_.section("speculative").span("num_speculative_tokens"),
          fmt::format("a sequence and its drafts are {} tokens, beyond `max_num_batched_tokens` {}",
                      rows, group_digits(budget)));
    } else if (budget < rows * engine_.max_num_seqs) {
      context_.reporter.note(fmt::format(
          "max_num_batched_tokens {} holds {} sequences with their drafts, of "
          "max_num_seqs {}: those beyond wait a step",
          group_digits(budget), group_digits(budget / rows), group_digits(engine_.max_num_seqs)));
    }
  }

  void set_graph_sizes(const EnginePreset& preset) {
    const auto choice = section_.choice("cuda_graph_sizes");
    const Node* given = section_.find("cuda_graph_sizes");
    if (given != nullptr && given->is_sequence()) {
      engine_.cuda_graph_sizes = section_.wholes("cuda_graph_sizes");
      const std::vector<std::int64_t>& sizes = engine_.cuda_graph_sizes;
      if (!std::is_sorted(sizes.begin(), sizes.end(), std::less_equal<>())) {
        context_.reporter.error(given->span, "`cuda_graph_sizes` must rise");
      }
      if (given->items.empty()) {
        context_.reporter.error(given->span, "`cuda_graph_sizes` is empty",
                                "`none` turns padding off");
      }
    } else if (preset.pads_to_cuda_graphs && choice.value_or("default") == "default") {
      engine_.cuda_graph_sizes = default_graph_sizes(
          engine_.max_num_seqs, engine_.max_num_batched_tokens, engine_.speculative.rows());
    }
  }

  Section section_;
  const LoadContext& context_;
  Scenario& scenario_;
  EngineSpec& engine_;
};

}  // namespace

std::optional<bool> asked_async(const Section& engine) {
  if (const auto depth = engine.whole("pipeline_depth")) {
    return *depth == 2;
  }
  return engine.boolean("async_scheduling");
}

std::optional<EnginePreset> load_engine(const LoadContext& context, bool hardware_is_known,
                                        Scenario& scenario) {
  return EngineLoader(context, scenario).load(hardware_is_known);
}

}  // namespace penstock::config
