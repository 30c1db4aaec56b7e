#include "tests/support/config_text.h"

#include "config/render.h"

namespace penstock::test {

config::Loaded load_text(std::string_view text, std::initializer_list<std::string> sets) {
  config::LoadOptions options;
  options.sets = sets;
  return config::load_scenario_from_text(std::string(text), "w.yaml", options);
}

config::Loaded load_small(std::initializer_list<std::string> sets) {
  return load_text(small_workload, sets);
}

std::string rendered(const config::Loaded& loaded) {
  return config::render(loaded.diagnostics, false);
}

std::string only_error(const config::Loaded& loaded) {
  const Diagnostic* error = nullptr;
  for (const Diagnostic& d : loaded.diagnostics) {
    if (d.severity == Diagnostic::Severity::error) {
      if (error != nullptr) {
        return rendered(loaded);
      }
      error = &d;
    }
  }
  return error != nullptr ? error->message : "no error\n" + rendered(loaded);
}

}  // namespace penstock::test
