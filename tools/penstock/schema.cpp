#include "config/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tools/penstock/console.h"
#include "tools/penstock/options.h"
#include "tools/penstock/schema_json.h"

namespace penstock::cli {
namespace {

constexpr std::array options_table{
    Option{"markdown", 0, "", "the reference of docs/workload.md (the default)"},
    Option{"json-schema", 0, "", "JSON Schema, for editors that complete and check YAML"},
};
constexpr std::array<std::string_view, 2> examples{
    "penstock schema --markdown > workload.md",
    "penstock schema --json-schema > penstock.schema.json",
};
constexpr Usage usage{"schema",
                      "[--markdown|--json-schema]",
                      "The keys of the workload file, from the table that its reader uses.",
                      examples,
                      options_table,
                      0,
                      0};

/// Text inside a cell of a table.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c == '|' ? std::string("\\|") : std::string(1, c);
  }
  return out;
}

std::string row(const config::Key& key) {
  std::string doc = cell(key.doc);
  if (!key.choices.empty()) {
    std::string choices(key.choices);
    std::replace(choices.begin(), choices.end(), '|', ' ');
    doc += fmt::format("{}one of `{}`", doc.empty() ? "" : ": ", choices);
  }
  if (!key.later.empty()) {
    doc += fmt::format("{}**not built yet**: {}", doc.empty() ? "" : "; ", cell(key.later));
  }
  return fmt::format("| `{}` | {} | {} |\n", key.path, doc, cell(key.by_default));
}

std::string markdown() {
  std::string text =
      "<!-- Generated: penstock schema --markdown > docs/workload.md -->\n"
      "# The workload file\n\n"
      "Every key. `x[]` is an item of a list, `x.*` any key of a map. Quantities carry units\n"
      "(`penstock help units`); an unknown key, a wrong unit and an impossible value are errors, "
      "all\n"
      "of them reported at once. Any key can be set on the command line: `--set PATH=VALUE`.\n\n"
      "| key | what | default |\n|---|---|---|\n";
  for (const config::Key& key : config::workload_schema()) {
    text += row(key);
  }
  return text;
}

}  // namespace

const Usage& schema_usage() { return usage; }

int schema_verb(const Arguments& arguments) {
  const ParsedOptions options = parse_options(usage, arguments);
  if (options.has("markdown") && options.has("json-schema")) {
    throw UsageError("--markdown and --json-schema exclude each other");
  }
  print(options.has("help") ? usage_text(usage)
        : options.has("json-schema")
            ? json_schema(config::workload_schema(), "A workload of Penstock")
            : markdown());
  return exit_ok;
}

}  // namespace penstock::cli
