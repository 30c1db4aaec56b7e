#pragma once

#include <span>
#include <string_view>

namespace penstock::config {

/// A YAML file of config/catalog/ or workloads/profiles/, as it stood when the program was built.
/// `name`, `title` and `aliases` are its top-level keys of that name; empty where absent, except
/// that `name` falls back on the file's name. Everything points to static storage.
struct EmbeddedFile {
  std::string_view kind;  ///< "engines", "gpus", "models", "prices", "profiles" or "list-prices"
  std::string_view name;  ///< unique within its kind
  std::string_view title;
  std::string_view aliases;  ///< comma-separated, without blanks around the commas
  std::string_view text;     ///< the whole file
  std::string_view path;     ///< from the root of the tree, for diagnostics
};

/// All embedded files, sorted by (kind, name) in byte order. Costs nothing: no YAML is parsed.
std::span<const EmbeddedFile> embedded_files();

}  // namespace penstock::config
