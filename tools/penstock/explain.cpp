#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "config/load.h"
#include "sim/step/step_model.h"
#include "tools/output/json_text.h"
#include "tools/output/text.h"
#include "tools/penstock/console.h"
#include "tools/penstock/explain_facts.h"
#include "tools/penstock/input.h"
#include "tools/penstock/options.h"
#include "tools/penstock/step_spec.h"

namespace penstock::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 3> formats{"table", "json", "markdown"};
constexpr std::array options_table{
    Option{"step", 0, "JSON", "one step: decode, kv_sum, kv_max, chunks [[new, before], ...]"},
    set_option,
    skip_rows_option,
    Option{"format", 0, "FORMAT", "table (default), json or markdown"},
    catalog_option,
    color_option,
};
constexpr std::array<std::string_view, 4> examples{
    "penstock explain workloads/chat.yaml",
    "penstock explain workloads/chat.yaml --set engine.max_num_seqs=64 --format markdown",
    R"(penstock explain workloads/chat.yaml --step '{"decode": 64, "kv_sum": 64000}')",
    R"(penstock explain workloads/chat.yaml --step '{"chunks": [[2048, 0]]}' --format json)",
};
constexpr Usage usage{
    "explain",
    "FILE [--step JSON] [OPTION]...",
    "Why tokens cost what they cost, by arithmetic: memory, roofline, saturation, "
    "cost by batch,\ncontext, position and input:output ratio. With --step: where "
    "the time of one scheduler step\ngoes, operator by operator.",
    examples,
    options_table,
    1,
    1};

/// The sum of the GPU's operators, before the engine's factor.
double operators_sum_ms(const StepExplanation& step) {
  double sum = 0;
  for (std::size_t op = 0; op < operator_count; ++op) {
    sum += static_cast<Operator>(op) == Operator::cpu ? 0 : step.operators_ms[op];
  }
  return sum;
}

/// Milliseconds, or a smaller unit where that would need an exponent.
std::string time_text(double milliseconds) {
  return milliseconds > 0 && milliseconds < 1e-3 ? output::span_text(milliseconds / 1e3)
                                                 : output::figure(milliseconds) + " ms";
}

Json step_json(const StepExplanation& step, double engine_factor) {
  Json operators;
  Json bound;
  for (std::size_t op = 0; op < operator_count; ++op) {
    const char* name = to_string(static_cast<Operator>(op));
    operators[name] = step.operators_ms[op];
    bound[name] = step.operators_ms[op] > 0 ? Json(to_string(step.bound[op])) : Json(nullptr);
  }
  bound["step"] = to_string(step.step_bound);
  return {{"step",
           {{"total_ms", step.total_ms},
            {"gpu_ms", step.gpu_ms},
            {"cpu_ms", step.cpu_ms},
            {"operators_ms", std::move(operators)},
            {"gpu_time_factor", engine_factor},
            {"bound", std::move(bound)}}}};
}

/// Rows that add up to the step: operators, what the engine's factor adds to their sum, the CPU.
std::string step_table(const StepExplanation& step, double engine_factor) {
  const bool overlaps = step.cpu_ms > 0 && step.total_ms < step.gpu_ms + step.cpu_ms;
  std::string text = fmt::format(
      "step {} = GPU {}, CPU {}{}; bound by {}\n", time_text(step.total_ms), time_text(step.gpu_ms),
      time_text(step.cpu_ms), overlaps ? " at the same time" : "", to_string(step.step_bound));
  const auto row = [&text](std::string_view name, double ms, std::string_view remark) {
    text += fmt::format(" {:<13} {:>9} ms  {}\n", name, output::figure(ms), remark);
  };
  for (std::size_t op = 0; op < operator_count; ++op) {
    if (static_cast<Operator>(op) != Operator::cpu && step.operators_ms[op] > 0) {
      row(to_string(static_cast<Operator>(op)), step.operators_ms[op], to_string(step.bound[op]));
    }
  }
  const double sum = operators_sum_ms(step);
  if (sum > 0 && engine_factor != 1) {
    row("engine factor", step.gpu_ms - sum, fmt::format("the sum × {:.6g}", engine_factor));
  }
  if (step.cpu_ms > 0) {
    row("cpu", step.cpu_ms, overlaps ? "cpu, while the GPU works" : "cpu");
  }
  return text;
}

int explain_one_step(const ParsedOptions& options, const std::string& spec_text) {
  const std::string format = choose(options, "format", formats);
  if (format == "markdown") {
    throw UsageError("--step is shown as a table or as json");
  }
  config::LoadOptions load = load_options(options);
  load.must_fit = false;
  const StepSpec spec = parse_step(spec_text);
  const config::Loaded loaded = config::load_scenario(options.words().front(), load);
  tell(loaded.diagnostics);
  if (!loaded.ok) {
    return config::exit_code(loaded.diagnostics);
  }
  if (loaded.scenario.engine.speculative.on()) {
    tell("note: the step is the model's alone, without drafts\n");
  }
  const StepExplanation step = explain_step(loaded.scenario, step_load(spec));
  const double factor = loaded.scenario.engine.timing.gpu_time_factor;
  print(format == "json" ? output::to_text(step_json(step, factor)) : step_table(step, factor));
  return exit_ok;
}

int explain(const ParsedOptions& options) {
  if (const std::optional<std::string> spec_text = options.value("step")) {
    return explain_one_step(options, *spec_text);
  }
  const std::string format = choose(options, "format", formats);
  const config::Loaded loaded =
      config::load_scenario(options.words().front(), load_options(options));
  tell(loaded.diagnostics);
  if (!loaded.ok) {
    return config::exit_code(loaded.diagnostics);
  }
  if (const auto refused =
          config::unless_saturation_is_known(loaded.scenario, "`penstock explain`")) {
    tell({*refused});
    return config::exit_code({*refused});
  }
  const ExplainFacts facts = explain_facts(loaded);
  print(format == "json"       ? explain_json(facts)
        : format == "markdown" ? explain_markdown(facts)
                               : explain_table(facts));
  return exit_ok;
}

}  // namespace

const Usage& explain_usage() { return usage; }

int explain_verb(const Arguments& arguments) {
  const ParsedOptions options = parse_options(usage, arguments);
  if (options.has("help")) {
    print(usage_text(usage));
    return exit_ok;
  }
  apply_color(options);
  return explain(options);
}

}  // namespace penstock::cli
