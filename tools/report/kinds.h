#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

/// The report of each kind of result; all throw NotAResult and output::IoError.
namespace penstock::report {

std::string run_report(const std::filesystem::path& folder);
std::string sweep_report(const std::filesystem::path& folder);
std::string plan_report(const std::filesystem::path& folder);

/// Version and date, as HTML.
std::string footer_html(const nlohmann::ordered_json& manifest);

}  // namespace penstock::report
