#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "sim/core/rng.h"
#include "tests/support/command.h"
#include "tests/support/shared.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using test::CommandResult;
using test::has;
using test::read_file;
using test::run_penstock;
using test::TemporaryFolder;
using Words = std::vector<std::string>;

const std::string swept_sample = "workloads/chat.yaml";

/// A small sweep with `more` words.
Words sweep_words(const Words& more) {
  Words words{"sweep", swept_sample, "--set", "workload.requests=60"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

CommandResult sweep(const Words& more) { return run_penstock(sweep_words(more)); }

const Words grid{"--vary", "engine.max_num_seqs=1..512:log2", "--vary", "cluster.replicas=1,2,4"};

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// Everything in a result folder but the facts of the clock.
std::string swept_results_in(const fs::path& folder) {
  std::string all;
  for (const char* name : {"points.csv", "sweep.json", "journal.jsonl"}) {
    all += read_file(folder / name);
  }
  return all;
}

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// Starts a command whose output goes to the files `out` and `err`.
pid_t start(const Words& words, const std::string& out, const std::string& err) {
  Words all{test::penstock_binary().string()};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (std::string& word : all) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  const std::string directory = test::source_dir().string();
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
    dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
    if (chdir(directory.c_str()) == 0) {
      execv(argv[0], argv.data());
    }
    _exit(127);
  }
  return child;
}

/// Sends a signal and waits: the exit code, or 128 + the signal that ended the process.
int stop(pid_t child, int signal) {
  kill(child, signal);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Starts a sweep and sends it a signal after so many microseconds.
int stop_after(const Words& words, long microseconds, int signal) {
  const pid_t child = start(words, "/dev/null", "/dev/null");
  std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
  return stop(child, signal);
}

}  // namespace

TEST_CASE("each point of a sweep is the run with the same --set") {
  const Json json = Json::parse(
      sweep({"--vary", "engine.max_num_seqs=4,64", "--vary", "slo.ttft=300ms", "--format", "json"})
          .out);
  CHECK(json["complete"] == true);
  REQUIRE(json["points"].size() == 2);
  for (const Json& point : json["points"]) {
    const std::string seqs = point["values"]["engine.max_num_seqs"].dump();
    CHECK(point["values"]["slo.ttft"] == "300ms");
    Json run = Json::parse(
        run_penstock({"run", swept_sample, "--set", "workload.requests=60", "--set",
                      "engine.max_num_seqs=" + seqs, "--set", "slo.ttft=300ms", "--format", "json"})
            .out);
    for (const auto& item : run.items()) {
      const bool is_left_out = item.key() == "schema_version" || item.key() == "scenario" ||
                               item.key() == "seed" || item.key() == "reasons";
      CAPTURE(item.key());
      CHECK((is_left_out || point[item.key()] == item.value()));
    }
  }
}

TEST_CASE("a sweep gives the same files for any number of jobs, and again when resumed") {
  const TemporaryFolder folder;
  const std::string one = (folder.path() / "one").string();
  const std::string two = (folder.path() / "two").string();
  const CommandResult first = sweep(with(grid, {"--jobs", "1", "-o", one}));
  const CommandResult second = sweep(with(grid, {"--jobs", "2", "-o", two}));
  CHECK(first.exit_code == 0);
  CHECK(first.err.empty());
  CHECK(first.out == second.out);
  const std::string want = swept_results_in(one);
  CHECK(want == swept_results_in(two));
  CHECK(files_in(one) == 5);
  const std::string csv = read_file(fs::path(one) / "points.csv");
  CHECK(csv.starts_with("engine.max_num_seqs,cluster.replicas,status,"));
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 31);
  for (const char* key : {",throughput.output_tokens_per_s,", ",tpot_ms.p50,",
                          ",cost.per_million.output,", ",pareto,reason\n"}) {
    CHECK(has(csv, key));
  }
  const CommandResult again = sweep(with(grid, {"--resume", "-o", two}));
  CHECK(again.out == first.out);
  CHECK(want == swept_results_in(two));
  const Json manifest = Json::parse(read_file(fs::path(two) / "manifest.json"));
  CHECK(manifest["wall_clock"]["runs_resumed"] == 30);
}

TEST_CASE("a sweep stopped at any moment and resumed is as if nothing had happened") {
  const TemporaryFolder folder;
  const Words small{"--vary", "engine.max_num_seqs=1..8:log2", "--vary", "cluster.replicas=1,2,4"};
  const std::string calm = (folder.path() / "calm").string();
  REQUIRE(sweep(with(small, {"-o", calm})).exit_code == 0);
  const std::string want = swept_results_in(calm);
  Rng rng(1, "kills");
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    const std::string target = (folder.path() / std::to_string(round)).string();
    const Words words = sweep_words(with(small, {"--jobs", "2", "--resume", "-o", target}));
    stop_after(words, static_cast<long>(rng.below(40'000)), SIGKILL);
    // The end of the sweep, or of the process before it listens, may come first.
    const int code = stop_after(words, static_cast<long>(rng.below(40'000)), SIGINT);
    CHECK((code == 130 || code == 0));
    const CommandResult resumed = run_penstock(words);
    CHECK(resumed.exit_code == 0);
    CHECK(swept_results_in(target) == want);
    CHECK(files_in(target) == 5);
  }
}

TEST_CASE("an interrupted sweep keeps and marks what is done, and goes on") {
  const TemporaryFolder folder;
  const auto path = [&folder](const char* name) { return (folder.path() / name).string(); };
  const fs::path journal = folder.path() / "out" / "journal.jsonl";
  const pid_t child = start({"sweep", swept_sample, "--vary", "workload.requests=50,3000000",
                             "--jobs", "1", "-o", path("out")},
                            path("stdout"), path("stderr"));
  for (int tries = 0; tries < 2000; ++tries) {
    if (fs::exists(journal) && has(read_file(journal), "\"point\":0")) {
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK(stop(child, SIGINT) == 130);
  CHECK(has(read_file(path("stderr")),
            "interrupted: 1 of 2 points are done; the same command with --resume"));
  CHECK(has(read_file(path("stdout")), "not complete: 1 of 2 points"));
  CHECK(files_in(path("out")) == 1);
}

TEST_CASE("a point that does not fit is a row with its reason") {
  const CommandResult result =
      sweep({"--vary", "cluster.gpu=l4,h100-sxm", "--format", "csv", "--strict"});
  CHECK(result.exit_code == 0);
  CHECK(has(result.out, "\nl4,infeasible,"));
  CHECK(has(result.out, "llama-3.1-70b leaves no memory for KV on l4 (per GPU: "));
  CHECK(has(result.out, "\nh100-sxm,ok,60,"));
  const CommandResult none =
      sweep({"--set", "cluster.gpu=l4", "--vary", "cluster.tensor_parallel=1,2"});
  CHECK(none.exit_code == 4);
  CHECK(has(none.out, "✗ llama-3.1-70b does not fit"));
  const CommandResult wrong = sweep({"--vary", "engine.max_num_seqs=8,none", "--format", "json"});
  CHECK(wrong.exit_code == 0);
  const Json points = Json::parse(wrong.out);
  CHECK(points["points"][1]["status"] == "invalid");
  CHECK(has(points["reasons"]["reason"].get<std::string>(), "could not be run"));
  CHECK(sweep({"--vary", "slo.ttft=1ms,2ms", "--strict"}).exit_code == 1);
}

TEST_CASE("what is wrong with all points is told before anything runs") {
  const CommandResult result = sweep({"--vary", "engine.max_num_seq=1,2"});
  CHECK(result.exit_code == 3);
  CHECK(result.out.empty());
  CHECK(has(result.err, "--> --vary[1]:1:8"));
  CHECK(has(result.err, "did you mean `max_num_seqs`?"));
  CHECK(has(result.err, "none of the 2 points"));
  CHECK(run_penstock({"sweep", "no-such.yaml", "--vary", "seed=1"}).exit_code == 74);
  CHECK(sweep({"--vary", "seed=3..1"}).exit_code == 3);
  const TemporaryFolder folder;
  const std::string target = (folder.path() / "out").string();
  CHECK(sweep({"--vary", "nothing=1", "-o", target}).exit_code == 3);
  CHECK_FALSE(fs::exists(target));
}

TEST_CASE("a file of values that cannot be read exits 74 and says where it was named") {
  const CommandResult result = sweep({"--vary", "seed=1,@no-such-file"});
  CHECK(result.exit_code == 74);
  CHECK(has(result.err, "cannot read `no-such-file`: there is no such file"));
  CHECK(has(result.err, "--> --vary[1]:1:8"));
  CHECK(sweep({"--vary", "seed=@/dev/null"}).exit_code == 3);
}

TEST_CASE("GPUs side by side at one price are warned of, a map of prices is not") {
  const Words gpus{"--set", "model=llama-3.1-8b", "--vary", "cluster.gpu=h100-sxm,l40s", "--format",
                   "json"};
  const CommandResult alike = sweep(gpus);
  CHECK(has(alike.err, "warning: all GPUs of this sweep are priced alike"));
  CHECK(has(alike.err, "--> workloads/chat.yaml:31:15"));
  CHECK(has(alike.err, "give a map, such as {h100-sxm: $2.50/h, l40s: $0.90/h}"));
  const Json warned = Json::parse(alike.out);
  REQUIRE(warned["warnings"].size() == 1);
  CHECK(has(warned["warnings"][0].get<std::string>(), "give a map"));
  CHECK(warned["points"][1]["cost"]["gpu_hours"].get<double>() * 2.5 ==
        doctest::Approx(warned["points"][1]["cost"]["total"].get<double>()));
  const CommandResult map =
      sweep(with(gpus, {"--set", "prices.gpu={h100-sxm: $2.50/h, l40s: $0.90/h}"}));
  CHECK(map.err.empty());
  const Json priced = Json::parse(map.out);
  CHECK(priced["warnings"].empty());
  CHECK(priced["points"][1]["cost"]["gpu_hours"].get<double>() * 0.9 ==
        doctest::Approx(priced["points"][1]["cost"]["total"].get<double>()));
  // One GPU, or prices that are varied too: the user knows.
  CHECK_FALSE(has(sweep({"--vary", "cluster.gpu=h100-sxm", "--vary", "seed=1,2"}).err, "alike"));
  CHECK_FALSE(has(sweep(with(gpus, {"--vary", "prices.gpu=$1/h,$2/h"})).err, "alike"));
}

TEST_CASE("a sweep's command line that makes no sense exits 2") {
  const std::vector<std::pair<Words, std::string>> cases{
      {{}, "needs --vary"},
      {{"--vary", "seed"}, "PATH=VALUES"},
      {{"--vary", "seed=1", "--vary", "seed=2"}, "twice"},
      {{"--vary", "seed=1,2", "--seed", "3"}, "--runs"},
      {{"--vary", "plan.peak=1,2"}, "`penstock plan FILE --set plan.peak=VALUE`"},
      {{"--vary", "seed=1", "--jobs", "0"}, "from 1"},
      {{"--vary", "seed=1", "--runs", "x"}, "--runs"},
      {{"--vary", "seed=1", "--sample", "-1"}, "--sample"},
      {{"--vary", "seed=1", "--resume"}, "-o DIR"},
      {{"--vary", "seed=1", "-o", "x", "--resume", "--force"}, "exclude"},
  };
  for (const auto& wrong : cases) {
    const std::string& message = wrong.second;
    CAPTURE(message);
    const CommandResult result = sweep(wrong.first);
    CHECK(result.exit_code == 2);
    CHECK(has(result.err, message));
  }
}

TEST_CASE("a folder of another sweep is not touched") {
  const TemporaryFolder folder;
  const std::string target = (folder.path() / "out").string();
  CHECK(sweep({"--vary", "seed=1,2", "-o", target}).exit_code == 0);
  const std::string before = swept_results_in(target);
  const CommandResult other = sweep({"--vary", "seed=1,2,3", "-o", target, "--resume"});
  CHECK(other.exit_code == 2);
  CHECK(has(other.err, "--vary was `seed=1,2`, now `seed=1,2,3`"));
  CHECK(sweep({"--vary", "seed=1,2,3", "-o", target}).exit_code == 74);
  CHECK(before == swept_results_in(target));
  CHECK(sweep({"--vary", "seed=1,2,3", "-o", target, "--force"}).exit_code == 0);
  CHECK(before != swept_results_in(target));
}

TEST_CASE("a full disk and a folder that cannot be written are told, and lose nothing") {
  const TemporaryFolder folder;
  const std::string target = (folder.path() / "out").string();
  const Words words = sweep_words(with(grid, {"--jobs", "2", "--resume", "-o", target}));
  Words limited{"-c", R"(ulimit -f 30; exec "$0" "$@")", test::penstock_binary().string()};
  limited.insert(limited.end(), words.begin(), words.end());
  const CommandResult full = test::run_command("/bin/sh", limited);
  CHECK(full.exit_code == 74);
  CHECK(full.out.empty());
  CHECK(has(full.err, "cannot write to `journal.jsonl`"));
  const CommandResult resumed = run_penstock(words);
  CHECK(resumed.exit_code == 0);
  CHECK(Json::parse(read_file(fs::path(target) / "manifest.json"))["wall_clock"]["runs_resumed"] >
        0);
  CHECK(swept_results_in(target).size() > 100'000);
  const CommandResult nowhere = sweep({"--vary", "seed=1", "-o", "/proc/penstock"});
  CHECK(nowhere.exit_code == 74);
}

TEST_CASE("a folder without permission is told before anything runs") {
  const TemporaryFolder folder;
  constexpr const char* as_nobody = "/usr/bin/setpriv";  // root may write everywhere
  Words words{"--reuid=65534", "--regid=65534", "--clear-groups", test::penstock_binary().string()};
  const bool is_root = geteuid() == 0;
  if (is_root && (!fs::exists(as_nobody) ||
                  test::run_command(as_nobody, with(words, {"version"})).exit_code != 0)) {
    MESSAGE("not tried: nobody cannot run this binary");
    return;
  }
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec |
                                     fs::perms::others_read | fs::perms::others_exec);
  const Words more = sweep_words({"--vary", "seed=1", "-o", (folder.path() / "out").string()});
  const CommandResult refused =
      is_root ? test::run_command(as_nobody, with(words, more)) : run_penstock(more);
  CHECK(refused.exit_code == 74);
  CHECK(refused.out.empty());
  CHECK(has(refused.err, "Permission denied"));
  CHECK(files_in(folder.path()) == 0);
  fs::permissions(folder.path(), fs::perms::owner_all);
}

TEST_CASE("several runs give means with intervals") {
  const Words vary{"--vary", "engine.max_num_seqs=8,16"};
  const Json json = Json::parse(sweep(with(vary, {"--runs", "3", "--format", "json"})).out);
  for (const Json& point : json["points"]) {
    double sum = 0;
    for (const char* seed : {"1", "2", "3"}) {
      const Json run = Json::parse(
          run_penstock({"run", swept_sample, "--set", "workload.requests=60", "--seed", seed,
                        "--set",
                        "engine.max_num_seqs=" + point["values"]["engine.max_num_seqs"].dump(),
                        "--format", "json"})
              .out);
      sum += run["ttft_ms"]["p99"].get<double>();
    }
    CHECK(point["ttft_ms"]["p99"].get<double>() == doctest::Approx(sum / 3));
    CHECK(point["ci95"]["ttft_ms"]["p99"].get<double>() > 0);
  }
  CHECK(has(sweep(with(vary, {"--runs", "3"})).out, "±"));
  CHECK(has(sweep(with(vary, {"--runs", "2", "--format", "csv"})).out, ",ci95.tpot_ms.p50,"));
}

TEST_CASE("a sample is the same each time, and --dry-run lists it") {
  const Words words{"--vary",   "engine.max_num_seqs=1..512:log2",
                    "--vary",   "slo.ttft=10ms..99ms",
                    "--sample", "4"};
  const CommandResult list = sweep(with(words, {"--dry-run", "--format", "csv"}));
  CHECK(list.exit_code == 0);
  CHECK(std::count(list.out.begin(), list.out.end(), '\n') == 5);
  const Json json = Json::parse(sweep(with(words, {"--format", "json"})).out);
  CHECK(json["design"] == "latin_hypercube");
  std::string values = "engine.max_num_seqs,slo.ttft\n";
  for (const Json& point : json["points"]) {
    values += point["values"]["engine.max_num_seqs"].dump() + "," +
              point["values"]["slo.ttft"].get<std::string>() + "\n";
  }
  CHECK(values == list.out);
  CHECK(sweep(with(words, {"--dry-run", "--format", "csv", "--seed", "2"})).out != list.out);
}

TEST_CASE("golden: a batch-size sweep") {
  const fs::path path = test::source_dir() / "tests" / "scenario" / "expected" / "sweep.txt";
  const CommandResult result =
      run_penstock({"sweep", swept_sample, "--vary", "engine.max_num_seqs=1..512:log2", "--vary",
                    "cluster.gpu=h100-sxm,l4", "--set", "workload.requests=500"});
  REQUIRE(result.exit_code == 0);
  if (std::getenv("UPDATE_EXPECTED") != nullptr) {
    std::ofstream(path, std::ios::binary) << result.out;
  }
  CHECK(result.out == read_file(path));
}

}  // namespace penstock
