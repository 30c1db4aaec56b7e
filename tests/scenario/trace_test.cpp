#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/command.h"
#include "tests/support/shared.h"

/// `penstock trace`, and `penstock run` on traces, as a user meets them.
namespace penstock::test {
namespace {

using Json = nlohmann::json;

const std::string mooncake_rows =
    R"({"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [1, 2]}
{"timestamp": 500, "input_length": 600, "output_length": 8, "hash_ids": [1, 3]}
{"timestamp": 2500, "input_length": 1024, "output_length": 8, "hash_ids": [1, 3]}
)";

class TraceFile {
 public:
  TraceFile(const std::string& name, const std::string& text) : path_(folder_.path() / name) {
    std::ofstream(path_, std::ios::binary) << text;
  }
  std::string path() const { return path_.string(); }
  std::string beside(const std::string& name) const { return (folder_.path() / name).string(); }

 private:
  TemporaryFolder folder_;
  std::filesystem::path path_;
};

/// A small workload of this trace.
std::string workload_of(const std::string& trace) {
  return "model: llama-3.1-8b\ncluster: {gpu: h100-sxm}\nengine: {preset: vllm-0.19}\n"
         "workload: {trace: " +
         trace + "}\nprices: {gpu: $2.50/h}\n";
}

}  // namespace

TEST_CASE("trace info has the keys of its contract") {
  const TraceFile trace("t.jsonl", mooncake_rows);
  const CommandResult result =
      run_penstock({"trace", "info", trace.path(), "--prefix-cache", "1,inf", "--format", "json"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  const Json json = Json::parse(result.out);
  CHECK(json["requests"] == 3);
  CHECK(json["span_s"] == 2.5);
  CHECK(json["rate"]["mean"] == 0.8);
  CHECK(json["rate"]["peak_1s"] == 2);
  CHECK(json["rate"]["peak_60s"].is_null());
  CHECK(json["input"]["p50"] == 600);
  CHECK(json["output"]["max"] == 8);
  CHECK(json["ratio"]["share_3_to_10"] == 0);
  CHECK(json["rank_correlation"] == doctest::Approx(0.5));
  CHECK(json["fano"].contains("10s"));
  CHECK(json["sessions"].is_null());
  CHECK(json["reasons"].contains("sessions"));
  REQUIRE(json["prefix_cache"].size() == 2);
  CHECK(json["prefix_cache"][0]["blocks"] == 1);
  CHECK(json["prefix_cache"][1]["blocks"] == "inf");
  CHECK(json["prefix_cache"][1]["block_hit_ratio"] == 0.5);
  CHECK(json["prefix_cache"][1]["token_hit_ratio"] == doctest::Approx((512 + 1024) / 2224.0));
}

TEST_CASE("trace info reads standard input, and shows a screen") {
  const CommandResult result = run_penstock({"trace", "info", "-"}, {.input = mooncake_rows});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK(has(result.out, "- · mooncake · 3 requests · 2.5"));
  CHECK(has(result.out, "unlimited: 50.0 % of blocks"));
}

TEST_CASE("what was converted converts to itself, in both formats") {
  const TraceFile trace("t.jsonl", mooncake_rows);
  const std::string csv = trace.beside("a.csv");
  const std::string jsonl = trace.beside("b.jsonl");
  CHECK(run_penstock({"trace", "convert", trace.path(), "-o", csv}).exit_code == 0);
  CHECK(run_penstock({"trace", "convert", csv, "-o", jsonl}).exit_code == 0);
  const CommandResult back = run_penstock({"trace", "convert", jsonl});
  CHECK(back.out == read_file(csv));
  CHECK(back.out ==
        "arrival_s,input_tokens,output_tokens,block_tokens,hash_ids\n0,600,5,512,1 2\n"
        "0.5,600,8,512,1 3\n2.5,1024,8,512,1 3\n");
  CHECK(has(read_file(jsonl), R"({"arrival_s": 0.5, "input_tokens": 600, "output_tokens": 8, )"
                              R"("block_tokens": 512, "hash_ids": [1,3]})"));
}

TEST_CASE("rows that cannot be read end a conversion, which leaves no file behind") {
  const TraceFile trace("t.csv", "input_tokens,output_tokens\n5,x\n7,1\n");
  const std::string out = trace.beside("out.csv");
  const CommandResult refused = run_penstock({"trace", "convert", trace.path(), "-o", out});
  CHECK(refused.exit_code == 3);
  CHECK(has(refused.err, "output_tokens `x` is not a whole number of tokens"));
  CHECK(has(refused.err, "t.csv:2:3"));
  CHECK_FALSE(std::filesystem::exists(out));
  const CommandResult done =
      run_penstock({"trace", "convert", trace.path(), "-o", out, "--skip-bad-rows"});
  CHECK(done.exit_code == 0);
  CHECK(has(done.err, "1 row cannot be read and is left out"));
  CHECK(read_file(out) == "input_tokens,output_tokens\n7,1\n");
  CHECK(run_penstock({"trace", "convert", trace.path(), "--skip-bad-rows", "-o",
                      trace.beside("no/such/folder.csv")})
            .exit_code == 74);
}

TEST_CASE("the trace verb explains itself") {
  CHECK(run_penstock({"trace"}).exit_code == 2);
  CHECK(run_penstock({"trace", "inof", "x"}).exit_code == 2);
  CHECK(run_penstock({"trace", "info"}).exit_code == 2);
  CHECK(has(run_penstock({"help", "trace"}).out, "llmservingsim"));
  CHECK(has(run_penstock({"trace", "info", "x", "--from", "azur"}).err, "did you mean `azure`"));
  CHECK(run_penstock({"trace", "info", "x", "--prefix-cache", "0"}).exit_code == 2);
  CHECK(run_penstock({"trace", "info", "x", "--block-tokens", "0"}).exit_code == 2);
  CHECK(run_penstock({"trace", "convert", "x", "--to", "xml"}).exit_code == 2);
  CHECK(run_penstock({"trace", "info", "no-such-file.csv"}).exit_code == 74);
}

TEST_CASE("a run replays any format, and what was left out is a warning") {
  const TraceFile trace("t.csv",
                        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
                        "9,ChatGPT,472,18,490,Conversation log\n5,ChatGPT,100,7,107,API log\n"
                        "7,ChatGPT,100,0,100,API log\n");
  std::ofstream(trace.beside("w.yaml")) << workload_of("{file: t.csv}");
  const CommandResult result = run_penstock({"run", trace.beside("w.yaml"), "--format", "json"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  const Json json = Json::parse(result.out);
  CHECK(json["requests"]["completed"] == 2);
  CHECK(json["tokens"]["output"] == 25);
  CHECK(has(result.err, "1 row without input or output tokens is left out"));
  CHECK(has(result.err, "1 row out of order, by 4 s at most: sorted by time"));
}

TEST_CASE("a trace without times runs with arrivals from the workload file") {
  const TraceFile trace("t.csv", "num_prefill_tokens,num_decode_tokens\n472,18\n100,7\n");
  std::ofstream(trace.beside("w.yaml")) << workload_of("{file: t.csv}");
  const CommandResult refused = run_penstock({"run", trace.beside("w.yaml")});
  CHECK(refused.exit_code == 3);
  CHECK(has(refused.err, "the trace has no times"));
  CHECK(has(refused.err, "workload.trace.rate"));
  for (const char* set : {"workload.trace.rate=5/s", "workload.trace.arrivals={process: offline}",
                          "workload.trace.arrivals={process: closed_loop, concurrency: 1}"}) {
    CAPTURE(set);
    const CommandResult result =
        run_penstock({"run", trace.beside("w.yaml"), "--set", set, "--format", "json"});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    CHECK(Json::parse(result.out)["requests"]["completed"] == 2);
  }
  CHECK(has(run_penstock({"run", trace.beside("w.yaml"), "--set",
                          "workload.trace.arrivals={process: constant}"})
                .err,
            "these arrivals need a `rate`"));
  CHECK(has(run_penstock({"run", trace.beside("w.yaml"), "--set", "workload.trace.rate=5/s",
                          "--set", "workload.trace.arrivals={process: offline}"})
                .err,
            "`rate` is for poisson and constant arrivals only"));
}

TEST_CASE("--skip-bad-rows goes on where a row cannot be read, and the report counts") {
  const TraceFile trace("t.csv", "ts,in,out\n1000,50,6\n2500,70,8\nx,1,1\n");
  std::ofstream(trace.beside("w.yaml")) << workload_of(
      "{file: t.csv, columns: {arrival: ts, input: in, output: out, time: milliseconds}}");
  const std::string file = trace.beside("w.yaml");
  const CommandResult refused = run_penstock({"run", file});
  CHECK(refused.exit_code == 3);
  CHECK(has(refused.err, "ts `x` cannot be read"));
  const CommandResult done = run_penstock({"run", file, "--skip-bad-rows", "--format", "json"});
  REQUIRE_MESSAGE(done.exit_code == 0, done.err);
  const Json json = Json::parse(done.out);
  CHECK(json["requests"]["completed"] == 2);
  CHECK(json["scenario"]["workload"]["trace"]["skip_bad_rows"] == true);
  CHECK(has(json["warnings"].dump(), "1 row cannot be read and is left out"));
  CHECK(has(run_penstock({"run", file, "--skip-bad-rows"}).out, "1 row cannot be read"));
  CHECK(run_penstock({"check", file, "--skip-bad-rows"}).exit_code == 0);
  CHECK(run_penstock({"explain", file, "--skip-bad-rows"}).exit_code == 0);
  CHECK(run_penstock({"sweep", file, "--skip-bad-rows", "--vary", "cluster.replicas=1,2"})
            .exit_code == 0);
  // Where there is no trace it means nothing.
  std::ofstream(trace.beside("c.yaml"))
      << "model: llama-3.1-8b\ncluster: {gpu: h100-sxm}\nengine: {preset: vllm-0.19}\n"
         "workload: {requests: 3, classes: [{name: a, rate: 1/s, lengths: {input: 5, output: "
         "5}}]}\n";
  CHECK(run_penstock({"run", trace.beside("c.yaml"), "--skip-bad-rows"}).exit_code == 0);
}

namespace {

/// What a run of this file did, request by request, without the names of classes.
std::string requests_of(const std::string& file, const std::vector<std::string>& more,
                        const std::filesystem::path& folder) {
  std::vector<std::string> words{"run", file, "-q", "-o", folder.string()};
  words.insert(words.end(), more.begin(), more.end());
  const CommandResult result = run_penstock(words);
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  std::istringstream rows(read_file((folder / "requests.csv").string()));
  std::string all;
  for (std::string row; std::getline(rows, row);) {
    const std::size_t id = row.find(',');
    all += row.substr(0, id) + row.substr(row.find(',', id + 1)) + "\n";
  }
  return all;
}

}  // namespace

TEST_CASE("a generated trace replays as the workload file that it was made from") {
  const std::string head =
      "model: llama-3.1-8b\ncluster: {gpu: h100-sxm}\nengine: {preset: vllm-0.19}\n"
      "prices: {gpu: $2.50/h}\n";
  const TemporaryFolder folder;
  const auto path = [&folder](const char* name) { return (folder.path() / name).string(); };
  const auto check = [&](const std::string& classes, const char* trace) {
    CAPTURE(classes);
    std::ofstream(path("w.yaml")) << head << "workload: {requests: 400, classes: [" << classes
                                  << "]}\n";
    std::ofstream(path("t.yaml")) << head << "workload: {trace: {file: " << trace << "}}\n";
    const CommandResult made =
        run_penstock({"trace", "generate", path("w.yaml"), "--seed", "7", "-o", path(trace)});
    REQUIRE_MESSAGE(made.exit_code == 0, made.err);
    const std::string own =
        requests_of(path("w.yaml"), {"--seed", "7"}, folder.path() / "own" / trace);
    CHECK(own == requests_of(path("t.yaml"), {}, folder.path() / "replayed" / trace));
    CHECK(std::count(own.begin(), own.end(), '\n') == 401);
  };
  check(
      "{name: a, rate: 20/s, lengths: {input: {uniform: [10, 900]}, output: 20}, prefix: {shared: "
      "300, groups: 5}, arrivals: {process: gamma, cv: 2}}, {name: b, rate: 5/s, priority: 2, "
      "lengths: {input: 50, output: 9}}",
      "open.csv");
  // Conversations that are through before the last request: later ones would be cut elsewhere.
  check(
      "{name: a, rate: 0.001/s, lengths: {input: 300, output: 40}, prefix: {shared: 100}, "
      "sessions: {turns: 8, think: 2s, branches: {share: 50%, count: 2, input: 30}, "
      "tools: {share: 30%, delay: 0s}}}",
      "talk.jsonl.gz");
}

TEST_CASE("trace generate says what it cannot write") {
  const TraceFile file(
      "w.yaml",
      "model: llama-3.1-8b\ncluster: {gpu: h100-sxm}\nengine: {preset: vllm-0.19}\n"
      "workload: {requests: 3, classes: [{name: a, lengths: {input: 5, output: 5}, "
      "arrivals: {process: closed_loop, concurrency: 2}}]}\n");
  const CommandResult refused = run_penstock({"trace", "generate", file.path()});
  CHECK(refused.exit_code == 3);
  CHECK(has(refused.err, "class `a` is a closed loop"));
  CHECK(run_penstock({"trace", "generate", file.path(), "--to", "xml"}).exit_code == 2);
  CHECK(run_penstock({"trace", "convert", file.path(), "--columns", "input=a"}).exit_code == 2);
  CHECK(has(run_penstock({"trace", "convert", file.path(), "--columns", "in=a"}).err,
            "prefix_group"));
}

}  // namespace penstock::test
