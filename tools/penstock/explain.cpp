#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "config/load.h"
#include "sim/step/step_model.h"
#include "tools/output/json_text.h"
#include "tools/output/text.h"
#include "tools/penstock/console.h"
#include "tools/penstock/input.h"
#include "tools/penstock/options.h"
#include "tools/penstock/step_spec.h"

namespace penstock::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 2> formats{"table", "json"};
constexpr std::array options_table{
    Option{"step", 0, "JSON", "the step: decode, kv_sum, kv_max, chunks [[new, before], ...]"},
    set_option,
    Option{"format", 0, "FORMAT", "table (default) or json"},
    catalog_option,
    color_option,
};
constexpr std::array<std::string_view, 2> examples{
    R"(penstock explain workloads/chat.yaml --step '{"decode": 64, "kv_sum": 64000}')",
    R"(penstock explain workloads/chat.yaml --step '{"chunks": [[2048, 0]]}' --format json)",
};
constexpr Usage usage{"explain",
                      "FILE --step JSON [OPTION]...",
                      "Where the time of one scheduler step goes, operator by operator, and what "
                      "bounds it.\n(Memory, saturation and cost by position: the next version.)",
                      examples,
                      options_table,
                      1,
                      1};

Json step_json(const StepExplanation& step) {
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
            {"bound", std::move(bound)}}}};
}

std::string step_table(const StepExplanation& step) {
  std::string text = fmt::format("step {} ms = GPU {} ms, CPU {} ms; bound by {}\n",
                                 output::figure(step.total_ms), output::figure(step.gpu_ms),
                                 output::figure(step.cpu_ms), to_string(step.step_bound));
  for (std::size_t op = 0; op < operator_count; ++op) {
    if (step.operators_ms[op] > 0) {
      text += fmt::format(" {:<12} {:>9} ms  {}\n", to_string(static_cast<Operator>(op)),
                          output::figure(step.operators_ms[op]), to_string(step.bound[op]));
    }
  }
  return text;
}

int explain(const ParsedOptions& options) {
  const std::optional<std::string> spec_text = options.value("step");
  if (!spec_text) {
    throw UsageError("`penstock explain` needs --step in this version",
                     "memory, roofline, saturation and cost by position come with the next one");
  }
  const bool as_json = choose(options, "format", formats) == "json";
  config::LoadOptions load = load_options(options);
  load.must_fit = false;
  const StepSpec spec = parse_step(*spec_text);
  const config::Loaded loaded = config::load_scenario(options.words().front(), load);
  tell(loaded.diagnostics);
  if (!loaded.ok) {
    return config::exit_code(loaded.diagnostics);
  }
  const StepExplanation step = explain_step(loaded.scenario, step_load(spec));
  print(as_json ? output::to_text(step_json(step)) : step_table(step));
  return exit_ok;
}

}  // namespace

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
