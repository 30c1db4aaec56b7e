#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "config/text.h"
#include "tools/output/text.h"
#include "tools/penstock/explain_facts.h"
#include "tools/penstock/explain_page.h"

namespace penstock::cli {
namespace {

using output::figure;
using output::group_digits;

/// Writes the sections of the page.
class PageWriter {
 public:
  explicit PageWriter(const ExplainFacts& facts)
      : facts_(facts),
        scenario_(*facts.scenario),
        currency_(facts.scenario->prices.currency),
        sign_(output::currency_sign(facts.scenario->prices.currency)) {}

  Page write() {
    Page page;
    page.title = title();
    page.sections.push_back(basis());
    page.sections.push_back(memory());
    if (!facts_.saturation) {
      page.sections.push_back({"saturation",
                               {{"none",
                                 "no request of the workload can be served, or steps take "
                                 "no time"}},
                               {},
                               {}});
      return page;
    }
    if (facts_.roofline) {
      page.sections.push_back(roofline());
    }
    page.sections.push_back(saturation());
    page.sections.push_back(batches());
    page.sections.push_back(loads());
    page.sections.push_back(contexts());
    if (facts_.position) {
      page.sections.push_back(positions());
    }
    page.sections.push_back(ratios());
    page.sections.push_back(break_even());
    return page;
  }

 private:
  static std::string tokens(double count) { return group_digits(std::llround(count)); }
  double price(double ps) const { return per_million(scenario_, ps); }
  /// Cents, and two digits where a cent is too coarse.
  static std::string cell(double dollars) {
    return dollars < 0.095 ? fmt::format("{:.2g}", dollars) : figure(dollars);
  }
  std::string money(double ps) const { return sign_ + cell(price(ps)); }

  std::string title() const {
    const ClusterSpec& cluster = scenario_.cluster;
    return fmt::format("{} {}, KV {} · one {} of {} {} ({}) · {} · arithmetic, no simulation",
                       output::printable(scenario_.model_name), to_string(scenario_.weights),
                       to_string(scenario_.kv_cache), unit(), cluster.tensor_parallel,
                       output::printable(cluster.gpu.title), output::parallel_text(cluster),
                       output::printable(scenario_.engine.preset));
  }

  /// What the page is about: ranks are alike, and each has its own requests; so are lanes,
  /// of each rank.
  const char* unit() const {
    return scenario_.cluster.pipeline_parallel > 1 ? "lane"
           : scenario_.cluster.data_parallel > 1   ? "rank"
                                                   : "replica";
  }

  PageSection basis() const {
    const PriceSpec& prices = scenario_.prices;
    const int gpus = scenario_.cluster.tensor_parallel;
    const double hour = prices.gpu_per_hour * gpus;
    const TrafficMeans& m = facts_.means;
    const std::string fit = scenario_.cluster.gpu.timing.fit;
    std::string found;
    if (m.cached > 0) {
      found = fmt::format(" ({} more found by a prefix cache that forgets nothing: {} hit)",
                          tokens(m.cached), output::percent(m.cached / (m.cached + m.input)));
    }
    PageSection section{
        "basis",
        {{"price", fmt::format("{} × {} GPUs = {} a {}-hour = {}{:.3g} a second; {}",
                               output::money(prices.gpu_per_hour, currency_), gpus,
                               output::money(hour, currency_), unit(), sign_, hour / 3600,
                               output::printable(prices.source))},
         {"step times", scenario_.step_model.kind == StepModelSpec::Kind::constant
                            ? "constant, as given"
                            : fmt::format("roofline per operator, {} parameters of {}", fit,
                                          output::printable(scenario_.cluster.gpu.name))},
         {"mean request", fmt::format("{} prompt{} + {} output tokens; {} tokens of KV read per "
                                      "decode step, {} attention pairs in the prompt",
                                      tokens(m.input), found, tokens(m.output), tokens(m.context()),
                                      figure(m.pairs))}},
        {},
        {}};
    if (const SpeculativeSpec& drafts = scenario_.engine.speculative; drafts.on()) {
      section.lines.push_back(
          {"drafts",
           fmt::format("{}, {} a step, verified together: a sequence emits {} tokens in the mean",
                       to_string(drafts.method), drafts.num_speculative_tokens(),
                       figure(drafts.mean_tokens()))});
    }
    return section;
  }

  PageSection memory() const {
    const config::MemoryPlan& m = *facts_.memory;
    const EngineSpec& engine = scenario_.engine;
    const auto gib = [](double bytes) { return config::gib_text(bytes); };
    std::vector<PageSection::Line> lines;
    if (m.rule == config::MemoryRule::tensorrt_llm) {
      lines.push_back(
          {"KV", fmt::format("({} - weights {} - reserve {}) × {} = {}", gib(m.total_bytes),
                             gib(m.weight_bytes), gib(m.reserve_bytes), figure(m.utilization),
                             gib(m.kv_bytes))});
    } else {
      lines.push_back(
          {"KV", fmt::format("{} × {} usable - weights {} - reserve {} = {}", gib(m.total_bytes),
                             figure(m.utilization), gib(m.weight_bytes), gib(m.reserve_bytes),
                             gib(m.kv_bytes))});
    }
    lines.push_back(
        {"tokens", fmt::format("{} / {} a token = {} usable blocks × {} = {} tokens{}",
                               gib(m.kv_bytes), gib(m.bytes_per_token),
                               group_digits(m.usable_blocks), m.block_size, group_digits(m.tokens),
                               m.blocks_are_given ? " (num_gpu_blocks_override)" : "")});
    if (m.per_sequence.any()) {
      lines.push_back(
          {"each sequence",
           fmt::format("{} of states, {} a token in windows of {} tokens", gib(m.state_bytes),
                       gib(m.window_bytes_per_token), group_digits(m.window))});
    }
    for (std::size_t s = 0; s < m.stages.size(); ++s) {
      const config::StageMemory& stage = m.stages[s];
      lines.push_back({fmt::format("stage {}", s + 1),
                       fmt::format("{} layers: weights {}, KV {} / {} a token = {} blocks",
                                   stage.layers, gib(stage.weight_bytes), gib(stage.kv_bytes),
                                   gib(stage.bytes_per_token), group_digits(stage.blocks))});
    }
    const bool by_pool = m.tokens < engine.max_model_len;
    lines.push_back(
        {"longest context",
         fmt::format("{} tokens ({})", group_digits(std::min(m.tokens, engine.max_model_len)),
                     by_pool ? "the pool" : "max_model_len")});
    if (facts_.saturation) {
      const TrafficMeans& t = facts_.means;
      const double held = (static_cast<double>(engine.num_gpu_blocks) * (1 - engine.watermark) -
                           t.first_blocks / 2) /
                          facts_.saturation->kv_sequences;
      lines.push_back(
          {"largest batch",
           fmt::format("({} blocks{} - {} for half a prompt) / {} blocks a request on average = {} "
                       "sequences",
                       group_digits(engine.num_gpu_blocks), m.stages.empty() ? "" : " of a lane",
                       figure(t.first_blocks / 2), figure(held),
                       figure(facts_.saturation->kv_sequences))});
    }
    return {"memory per GPU", std::move(lines), {}, {}};
  }

  PageSection::Line phase_line(const char* name, const PhaseRoofline& phase) const {
    return {
        name,
        fmt::format("{} tokens, {} of KV: {} TFLOP / {} GB = {} FLOP/byte, {} ridge: {} ms, "
                    "most of it {}",
                    group_digits(phase.tokens), tokens(phase.kv_tokens), figure(phase.flop / 1e12),
                    figure(phase.bytes / 1e9), figure(phase.intensity()),
                    phase.intensity() < facts_.roofline->ridge() ? "below the" : "above the",
                    figure(phase.step_ms), to_string(phase.bound))};
  }

  PageSection roofline() const {
    const RooflinePhases& r = *facts_.roofline;
    const std::string never = fmt::format("none up to {}: reads of KV grow with the batch",
                                          group_digits(scenario_.engine.max_num_batched_tokens));
    const bool drafts = scenario_.engine.speculative.on();
    return {
        drafts ? "roofline per GPU (of the model alone, without drafts)" : "roofline per GPU",
        {{"ridge point", fmt::format("{} TFLOP/s / {} GB/s = {} FLOP/byte", figure(r.peak_tflops),
                                     figure(r.memory_gb_s), figure(r.ridge()))},
         phase_line("prefill step", r.prefill),
         phase_line("decode step", r.decode),
         {"compute-bound",
          fmt::format("GEMMs from batch {}; the whole decode step at a context "
                      "of {} from batch {}",
                      r.gemm_compute_from ? group_digits(*r.gemm_compute_from) : "-",
                      tokens(facts_.means.context()),
                      r.decode_compute_from ? group_digits(*r.decode_compute_from) : never)}},
        {},
        {}};
  }

  PageSection saturation() const {
    const Saturation& s = *facts_.saturation;
    const double step_cost = price(s.step_ms * 1e9);  // dollars per million steps
    return {
        "saturation",
        {{"batch", fmt::format("{} sequences (limit: {}; memory alone would allow {})",
                               figure(s.sequences), to_string(s.limit), figure(s.kv_sequences))},
         {"mean step",
          fmt::format("{} decodes + {} prompt tokens: {} ms, {} requests end", figure(s.decodes),
                      figure(s.prompt_tokens), figure(s.step_ms), figure(s.requests_a_step))},
         {"throughput",
          fmt::format("{} / {} ms = {} requests/s: × {} = {} input tok/s, × {} = {} output tok/s",
                      figure(s.requests_a_step), figure(s.step_ms), figure(s.requests_per_s),
                      tokens(facts_.means.input), figure(s.input_tokens_per_s),
                      tokens(facts_.means.output), figure(s.output_tokens_per_s))},
         {"cost",
          fmt::format("input {}/M, output {}/M; a million steps: {} M × {} + {} M × {} "
                      "= {} M replica-ms = {}",
                      money(s.input_ps), money(s.output_ps), figure(s.prompt_tokens),
                      money(s.input_ps), figure(s.requests_a_step * facts_.means.output),
                      money(s.output_ps), figure(s.step_ms), output::money(step_cost, currency_))}},
        {},
        {}};
  }

  std::vector<std::string> head(const std::string& first) const {
    return {first,
            "req/s",
            "output tok/s",
            "step ms",
            "sequences",
            sign_ + "/M input",
            sign_ + "/M output",
            "output : input"};
  }
  std::vector<std::string> row(const std::string& first, const Saturation& s) const {
    return {first,
            figure(s.requests_per_s),
            figure(s.output_tokens_per_s),
            figure(s.step_ms),
            figure(s.sequences),
            cell(price(s.input_ps)),
            cell(price(s.output_ps)),
            figure(s.output_ps / s.input_ps)};
  }

  PageSection batches() const {
    PageSection section{
        "cost by batch (this traffic, at most so many sequences at once)", {}, {}, {}};
    section.table.push_back(head("batch"));
    for (const BatchRow& one : facts_.batches) {
      section.table.push_back(row(group_digits(one.batch), one.state));
    }
    return section;
  }

  PageSection loads() const {
    PageSection section{
        "cost by load (of what a replica completes at saturation; idle time included)", {}, {}, {}};
    section.table.push_back(head("load"));
    for (const LoadRow& one : facts_.loads) {
      section.table.push_back(row(output::percent(one.load), one.state));
    }
    return section;
  }

  PageSection contexts() const {
    PageSection section{
        fmt::format(
            "cost by context (prompts of one length, {} output tokens, as many sequences as "
            "fit)",
            tokens(facts_.means.output)),
        {},
        {},
        {}};
    section.table.push_back(head("prompt"));
    for (const ContextRow& one : facts_.contexts) {
      section.table.push_back(row(group_digits(one.input), one.state));
    }
    return section;
  }

  PageSection positions() const {
    const PositionPrices& p = *facts_.position;
    PageSection section{"marginal cost by position (each phase in steps of its own)", {}, {}, {}};
    section.lines = {
        {"input token",
         fmt::format("in a step of {} prompt tokens: {}/M + {} per 1,000 earlier tokens",
                     group_digits(p.prefill_tokens), money(p.input_fixed_ps),
                     money(1000 * p.input_slope_ps))},
        {"output token",
         fmt::format("in a step of {} sequences: {}/M + {} per 1,000 tokens of KV read",
                     group_digits(p.batch), money(p.output_fixed_ps),
                     money(1000 * p.output_slope_ps))}};
    section.table.push_back(
        {"context", sign_ + "/M input", "× the 11th", sign_ + "/M output", "× the 11th"});
    for (const std::int64_t context : position_contexts) {
      const auto at = static_cast<double>(context);
      section.table.push_back({group_digits(context), cell(price(p.input_ps(at))),
                               fmt::format("{:.2f}", p.input_ps(at) / p.input_ps(11)),
                               cell(price(p.output_ps(at))),
                               fmt::format("{:.2f}", p.output_ps(at) / p.output_ps(11))});
    }
    section.after.push_back(
        {"quadratic from", fmt::format("prompts of {} tokens = 2 × {} / {} × 1,000: there "
                                       "attention costs as much as all else",
                                       tokens(p.quadratic_from()), money(p.input_fixed_ps),
                                       money(1000 * p.input_slope_ps))});
    return section;
  }

  PageSection ratios() const {
    PageSection section{fmt::format("cost by input : output ratio (requests of {} tokens in all)",
                                    tokens(facts_.means.input + facts_.means.output)),
                        {},
                        {},
                        {}};
    section.table.push_back(head("input : output"));
    for (const RatioRow& one : facts_.ratios) {
      section.table.push_back(row(fmt::format("{:.0f} : 1", one.ratio), one.state));
    }
    return section;
  }

  PageSection break_even() const {
    const BreakEven& b = *facts_.break_even;
    PageSection section{"prefix cache", {}, {}, {}};
    section.lines.push_back(
        {"a hit saves", fmt::format("{} per million tokens not computed, at saturation",
                                    money(facts_.saturation->input_ps))});
    const std::string cold = fmt::format(
        "with half of the KV pool set aside for prefixes and no hit, {} instead of {} requests/s",
        figure(b.cold_requests_per_s), figure(b.plain_requests_per_s));
    std::string verdict = "no hit rate makes up for it";
    if (b.hit_rate && *b.hit_rate <= 0) {
      verdict = "nothing to make up for";
    } else if (b.hit_rate) {
      verdict = fmt::format("the same again when {} of {} prompt tokens hit",
                            tokens(*b.hit_rate * facts_.means.input), tokens(facts_.means.input));
    }
    section.lines.push_back(
        {"break-even",
         fmt::format("hit rate {}: {}; {}", b.hit_rate ? output::percent(*b.hit_rate) : "-", cold,
                     verdict)});
    return section;
  }

  const ExplainFacts& facts_;
  const Scenario& scenario_;
  std::string currency_;
  std::string sign_;
};

}  // namespace

std::string explain_table(const ExplainFacts& facts) {
  return page_table(PageWriter(facts).write());
}

std::string explain_markdown(const ExplainFacts& facts) {
  return page_markdown(PageWriter(facts).write());
}

}  // namespace penstock::cli
