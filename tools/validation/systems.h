#pragma once

#include <filesystem>
#include <string>

namespace penstock {

/// Published whole systems beside their simulations, as Markdown: errors by family, the worst
/// points, every point of most families, and what was left out and why.
std::string systems_section(const std::filesystem::path& measured_end_to_end_csv);

}  // namespace penstock
