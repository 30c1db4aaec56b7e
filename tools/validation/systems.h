#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/validation/report.h"

namespace penstock {

/// Published whole systems beside their simulations, as Markdown: errors by family, the worst
/// points, every point of most families, and what was left out and why. The scatter plots that it
/// shows are added to `images`.
std::string systems_section(const std::filesystem::path& measured_end_to_end_csv,
                            std::vector<ReportImage>& images);

}  // namespace penstock
