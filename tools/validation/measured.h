#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/core/units.h"
#include "sim/request_source.h"
#include "sim/step/step_model.h"
#include "tools/validation/runs.h"

/// Readers of the files of measurements. All throw std::runtime_error if a file cannot be read.
namespace penstock {

/// A request of a measured run; times since the first one was queued.
struct MeasuredRequest {
  Request request;  ///< arrives when the engine queued it
  SimTime scheduled, first_token, last_token;
};

/// Reads requests.jsonl of a measured run, in order of arrival.
std::vector<MeasuredRequest> read_measured_requests(const std::filesystem::path& path);

/// A whole step and its time by an independent implementation of the step model.
struct StepVector {
  System system;
  std::string preset;
  StepLoad load;  ///< without its chunks
  std::vector<Chunk> chunks;
  double expected_ms = 0;
  std::string measured;  ///< a remark; may be empty
};

/// Reads step_vectors.json.
std::vector<StepVector> read_step_vectors(const std::filesystem::path& path);

/// One published system under one load: rows of measured_end_to_end.csv that differ in the metric
/// only.
struct PublishedPoint {
  std::string family;  ///< the id up to its first dash
  std::string source, gpu, gpus, model, weights, engine, tp, pp, ep, kv, isl, osl, load, mode,
      notes;
  std::map<std::string, double, std::less<>>
      metrics;  ///< by name; units as in the file (ms, tok/s, s)
  std::size_t rows = 0;
};

/// Reads measured_end_to_end.csv; points in order of their first row.
std::vector<PublishedPoint> read_published_points(const std::filesystem::path& path);

/// Statistics of a whole run that stand among the kernels in measured_kernels.csv, in ms, by name
/// ("e2e_ttft_mean"), and the logged KV capacity in tokens ("kv_capacity_tokens").
std::map<std::string, double> read_run_statistics(const std::filesystem::path& path,
                                                  const std::string& gpu);

}  // namespace penstock
