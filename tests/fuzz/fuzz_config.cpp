// The workload file, as text: whatever it holds, loading ends with a scenario or with diagnostics
// that can be printed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/load.h"
#include "config/render.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The first line is a --set argument, the rest the file.
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = text.find('\n');
  penstock::config::LoadOptions options;
  if (end != std::string::npos && end > 0) {
    options.sets.push_back(text.substr(0, end));
  }
  const std::string file = end == std::string::npos ? text : text.substr(end + 1);
  const penstock::config::Loaded loaded =
      penstock::config::load_scenario_from_text(file, "fuzz.yaml", options);
  if (loaded.ok == penstock::has_errors(loaded.diagnostics)) {
    std::abort();
  }
  const std::string shown = penstock::config::render(loaded.diagnostics, true);
  if (!loaded.ok && shown.empty()) {
    std::abort();
  }
  return 0;
}
