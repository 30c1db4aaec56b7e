#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/command.h"
#include "tests/support/shared.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using test::CommandResult;
using test::has;
using test::read_file;
using test::run_command;
using test::run_penstock;
using test::TemporaryFolder;

const std::string sample = "workloads/chat.yaml";

constexpr const char* small_workload = R"(model: llama-3.1-8b
cluster: {gpu: h100-sxm}
engine: {preset: vllm-0.19}
workload:
  requests: 50
  classes: [{name: NAME, rate: 5/s, lengths: {input: 300, output: 20}}]
slo: {ttft: LIMIT}
prices: {gpu: $2.50/h}
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

fs::path write_workload(const TemporaryFolder& folder, const std::string& name = "chat",
                        const std::string& limit = "10s") {
  const fs::path path = folder.path() / "w.yaml";
  std::ofstream(path) << replaced(replaced(small_workload, "NAME", name), "LIMIT", limit);
  return path;
}

/// The command in a shell: "$0" is penstock, "$1" the workload.
CommandResult run_shell(const std::string& script, const fs::path& workload) {
  return run_command("/bin/sh",
                     {"-c", script, test::penstock_binary().string(), workload.string()});
}

std::size_t count_lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// Everything in a folder, byte by byte, but for the facts of the clock.
std::string results_in(const fs::path& folder) {
  std::string all;
  for (const char* name : {"summary.json", "requests.csv", "timeseries.csv", "ledger.csv"}) {
    all += read_file(folder / name);
  }
  return all;
}

}  // namespace

TEST_CASE("the sample workload prints one screen on standard output and nothing else") {
  const CommandResult result = run_penstock({"run", sample});
  CHECK(result.exit_code == 0);
  CHECK(result.err.empty());
  CHECK(count_lines(result.out) < 40);
  for (const char* part : {"TTFT ms", "throughput", "cost", "bottleneck", "confidence", "seed 1"}) {
    CAPTURE(part);
    CHECK(has(result.out, part));
  }
  CHECK_FALSE(has(result.out, "\x1b"));
}

TEST_CASE("every format of run is well-formed") {
  const TemporaryFolder folder;
  const std::string file = write_workload(folder).string();
  const CommandResult json = run_penstock({"run", file, "--format", "json"});
  CHECK(json.exit_code == 0);
  CHECK(Json::parse(json.out)["requests"]["completed"] == 50);
  CHECK(run_penstock({"run", file, "--format=csv"}).out.starts_with("key,value\n"));
  CHECK(run_penstock({"run", file, "--format", "markdown"}).out.starts_with("### llama"));
  CHECK(has(run_penstock({"run", file, "--color", "always"}).out, "\x1b[32m"));
}

TEST_CASE("a command line that cannot be understood exits 2 and says why on standard error") {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{}, "no verb"},
      {{"rnu"}, "did you mean `run`?"},
      {{"calibrate", sample}, "needs"},
      {{"run"}, "needs FILE"},
      {{"run", sample, sample}, "at most 1"},
      {{"run", sample, "--sed", "1"}, "no option `--sed`"},
      {{"run", sample, "--formt", "json"}, "did you mean `--format`?"},
      {{"run", sample, "-z"}, "no option"},
      {{"run", sample, "--seed", "-1"}, "not `-1`"},
      {{"run", sample, "--seed", "1.5"}, "not `1.5`"},
      {{"run", sample, "--seed", "1", "--seed", "2"}, "twice"},
      {{"run", sample, "--seed"}, "seed"},
      {{"run", sample, "--format", "jsn"}, "did you mean `json`?"},
      {{"run", sample, "--until", "5"}, "needs a unit"},
      {{"run", sample, "--until", "-5s"}, "above 0"},
      {{"run", sample, "--until", "nan"}, "--until"},
      {{"run", sample, "--interval", "0s"}, "above 0"},
      {{"run", sample, "--set", "seed"}, "PATH=VALUE"},
      {{"run", sample, "--force"}, "-o DIR"},
      {{"run", sample, "--color", "blue"}, "--color"},
      {{"help", "ttfp"}, "did you mean"},
      {{"catalog", "gpu"}, "did you mean `gpus`?"},
      {{"catalog", "gpus", "no-such-gpu-at-all"}, "no GPU"},
  };
  for (const auto& wrong : cases) {
    const std::string& message = wrong.second;
    CAPTURE(message);
    const CommandResult result = run_penstock(wrong.first);
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    CHECK(has(result.err, message));
  }
}

TEST_CASE("invalid input exits 3, what cannot be read 74, what does not fit 4") {
  const TemporaryFolder folder;
  const std::string file = write_workload(folder).string();
  const CommandResult unknown = run_penstock({"run", file, "--set", "engine.max_num_seq=4"});
  CHECK(unknown.exit_code == 3);
  CHECK(unknown.out.empty());
  CHECK(has(unknown.err, "did you mean `max_num_seqs`?"));
  CHECK(run_penstock({"run", "no-such-file.yaml"}).exit_code == 74);
  CHECK(run_penstock({"run", folder.path().string()}).exit_code == 74);
  CHECK(run_penstock({"run", file, "--set", "model=llama-3.1-405b"}).exit_code == 4);
  CHECK(run_penstock(
            {"run", file, "--set", "engine={preset: sarathi-serve, enable_prefix_caching: true}"})
            .exit_code == 4);
  const CommandResult checked = run_penstock({"check", file, "no-such-file.yaml"});
  CHECK(checked.exit_code == 74);
  CHECK(has(checked.out, ": ok"));
}

TEST_CASE("--strict turns a missed limit into exit code 1") {
  const TemporaryFolder folder;
  const std::string file = write_workload(folder, "chat", "1us").string();
  CHECK(run_penstock({"run", file}).exit_code == 0);
  const CommandResult strict = run_penstock({"run", file, "--strict"});
  CHECK(strict.exit_code == 1);
  CHECK(has(strict.out, "✗"));
  CHECK(run_penstock({"run", file, "--strict", "--set", "slo.ttft=10s"}).exit_code == 0);
}

TEST_CASE("a full standard output or a closed pipe exits 74") {
  const TemporaryFolder folder;
  const fs::path file = write_workload(folder);
  if (fs::exists("/dev/full")) {
    const CommandResult full = run_shell(R"("$0" run "$1" > /dev/full)", file);
    CHECK(full.exit_code == 74);
    CHECK(has(full.err, "standard output"));
  }
  // The reader of the pipe is gone for certain before the command writes.
  const CommandResult closed = run_shell(
      R"(mkfifo "$1.pipe" && { : < "$1.pipe" & exec 3> "$1.pipe"; wait; "$0" run "$1" >&3; }
         echo "code $?" >&2)",
      file);
  CHECK(has(closed.err, "code 74"));
  CHECK(run_shell(R"("$0" run "$1" >&-)", file).exit_code == 74);
}

TEST_CASE("a result folder is written whole, refused when not empty, replaced with --force") {
  const TemporaryFolder folder;
  const std::string file = write_workload(folder).string();
  const std::string target = (folder.path() / "out").string();
  CHECK(run_penstock({"run", file, "-o", target}).exit_code == 0);
  CHECK(std::distance(fs::directory_iterator(target), fs::directory_iterator()) == 7);
  const std::string before = results_in(target);
  const CommandResult refused = run_penstock({"run", file, "-o", target, "--seed", "2"});
  CHECK(refused.exit_code == 74);
  CHECK(has(refused.err, "--force"));
  CHECK(results_in(target) == before);
  CHECK(run_penstock({"run", file, "-o", target, "--seed", "2", "--force"}).exit_code == 0);
  CHECK(results_in(target) != before);
  CHECK(run_penstock({"run", file, "-o", target, "--force", "--quiet"}).exit_code == 0);
  CHECK(results_in(target) == before);
  const std::string summary = read_file(fs::path(target) / "summary.json");
  CHECK(summary == run_penstock({"run", file, "--format", "json"}).out);
}

TEST_CASE("a disk that fills up leaves nothing half-written") {
  const TemporaryFolder folder;
  const fs::path file = write_workload(folder);
  // A limit on the size of files fails writes as a full disk does.
  const CommandResult limited =
      run_shell(R"sh(cd "$(dirname "$1")" && ulimit -f 4 && "$0" run "$1" -o out)sh", file);
  CHECK(limited.exit_code == 74);
  CHECK(limited.out.empty());
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
  for (const char* target : {"/dev/null", "/dev/null/x", "/proc/penstock-results"}) {
    CAPTURE(target);
    CHECK(run_penstock({"run", file.string(), "-o", target}).exit_code == 74);
  }
  CHECK(run_penstock({"run", file.string(), "-o", file.string()}).exit_code == 74);
}

TEST_CASE("the same seed gives the same bytes, another seed other ones") {
  const TemporaryFolder folder;
  const std::string file = write_workload(folder).string();
  const std::string once = run_penstock({"run", file, "--format", "json"}).out;
  CHECK(once == run_penstock({"run", file, "--format", "json"}).out);
  CHECK(once != run_penstock({"run", file, "--format", "json", "--seed", "7"}).out);
  for (const char* option : {"--no-fast-path", "--no-leaping"}) {
    CHECK(once == run_penstock({"run", file, "--format", "json", option}).out);
  }
}

TEST_CASE("--until stops early and leaves requests behind") {
  const TemporaryFolder folder;
  const std::string file = write_workload(folder).string();
  const CommandResult result = run_penstock({"run", file, "--until", "5s", "--format", "json"});
  CHECK(result.exit_code == 0);
  const Json json = Json::parse(result.out);
  const Json& counts = json["requests"];
  CHECK(counts["arrived"] < 50);
  CHECK(json["warnings"][0].get<std::string>().starts_with("stopped at 5 s by --until: "));
  CHECK(has(json["warnings"][0].get<std::string>(), " of 50 requests arrived"));
  const std::string target = (folder.path() / "out").string();
  for (const auto& [option, stopped] :
       {std::pair{"--until=5s", Json("until")}, std::pair{"--seed=1", Json()}}) {
    CHECK(run_penstock({"run", file, "--force", "-o", target, option}).exit_code == 0);
    CHECK(Json::parse(read_file(fs::path(target) / "manifest.json"))["stopped"] == stopped);
  }
  CHECK(counts["arrived"] == counts["completed"].get<int>() + counts["running"].get<int>() +
                                 counts["queued"].get<int>() + counts["rejected"].get<int>());
}

TEST_CASE("refusals are told by their reason, money by its currency, limits like values") {
  const TemporaryFolder folder;
  const std::string file = write_workload(folder).string();
  const CommandResult small = run_penstock({"run", file, "--set", "engine.max_model_len=200"});
  CHECK(has(small.err, "all 50 requests refused: the prompt leaves no room"));
  CHECK(has(small.err, "max_model_len = 200 tokens\n"));
  CHECK(has(run_penstock({"run", file, "--set", "engine.num_gpu_blocks_override=10"}).err,
            "max_model_len = 144 tokens, all that the KV pool holds"));
  const CommandResult euro =
      run_penstock({"run", file, "--set", "prices.gpu=€2.50/h", "--set", "slo.ttft=3s"});
  CHECK(has(euro.out, "€/M busy"));
  CHECK_FALSE(has(euro.out, "$"));
  CHECK(has(euro.out, " of 3,000 ms ✓"));
}

TEST_CASE("an interrupted run keeps what is complete and exits 130") {
  const TemporaryFolder folder;
  const fs::path file = write_workload(folder);
  const CommandResult result =
      run_shell(R"(exec timeout --preserve-status -s INT 1 "$0" run "$1" --format json )"
                R"(--set workload.requests=30000000)",
                file);
  CHECK(result.exit_code == 130);
  CHECK(has(result.err, "interrupted"));
  const Json json = Json::parse(result.out);
  CHECK(json["requests"]["completed"] > 0);
  CHECK(has(json["warnings"][0].get<std::string>(), "interrupted"));
}

TEST_CASE("a run that needs more memory than there is says what to lower and exits 4") {
  const TemporaryFolder folder;
  const fs::path file = write_workload(folder);
  if (run_shell(R"(ulimit -v 100000; exec "$0" version)", file).exit_code != 0) {
    return;  // a sanitizer's shadow memory is beyond any limit
  }
  const CommandResult result =
      run_shell(R"(ulimit -v 100000; exec "$0" run "$1" --set workload.requests=30000000)", file);
  CHECK(result.exit_code == 4);
  CHECK(result.out.empty());
  CHECK(has(result.err, "workload.requests"));
}

TEST_CASE("hostile class names never reach the terminal") {
  const TemporaryFolder folder;
  const fs::path file = write_workload(folder, R"("\e[31m,\"x")");
  const std::string target = (folder.path() / "out").string();
  const CommandResult result = run_penstock({"run", file.string(), "-o", target});
  CHECK((result.exit_code == 0 || result.exit_code == 3));
  CHECK_FALSE(has(result.out + result.err, "\x1b"));
}

TEST_CASE("help fits a screen and every topic and verb has a page") {
  const CommandResult help = run_penstock({"help"});
  CHECK(help.exit_code == 0);
  CHECK(count_lines(help.out) <= 40);
  CHECK(run_penstock({"--help"}).out == help.out);
  for (const char* verb : {"run", "check", "catalog", "explain"}) {
    CAPTURE(verb);
    const CommandResult page = run_penstock({verb, "--help"});
    CHECK(page.exit_code == 0);
    CHECK(count_lines(page.out) <= 32);
    CHECK(has(page.out, "usage: penstock"));
    CHECK(run_penstock({"help", verb}).out == page.out);
  }
  for (const char* topic : {"units", "overrides", "workload", "metrics", "output", "exit-codes",
                            "testing", "ttft", "kv-read-prompt", "goodput"}) {
    CAPTURE(topic);
    const CommandResult page = run_penstock({"help", topic});
    CHECK(page.exit_code == 0);
    CHECK(page.out.size() > 40);
  }
  CHECK(run_penstock({"--version"}).out.starts_with("penstock "));
}

TEST_CASE("every kind of the catalogue lists and shows its items") {
  for (const char* kind :
       {"gpus", "models", "engines", "prices", "profiles", "schedulers", "routers"}) {
    CAPTURE(kind);
    const CommandResult table = run_penstock({"catalog", kind});
    CHECK(table.exit_code == 0);
    CHECK(count_lines(table.out) >= 2);
    const Json items = Json::parse(run_penstock({"catalog", kind, "--format", "json"}).out);
    REQUIRE_FALSE(items.empty());
    const std::string name = items[0]["name"];
    CHECK(run_penstock({"catalog", kind, name}).exit_code == 0);
  }
  const Json gpu = Json::parse(run_penstock({"catalog", "gpus", "H100", "--format", "json"}).out);
  CHECK(gpu["name"] == "h100-sxm");
  CHECK(gpu["sm_count"] == 132);
  CHECK(gpu.contains("source"));
  CHECK(gpu.contains("date"));
}

TEST_CASE("explain --step tells where a step's time goes") {
  const CommandResult result =
      run_penstock({"explain", sample, "--format", "json", "--step",
                    R"({"decode": 8, "kv_sum": 4000, "kv_max": 900, "chunks": [[512, 0]]})"});
  CHECK(result.exit_code == 0);
  const Json step = Json::parse(result.out)["step"];
  double sum = 0;
  for (const auto& item : step["operators_ms"].items()) {
    sum += item.key() == "cpu" ? 0.0 : item.value().get<double>();
  }
  CHECK(sum > 0);
  CHECK(step["total_ms"].get<double>() >= step["gpu_ms"].get<double>());
  CHECK(step["bound"].contains("step"));
}

TEST_CASE("the column of explain --step adds up") {
  const std::vector<std::string> words{"explain", sample, "--step",
                                       R"({"decode": 64, "kv_sum": 96000, "chunks": [[512, 0]]})"};
  std::istringstream table(run_penstock(words).out);
  std::string line;
  std::getline(table, line);
  const double gpu = std::stod(line.substr(line.find("GPU ") + 4));
  double sum = 0;
  for (; std::getline(table, line);) {
    sum += line.starts_with(" cpu") ? 0 : std::stod(line.substr(15));
  }
  CHECK(sum == doctest::Approx(gpu).epsilon(0.01));
}

TEST_CASE("explain --step is strict about its JSON") {
  for (const char* spec :
       {"", "{", "[]", "{}", R"({"decode": -1})", R"({"decode": 1.5, "kv_sum": 3})",
        R"({"decode": 8, "kv_sum": 4})", R"({"decode": 2, "kv_sum": 10, "kv_max": 10})",
        R"({"decode": 2, "kv_sum": 10, "kv_max": 4})", R"({"kv_sum": 10})",
        R"({"decode": 1, "decode": 2, "kv_sum": 10})", R"({"chunks": [[0, 0]]})",
        R"({"chunks": [5]})", R"({"chunks": [[1, 2, 3]]})", R"({"chunk": [[1, 2]]})",
        R"({"decode": 18446744073709551615, "kv_sum": 1})", R"({"decode": "8"})"}) {
    CAPTURE(spec);
    const CommandResult result = run_penstock({"explain", sample, "--step", spec});
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    CHECK_FALSE(result.err.empty());
  }
}

}  // namespace penstock
