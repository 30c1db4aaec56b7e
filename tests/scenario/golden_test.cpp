#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "tests/support/command.h"
#include "tests/support/shared.h"

/// The screens of the sample workloads, word for word. `UPDATE_EXPECTED=1 ctest -L scenario`
/// rewrites them: review the diff, it is what users will see.
namespace penstock {

namespace {

struct Golden {
  std::string name;
  std::vector<std::string> arguments;
};

void check_text(const std::string& name, const std::string& text) {
  const auto path = test::source_dir() / "tests" / "scenario" / "expected" / (name + ".txt");
  if (std::getenv("UPDATE_EXPECTED") != nullptr) {
    std::ofstream(path, std::ios::binary) << text;
  }
  CHECK(text == test::read_file(path));
}

std::string screen(const std::vector<std::string>& arguments,
                   const test::CommandOptions& options = {}) {
  const test::CommandResult result = test::run_penstock(arguments, options);
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  return result.out;
}

void check_screen(const Golden& golden) { check_text(golden.name, screen(golden.arguments)); }

/// A short run with all that `run` can say of money.
std::vector<std::string> money_run(const std::string& format) {
  return {"run",
          "workloads/chat.yaml",
          "--quiet",
          "--set",
          "workload.requests=600",
          "--set",
          "prices.electricity=$0.08/kWh",
          "--cost",
          "--tariff",
          "--tariff-threshold",
          "2k",
          "--margin",
          "novita-llama-3.1-70b-instruct",
          "--margin",
          "openai-gpt-5.4",
          "--format",
          format};
}

/// A ```sh block of one command, and the ``` block that follows it: where that starts and ends.
struct Screen {
  std::string command;
  std::size_t begin = 0;
  std::size_t end = 0;
};

std::vector<Screen> screens_in(const std::string& text) {
  static const std::string fence = "\n```";
  std::vector<Screen> screens;
  for (std::size_t at = 0; (at = text.find("\n```sh\n", at)) != std::string::npos;) {
    const std::size_t command = at + 7;
    const std::size_t command_end = text.find(fence, command);
    at = command_end + fence.size();
    const std::string words = text.substr(command, command_end - command);
    if (text.compare(at, 6, "\n\n```\n") == 0 && words.find('\n') == std::string::npos) {
      const std::size_t begin = at + 6;
      at = text.find(fence, begin - 1);
      screens.push_back({words, begin, at + 1});
      at += fence.size();
    }
  }
  return screens;
}

/// Without the seconds that a search took.
std::string without_times(const std::string& screen) {
  static const std::regex seconds("(ruled out by arithmetic), [^\n]*");
  return std::regex_replace(screen, seconds, "$1");
}

std::string printed_by(const std::string& command) {
  const std::string path = test::penstock_binary().parent_path().string() + ":/usr/bin:/bin";
  return test::run_command("/bin/sh", {"-c", command + " 2>&1"}, {.environment = {{"PATH", path}}})
      .out;
}

/// `UPDATE_EXPECTED=1` rewrites the screens, as it does those of the golden tests.
void check_screens(const std::string& name, const std::function<bool(const std::string&)>& wanted) {
  const std::filesystem::path path = test::source_dir() / "docs" / name;
  std::string text = test::read_file(path);
  std::vector<Screen> screens = screens_in(text);
  std::size_t checked = 0;
  for (auto screen = screens.rbegin(); screen != screens.rend(); ++screen) {
    if (!wanted(screen->command)) {
      continue;
    }
    ++checked;
    CAPTURE(screen->command);
    const std::string shown = text.substr(screen->begin, screen->end - screen->begin);
    const std::string printed = printed_by(screen->command);
    const bool is_right = without_times(shown) == without_times(printed);
    if (std::getenv("UPDATE_EXPECTED") != nullptr) {
      text.replace(screen->begin, screen->end - screen->begin, is_right ? shown : printed);
    } else {
      CHECK(without_times(shown) == without_times(printed));
    }
  }
  CHECK(checked > 0);
  if (std::getenv("UPDATE_EXPECTED") != nullptr) {
    std::ofstream(path, std::ios::binary) << text;
  }
}

}  // namespace

TEST_CASE("golden: chat") { check_screen({"chat", {"run", "workloads/chat.yaml"}}); }

TEST_CASE("golden: code completion") {
  check_screen({"code-completion", {"run", "workloads/code-completion.yaml"}});
}

TEST_CASE("golden: chat sessions") {
  check_screen({"chat-sessions", {"run", "workloads/chat-sessions.yaml"}});
}

TEST_CASE("golden: rag") { check_screen({"rag", {"run", "workloads/rag.yaml"}}); }

TEST_CASE("golden: experts on ranks") {
  check_screen({"experts", {"run", "workloads/experts.yaml"}});
}

TEST_CASE("golden: reasoning") { check_screen({"reasoning", {"run", "workloads/reasoning.yaml"}}); }

TEST_CASE("golden: a small pool that preempts, with the priority policy") {
  check_screen(
      {"preemption",
       {"run", "workloads/chat.yaml", "--quiet", "--set", "workload.requests=800", "--set",
        "engine.num_gpu_blocks_override=1200", "--set", "engine.scheduling_policy=priority",
        "--set", "engine.max_model_len=16384", "--set", "slo.ttft=5s"}});
}

TEST_CASE("golden: chat explained") {
  check_screen({"explain", {"explain", "workloads/chat.yaml"}});
}

TEST_CASE("golden: one step explained") {
  check_screen({"explain-step",
                {"explain", "workloads/chat.yaml", "--step",
                 R"({"decode": 64, "kv_sum": 96000, "kv_max": 4000, "chunks": [[512, 0]]})"}});
}

TEST_CASE("golden: bill by cause, tariff and margins as table, Markdown and JSON") {
  check_text("money", screen(money_run("table")));
  check_text("money-markdown", screen(money_run("markdown")));
  const auto summary = nlohmann::ordered_json::parse(screen(money_run("json")));
  nlohmann::ordered_json money;
  for (const char* key : {"cost", "tariff", "margins"}) {
    money[key] = summary.at(key);
  }
  check_text("money-json", money.dump(2) + "\n");
}

TEST_CASE("golden: two results compared, as table, Markdown and JSON") {
  const test::TemporaryFolder folder;
  const test::CommandOptions inside{folder.path(), {}, {}};
  const std::string chat = (test::source_dir() / "workloads" / "chat.yaml").string();
  for (const char* replicas : {"1", "2"}) {
    screen({"run", chat, "--quiet", "-o", replicas, "--set", "workload.requests=600", "--set",
            "cluster.replicas=" + std::string(replicas)},
           inside);
  }
  check_text("compare", screen({"compare", "1", "2"}, inside));
  check_text("compare-markdown", screen({"compare", "1", "2", "--format", "markdown"}, inside));
  check_text("compare-json", screen({"compare", "1", "2", "--format", "json"}, inside));
}

TEST_CASE("docs/workload.md is what `penstock schema --markdown` prints") {
  CHECK(test::run_penstock({"schema", "--markdown"}).out ==
        test::read_file(test::source_dir() / "docs" / "workload.md"));
}

TEST_CASE("golden: docs/sweeping.md shows what its commands print") {
  check_screens("sweeping.md", [](const std::string&) { return true; });
}

TEST_CASE("golden: docs/planning.md shows what its commands print") {
  // The whole plan takes ten seconds: UPDATE_EXPECTED and PENSTOCK_SLOW_TESTS run it too.
  const bool all =
      std::getenv("UPDATE_EXPECTED") != nullptr || std::getenv("PENSTOCK_SLOW_TESTS") != nullptr;
  check_screens("planning.md", [all](const std::string& command) {
    return all || command != "penstock plan workloads/mix.yaml";
  });
}

TEST_CASE("the switches for tests change nothing with the real step model either") {
  const std::vector<std::string> base{"run",   "workloads/chat.yaml",   "--format", "json",
                                      "--set", "workload.requests=1500"};
  const std::string want = test::run_penstock(base).out;
  for (const char* preset : {"", "engine.async_scheduling=false"}) {
    std::vector<std::string> all = base;
    if (*preset != '\0') {
      all.insert(all.end(), {"--set", preset});
    }
    const std::string fast = test::run_penstock(all).out;
    std::vector<std::string> slow = all;
    slow.insert(slow.end(), {"--no-fast-path", "--no-leaping"});
    CHECK(test::run_penstock(slow).out == fast);
    CHECK((fast == want) == (*preset == '\0'));
  }
}

}  // namespace penstock
