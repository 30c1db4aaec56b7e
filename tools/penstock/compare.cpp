#include "tools/explore/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/text.h"
#include "tools/penstock/console.h"
#include "tools/penstock/input.h"
#include "tools/penstock/options.h"

namespace penstock::cli {
namespace {

constexpr std::array options_table{
    Option{"format", 0, "FORMAT", "table (default), json or markdown"},
    Option{"quiet", 'q', {}, "no warnings"},
    color_option,
};
constexpr std::array<std::string_view, 2> examples{
    "penstock compare results/h100 results/b200",
    "penstock compare a1,a2,a3 b1,b2,b3 --format markdown",
};
constexpr Usage usage{"compare",
                      "DIR_A DIR_B [OPTION]...",
                      "Two results of `run -o` side by side. Several folders a side (with commas), "
                      "the same\nscenario with other seeds: means with 95 % intervals.",
                      examples,
                      options_table,
                      2,
                      2};
constexpr std::array<std::string_view, 3> formats{"table", "json", "markdown"};

std::vector<std::string> folders_of(const std::string& word) {
  std::vector<std::string> folders;
  for (const std::string_view folder : config::split(word, ',')) {
    folders.emplace_back(folder);
  }
  const auto is_empty = [](const std::string& folder) { return folder.empty(); };
  if (word.empty() || word.back() == ',' || std::any_of(folders.begin(), folders.end(), is_empty)) {
    throw UsageError(fmt::format("`{}` names an empty folder", config::excerpt(word)),
                     "several folders are written as a1,a2,a3");
  }
  return folders;
}

std::string render(const explore::Comparison& comparison, const std::string& format) {
  if (format == "json") {
    return explore::comparison_json(comparison);
  }
  return format == "markdown" ? explore::comparison_markdown(comparison)
                              : explore::comparison_table(comparison, color_on_output());
}

}  // namespace

const Usage& compare_usage() { return usage; }

int compare_verb(const Arguments& arguments) {
  const ParsedOptions options = parse_options(usage, arguments);
  if (options.has("help")) {
    print(usage_text(usage));
    return exit_ok;
  }
  apply_color(options);
  const std::string format = choose(options, "format", formats);
  try {
    const explore::Comparison comparison =
        explore::compare(folders_of(options.words()[0]), folders_of(options.words()[1]));
    if (!options.has("quiet")) {
      for (const std::string& warning : comparison.warnings) {
        tell_warning(warning);
      }
    }
    print(render(comparison, format));
  } catch (const explore::NotComparable& error) {
    tell_error(error.what());
    return exit_invalid_input;
  }
  return exit_ok;
}

}  // namespace penstock::cli
