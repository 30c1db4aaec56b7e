#include "tools/validation/step_vectors.h"

#include <fmt/format.h>

#include <cmath>

#include "sim/step/step_model.h"
#include "tools/validation/measured.h"

namespace penstock {
namespace {

std::string load_text(const StepVector& v) {
  std::string text;
  if (v.load.decodes > 0) {
    text = fmt::format("{} decode, {} KV", v.load.decodes, v.load.kv_sum);
  }
  if (!v.chunks.empty()) {
    text += fmt::format("{}{} × {} prefill", text.empty() ? "" : " + ", v.chunks.size(),
                        v.chunks.front().q);
  }
  return text;
}

std::string split_text(const System& system) {
  return system.data_parallel > 1
             ? fmt::format("{} on {} ranks", system.tensor_parallel, system.data_parallel)
             : fmt::format("{}", system.tensor_parallel);
}

std::string got_cells(const StepVector& v) {
  const Scenario scenario = load_system(v.system, no_workload, false);
  StepLoad load = v.load;
  load.chunks = v.chunks;
  const double got = explain_step(scenario, load).total_ms;
  return fmt::format("{:.4f} | {:.4f}", got, 100 * std::fabs(got / v.expected_ms - 1));
}

}  // namespace

std::string step_vector_table(const std::filesystem::path& vectors_json) {
  std::string out =
      "| GPU | model | weights/KV | TP | engine | step | expected ms | got ms | off by % |\n"
      "|---|---|---|---:|---|---|---:|---:|---:|\n";
  for (const StepVector& v : read_step_vectors(vectors_json)) {
    out += fmt::format("| {} | {} | {}/{} | {} | {} | {} | {:.4f} | {} |\n", v.system.gpu,
                       v.system.model, v.system.weights, v.system.kv_cache, split_text(v.system),
                       v.preset, load_text(v), v.expected_ms, got_cells(v));
  }
  return out;
}

}  // namespace penstock
