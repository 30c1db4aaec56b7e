#include "tools/validation/report.h"

#include <fstream>
#include <stdexcept>

#include "tools/validation/kernels.h"
#include "tools/validation/replay.h"
#include "tools/validation/step_vectors.h"
#include "tools/validation/systems.h"

namespace penstock {
std::string validation_report(const std::filesystem::path& data) {
  std::string out;
  out += step_vector_table(data / "step_vectors.json");
  out += replay_section(data);
  out += starved_replay_section(data);
  std::ifstream kernels(data / "measured_kernels.csv");
  out += kernel_table(compare_kernels(kernels));
  out += systems_section(data / "measured_end_to_end.csv");
  return out;
}
}  // namespace penstock
