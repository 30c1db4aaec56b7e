#include <fmt/format.h>

#include "config/load_parts.h"
#include "config/text.h"
#include "sim/model/draft_layer.h"

namespace penstock::config {

namespace {

using Method = SpeculativeSpec::Method;

constexpr Method methods[] = {Method::ngram, Method::eagle, Method::eagle3, Method::mtp,
                              Method::draft_model};

class SpeculativeLoader {
 public:
  SpeculativeLoader(const LoadContext& context, Scenario& scenario)
      : engine_(context.root.section("engine")),
        section_(engine_.section("speculative")),
        context_(context),
        scenario_(scenario) {}

  void load() {
    const auto name = section_.choice("method");
    if (!section_.is_given() || !name) {
      return;
    }
    const std::string& scheduler = scenario_.engine.scheduler;
    if (scheduler != "vllm_v1" && scheduler != "sglang" && scheduler != "tensorrt_llm") {
      context_.reporter
          .infeasible(
              engine_.key_span("speculative"),
              fmt::format("speculative decoding of the scheduler {} is not built", scheduler))
          .notes.emplace_back(scheduler == "vllm_v0"
                                  ? "vLLM V1's, SGLang's and TensorRT-LLM's are"
                                  : "that engine has none; vLLM V1, SGLang and TensorRT-LLM do");
      return;
    }
    SpeculativeSpec spec;
    for (const Method method : methods) {
      spec.method = *name == to_string(method) ? method : spec.method;
    }
    if (check_ranks(spec.method) && read_acceptance(spec) && read_drafter(spec)) {
      check_async(spec.method);
      check_mixed_chunk();
      scenario_.engine.speculative = std::move(spec);
    }
  }

 private:
  /// SGLang's attention ranks know layers on top of the model as drafters.
  bool check_ranks(Method method) {
    const bool is_layer = method != Method::ngram && method != Method::draft_model;
    if (scenario_.cluster.data_parallel == 1 || is_layer) {
      return true;
    }
    if (scenario_.engine.scheduler == "sglang") {
      context_.reporter.error(
          section_.span("method"),
          fmt::format("SGLang's ranks (`data_parallel`) have no {} drafts", to_string(method)),
          "they have eagle, eagle3 and mtp");
      return false;
    }
    if (method == Method::draft_model) {
      context_.reporter.infeasible(
          section_.span("method"),
          "a draft model on ranks (`data_parallel`) is not built: whether its own experts are "
          "shared, this version does not know",
          "eagle, eagle3 and mtp are, and ngram");
      return false;
    }
    return true;
  }

  bool read_acceptance(SpeculativeSpec& spec) {
    const auto drafts = section_.whole("num_speculative_tokens");
    if (drafts.value_or(0) == 0) {
      return false;
    }
    const Node* given = section_.find("acceptance");
    if (given == nullptr || !given->is_sequence()) {
      const auto each = section_.number("acceptance");
      spec.acceptance.assign(static_cast<std::size_t>(*drafts), each.value_or(0));
      return each.has_value();
    }
    spec.acceptance = section_.numbers("acceptance");
    if (spec.num_speculative_tokens() != *drafts) {
      context_.reporter.error(
          given->span,
          fmt::format("`acceptance` by position has {} entries, `num_speculative_tokens` is {}",
                      given->items.size(), *drafts));
      return false;
    }
    return true;
  }

  bool read_drafter(SpeculativeSpec& spec) {
    const bool is_named = section_.has("draft_model");
    if (is_named != (spec.method == Method::draft_model)) {
      context_.reporter.error(
          is_named ? section_.key_span("draft_model") : section_.span("method"),
          is_named
              ? fmt::format("`draft_model` is no setting of the method {}", to_string(spec.method))
              : std::string("the method draft_model needs a `draft_model`"),
          is_named ? "" : "such as `draft_model: llama-3.2-1b`");
      return false;
    }
    if (spec.method == Method::draft_model) {
      return read_draft_model(spec);
    }
    if (spec.method != Method::ngram) {
      const DraftLayer kind = spec.method == Method::eagle    ? DraftLayer::eagle
                              : spec.method == Method::eagle3 ? DraftLayer::eagle3
                                                              : DraftLayer::mtp;
      spec.drafter = draft_layer(scenario_.model, kind);
      // EAGLE's heads are published in bf16, MTP's layer is part of the checkpoint.
      spec.drafter_weights = spec.method == Method::mtp ? scenario_.weights : Dtype::bf16;
    }
    return true;
  }

  bool read_draft_model(SpeculativeSpec& spec) {
    const auto name = section_.text("draft_model");
    const Span span = section_.span("draft_model");
    auto model = name ? named_model(context_, *name, span) : std::nullopt;
    if (!model) {
      return false;
    }
    if (model->sliding_layers + model->linear.layers > 0) {
      context_.reporter.infeasible(
          span, fmt::format("{} has sliding windows or states: this version drafts with models of "
                            "full attention",
                            model->name));
      return false;
    }
    if (const auto problem = tensor_parallel_problem(*model, scenario_.cluster.tensor_parallel)) {
      context_.reporter.error(span,
                              fmt::format("`tensor_parallel: {}`, which the drafter shares, {}",
                                          scenario_.cluster.tensor_parallel, *problem));
      return false;
    }
    if (model->vocab_size != scenario_.model.vocab_size) {
      context_.reporter
          .warning(span, fmt::format("{} has a vocabulary of {}, {} one of {}", model->name,
                                     group_digits(model->vocab_size), scenario_.model.name,
                                     group_digits(scenario_.model.vocab_size)))
          .notes.emplace_back("engines take drafts of the same vocabulary only");
    }
    spec.drafter_weights = model->weights.value_or(Dtype::bf16);
    spec.drafter = *std::move(model);
    return true;
  }

  /// vLLM and TensorRT-LLM schedule ahead beside EAGLE's and MTP's drafts. N-gram drafts need the
  /// tokens on the CPU; with a draft model it is off unless asked for (in vLLM on by default since
  /// mid 2026, PR 48341). So it is with all of SGLang's (spec V2, the default since mid 2026).
  void check_async(Method method) {
    EngineSpec& engine = scenario_.engine;
    const bool is_asked = asked_async(engine_).value_or(false);
    const bool is_sglang = engine.scheduler == "sglang";
    const bool goes_on = method != Method::ngram && method != Method::draft_model && !is_sglang;
    if (!engine.async_scheduling || goes_on) {
      return;
    }
    if (method == Method::ngram && is_asked && !is_sglang) {
      context_.reporter.error(
          engine_.span(engine_.has("pipeline_depth") ? "pipeline_depth" : "async_scheduling"),
          "`async_scheduling` does not go with n-gram drafts",
          fmt::format("{} has it off too",
                      engine.scheduler == "vllm_v1" ? "vLLM" : "TensorRT-LLM"));
    } else if (!is_asked) {
      engine.async_scheduling = false;
      context_.reporter.note(
          is_sglang ? std::string(
                          "async_scheduling is off, as in SGLang 0.5 with drafts; give it for the "
                          "overlap scheduler with drafts (spec V2)")
                    : fmt::format("async_scheduling is off, as in {} with drafts of {}",
                                  engine.scheduler == "vllm_v1" ? "vLLM" : "TensorRT-LLM",
                                  to_string(method)));
    }
  }

  void check_mixed_chunk() {
    SglangSpec& sglang = scenario_.engine.sglang;
    if (scenario_.engine.scheduler == "sglang" && sglang.enable_mixed_chunk) {
      sglang.enable_mixed_chunk = false;
      context_.reporter.note("enable_mixed_chunk is off, as in SGLang with drafts");
    }
  }

  Section engine_;
  Section section_;
  const LoadContext& context_;
  Scenario& scenario_;
};

}  // namespace

void load_speculative(const LoadContext& context, Scenario& scenario) {
  SpeculativeLoader(context, scenario).load();
}

}  // namespace penstock::config
