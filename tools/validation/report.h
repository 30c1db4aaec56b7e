#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace penstock {

/// A picture that the page shows, by its name in the folder images/ beside it.
struct ReportImage {
  std::string name;
  std::string svg;
};
struct ValidationReport {
  std::string page;
  std::vector<ReportImage> images;
};

/// docs/validation.md, made from a folder of measurements: measured_kernels.csv, step_vectors.json,
/// measured_end_to_end.csv and measured_runs/, and, unless its name is empty, from a folder of
/// points that no parameter was fitted to (docs/measured). Throws std::runtime_error if one cannot
/// be read.
ValidationReport validation_report(const std::filesystem::path& data,
                                   const std::filesystem::path& unfitted);

}  // namespace penstock
