#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "config/yaml.h"

namespace penstock::config {

SourcePtr read_source(const std::string& path, const std::string& shown, const Span& span,
                      Reporter& reporter) {
  const auto fail = [&](const std::string& why) {
    Diagnostic& d = reporter.error(span, fmt::format("cannot read `{}`: {}", shown, why));
    if (d.file.empty()) {
      d.file = shown;
      d.message = "cannot read the file: " + why;
    }
    return nullptr;
  };
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    return fail(error && error != std::errc::no_such_file_or_directory ? error.message()
                                                                       : "there is no such file");
  }
  if (std::filesystem::is_directory(status)) {
    return fail("it is a folder");
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return fail(std::strerror(errno));
  }
  // Not the size that the file system claims: pipes have none, and files grow.
  std::string text;
  std::array<char, 65536> piece{};
  while (text.size() <= max_source_bytes && in.read(piece.data(), piece.size()).gcount() > 0) {
    text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) {
    return fail("reading failed");
  }
  if (text.size() > max_source_bytes) {
    return fail(fmt::format("it is longer than {} MiB", max_source_bytes >> 20U));
  }
  if (text.starts_with("\xEF\xBB\xBF")) {
    text.erase(0, 3);
  }
  reporter.note_file(path);
  return std::make_shared<const Source>(shown, std::move(text));
}

}  // namespace penstock::config
