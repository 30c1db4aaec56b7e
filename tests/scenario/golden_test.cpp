#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

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

}  // namespace

TEST_CASE("golden: chat") { check_screen({"chat", {"run", "workloads/chat.yaml"}}); }

TEST_CASE("golden: code completion") {
  check_screen({"code-completion", {"run", "workloads/code-completion.yaml"}});
}

TEST_CASE("golden: rag") { check_screen({"rag", {"run", "workloads/rag.yaml"}}); }

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
