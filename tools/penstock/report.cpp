#include "tools/report/report.h"

#include <array>
#include <filesystem>

#include "tools/penstock/console.h"
#include "tools/penstock/report_files.h"
#include "tools/report/result_files.h"

namespace penstock::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* page_name = "report.html";

constexpr std::array options_table{
    Option{"output", 'o', "FILE",
           "where to write the page (default: report.html in DIR; of two\n"
           "                              folders compare.html in the first)"},
};
constexpr std::array<std::string_view, 2> examples{
    "penstock report results",
    "penstock report results/h100 results/b200 -o compare.html",
};
constexpr Usage usage{
    "report",
    "DIR [DIR_B] [OPTION]...",
    "Makes a page for browsers of a result of `run`, `sweep` or `plan`, or of two "
    "runs side by side.",
    examples,
    options_table,
    1,
    2};

}  // namespace

bool wants_report(const ParsedOptions& options) {
  if (options.has("report") && !options.has("output")) {
    throw UsageError("--report means nothing without -o DIR");
  }
  return options.has("report");
}

void commit_with_report(output::FolderWriter& folder, const std::string& target, bool wanted) {
  if (wanted) {
    report::write_page(folder.file(page_name), report::make_report(folder.path()));
  }
  folder.commit();
  if (!wanted) {
    std::error_code ignored;
    fs::remove(fs::path(target) / page_name, ignored);
  }
}

const Usage& report_usage() { return usage; }

int report_verb(const Arguments& arguments) {
  const ParsedOptions options = parse_options(usage, arguments);
  if (options.has("help")) {
    print(usage_text(usage));
    return exit_ok;
  }
  const fs::path first = options.words().front();
  const bool compares = options.words().size() > 1;
  try {
    const std::string page =
        compares ? report::make_comparison(first, options.words()[1]) : report::make_report(first);
    const fs::path file = options.value("output").value_or(
        (first / (compares ? "compare.html" : page_name)).string());
    report::write_page(file, page);
    print(file.string() + "\n");
  } catch (const report::NotAResult& error) {
    tell_error(error.what());
    return exit_invalid_input;
  }
  if (!report::has_charts()) {
    tell("note: this build has no interactive charts: npm was missing when it was made\n");
  }
  return exit_ok;
}

}  // namespace penstock::cli
