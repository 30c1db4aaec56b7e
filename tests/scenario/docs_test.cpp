#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "config/huggingface_family.h"
#include "tests/support/command.h"
#include "tests/support/document.h"
#include "tests/support/shared.h"

/// Pages whose blocks `$ command` show what the command prints. A page may leave lines out; where
/// it shows all of them, `UPDATE_EXPECTED=1 ctest -L scenario` rewrites them.
namespace penstock {
namespace {

namespace fs = std::filesystem;
using test::ShownCommand;

/// A folder in which a page's commands run one after the other, with the sample workloads.
class Shell {
 public:
  Shell() { fs::create_directory_symlink(test::source_dir() / "workloads", path() / "workloads"); }
  std::string run(const std::string& command) const {
    const char* path_now = std::getenv("PATH");
    test::CommandOptions options;
    options.directory = path();
    options.environment = {{"PATH", test::penstock_binary().parent_path().string() + ":" +
                                        (path_now != nullptr ? path_now : "")}};
    const test::CommandResult result = test::run_command("/bin/sh", {"-c", command}, options);
    CHECK_MESSAGE(result.exit_code == 0, result.err);
    return result.out;
  }

 private:
  const fs::path& path() const { return folder_.path(); }
  test::TemporaryFolder folder_;
};

/// The first shown line that `printed` does not have after the ones before it; empty if all are.
std::string missing_line(const ShownCommand& shown, const std::string& printed) {
  std::istringstream in(printed);
  std::string line;
  for (const std::string& want : shown.lines) {
    do {
      if (!std::getline(in, line)) {
        return want;
      }
    } while (line != want);
  }
  return "";
}

/// The page's text with another command's output, where it shows all of it.
void replace_output(const ShownCommand& shown, const std::string& printed, std::string& page) {
  std::string old = "$ " + shown.command + "\n";
  const std::size_t head = old.size();
  for (const std::string& line : shown.lines) {
    old += line + "\n";
  }
  const auto lines = static_cast<std::size_t>(std::count(printed.begin(), printed.end(), '\n'));
  const std::size_t at = page.find(old);
  if (lines == shown.lines.size() && at != std::string::npos) {
    page.replace(at + head, old.size() - head, printed);
  }
}

void check_page(const std::string& name) {
  const std::string page = test::read_page(name);
  const Shell shell;
  const std::vector<ShownCommand> commands = test::shown_commands(page);
  CHECK_FALSE(commands.empty());
  std::string updated = page;
  for (const ShownCommand& shown : commands) {
    CAPTURE(shown.command);
    const std::string printed = shell.run(shown.command);
    replace_output(shown, printed, updated);
    const std::string missing = missing_line(shown, printed);
    CHECK_MESSAGE(missing.empty(), missing);
  }
  if (std::getenv("UPDATE_EXPECTED") != nullptr && updated != page) {
    std::ofstream(test::source_dir() / name, std::ios::binary) << updated;
  }
}

}  // namespace

TEST_CASE("README shows what its commands print") { check_page("README.md"); }

TEST_CASE("the page on explaining shows what its commands print") { check_page("docs/explain.md"); }

TEST_CASE("the page on prefix caching shows what its commands print") {
  check_page("docs/prefix-caching.md");
}

TEST_CASE("the page on tariffs shows what its commands print") { check_page("docs/tariffs.md"); }

TEST_CASE("the page on engines shows what its commands print") { check_page("docs/engines.md"); }

TEST_CASE("docs/models.md names every family of config.json that is read") {
  const std::string page = test::read_file(test::source_dir() / "docs" / "models.md");
  for (std::string_view name : config::family_names()) {
    CAPTURE(name);
    name.remove_suffix(name.ends_with("_text") ? 5 : 0);
    CHECK(page.find("`" + std::string(name) + "`") != std::string::npos);
  }
}

TEST_CASE("the page on parallelism shows what its commands print") {
  check_page("docs/parallelism.md");
}

TEST_CASE("the page on speculative decoding shows what its commands print") {
  check_page("docs/speculative.md");
}

TEST_CASE("the page on calibrating shows what its commands print") {
  check_page("docs/calibrating.md");
}

TEST_CASE("the load curve of the page on explaining is what runs say") {
  const test::PageTable table = test::page_table(test::read_page("docs/explain.md"), "offered");
  REQUIRE(table.rows.size() == 7);
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    const std::string& rate = table.at(r, "offered");
    CAPTURE(rate);
    const auto json = nlohmann::json::parse(
        test::run_penstock({"run", "workloads/load-curve.yaml", "--quiet", "--format", "json",
                            "--set", "workload.classes[0].rate=" + rate})
            .out);
    const auto shown = [&](const char* column, double value) {
      CAPTURE(column);
      CAPTURE(value);
      CHECK(test::shows(table.at(r, column), value));
    };
    shown("output tok/s", json["throughput"]["output_tokens_per_s"]);
    shown("busy", 100 * json["utilization"]["busy"].get<double>());
    shown("load", 100 * json["utilization"]["load"].get<double>());
    const auto& rules = json["cost"]["rules"];
    shown("all to output", rules["output_only"]["output"]);
    shown("phase, input", rules["phase"]["input"]);
    shown("phase, output", rules["phase"]["output"]);
  }
}

TEST_CASE("why output costs more: every number is printed by the command beside it") {
  check_page("docs/why-output-costs-more.md");
}

}  // namespace penstock
