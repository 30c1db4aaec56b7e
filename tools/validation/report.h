#pragma once

#include <filesystem>
#include <string>

namespace penstock {

/// docs/validation.md, made from a folder of measurements: measured_kernels.csv, step_vectors.json,
/// measured_end_to_end.csv and measured_runs/. Throws std::runtime_error if one cannot be read.
std::string validation_report(const std::filesystem::path& data);

}  // namespace penstock
