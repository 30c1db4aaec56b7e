#pragma once

#include <filesystem>
#include <string>

namespace penstock {

/// Published batch sweeps that no parameter was fitted to, beside their simulations, as Markdown:
/// errors by model and GPUs, then every point. Throws std::runtime_error if the file, of the form
/// of measured_end_to_end.csv, cannot be read.
std::string unfitted_section(const std::filesystem::path& points_csv);
/// The same of systems under requests at a rate.
std::string unfitted_rates_section(const std::filesystem::path& points_csv);
/// The same of full engines.
std::string unfitted_offline_section(const std::filesystem::path& points_csv);

}  // namespace penstock
