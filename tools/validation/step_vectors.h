#pragma once

#include <filesystem>
#include <string>

namespace penstock {

/// The step vectors beside what this build says, as a Markdown table.
std::string step_vector_table(const std::filesystem::path& vectors_json);

}  // namespace penstock
