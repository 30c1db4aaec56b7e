#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::test {

/// The root of the source tree.
std::filesystem::path source_dir();

/// A file of the optional data folder beside the tree (environment PENSTOCK_SHARED, default
/// `../shared` seen from the tree), such as "data/prices.csv"; nothing where it is not there.
///
///     const auto prices = shared_data("data/prices.csv");
///     if (!prices) return skip_without_shared_data();
std::optional<std::filesystem::path> shared_data(std::string_view relative);

/// Says that the running test was skipped; ctest then counts it as such.
void skip_without_shared_data();

/// The whole content of a file; fails the running test when it cannot be read.
std::string read_file(const std::filesystem::path& path);

}  // namespace penstock::test
