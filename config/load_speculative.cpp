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
    if (scenario_.engine.scheduler != "vllm_v1") {
      context_.reporter
          .infeasible(engine_.key_span("speculative"),
                      fmt::format("speculative decoding of the scheduler {} is not built yet",
                                  scenario_.engine.scheduler))
          .notes.emplace_back("this version drafts as vLLM V1 does");
      return;
    }
    if (scenario_.cluster.data_parallel > 1) {
      context_.reporter.infeasible(
          engine_.key_span("speculative"),
          "speculative decoding on ranks (`data_parallel`) is not built yet");
      return;
    }
    SpeculativeSpec spec;
    for (const Method method : methods) {
      spec.method = *name == to_string(method) ? method : spec.method;
    }
    if (read_acceptance(spec) && read_drafter(spec)) {
      check_async(spec.method);
      scenario_.engine.speculative = std::move(spec);
    }
  }

 private:
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
    spec.drafter_weights = model->weights.value_or(Dtype::bf16);
    spec.drafter = *std::move(model);
    return true;
  }

  /// vLLM schedules ahead beside EAGLE's and MTP's drafts. N-gram drafts need the tokens on the
  /// CPU; with a draft model it is off unless asked for (on by default since mid 2026, PR 48341).
  void check_async(Method method) {
    EngineSpec& engine = scenario_.engine;
    const bool is_asked = engine_.boolean("async_scheduling").value_or(false);
    if (!engine.async_scheduling || (method != Method::ngram && method != Method::draft_model)) {
      return;
    }
    if (method == Method::ngram && is_asked) {
      context_.reporter.error(engine_.span("async_scheduling"),
                              "`async_scheduling` does not go with n-gram drafts",
                              "vLLM refuses it too");
    } else if (!is_asked) {
      engine.async_scheduling = false;
      context_.reporter.note(
          fmt::format("async_scheduling is off, as in vLLM with drafts of {}", to_string(method)));
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
