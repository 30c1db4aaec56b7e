#include "tests/support/shared.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace penstock::test {

std::filesystem::path source_dir() { return PENSTOCK_SOURCE_DIR; }

std::optional<std::filesystem::path> shared_data(std::string_view relative) {
  const char* set = std::getenv("PENSTOCK_SHARED");
  const std::filesystem::path root =
      set != nullptr ? std::filesystem::path(set) : source_dir().parent_path() / "shared";
  std::error_code none;
  std::filesystem::path path = root / relative;
  if (!std::filesystem::exists(path, none)) {
    return std::nullopt;
  }
  return path;
}

void skip_without_shared_data() { MESSAGE("skipped: no shared data"); }

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in.good(), "cannot read " << path.string());
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace penstock::test
