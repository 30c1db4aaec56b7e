#pragma once

#include <filesystem>
#include <string>

namespace penstock {

/// Measured power and energy per token against the simulated ones, every point of them, as
/// Markdown.
std::string power_section(const std::filesystem::path& measured_end_to_end_csv);

}  // namespace penstock
