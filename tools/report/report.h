#pragma once

#include <filesystem>
#include <string>

/// Reports as pages of HTML, each one file that needs no other and no network.
namespace penstock::report {

/// The report of a folder that run, sweep or plan wrote. The same folder gives the same bytes.
/// Throws NotAResult (result_files.h), output::IoError.
std::string make_report(const std::filesystem::path& folder);

/// Two runs, one over the other. Throws as make_report().
std::string make_comparison(const std::filesystem::path& a, const std::filesystem::path& b);

/// Whether reports have interactive charts: whether the build had npm.
bool has_charts();

/// Writes `name` into the folder, whole or not at all. Throws output::IoError.
void write_page(const std::filesystem::path& file, const std::string& page);

}  // namespace penstock::report
