#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/command.h"
#include "tests/support/sample_run.h"
#include "tests/support/shared.h"
#include "tools/output/confidence.h"
#include "tools/output/csv.h"
#include "tools/output/files.h"
#include "tools/output/folder.h"
#include "tools/output/json_text.h"
#include "tools/output/manifest.h"
#include "tools/output/markdown.h"
#include "tools/output/sha256.h"
#include "tools/output/summary_json.h"
#include "tools/output/table.h"
#include "tools/output/text.h"

namespace penstock::output {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using test::sample_run;
using test::SampleRun;
using test::TemporaryFolder;

/// A sample run with everything that printers take.
struct Printed {
  explicit Printed(SampleRun made)
      : run(std::move(made)), summary(summarize(run.scenario, run.result)) {}
  RunOutput output() const {
    return {run.scenario,
            run.result,
            summary,
            assess_confidence(run.scenario, run.result),
            R"({"model": {"name": "llama-3.1-8b"}})",
            "",
            run_warnings(run.scenario, run.result, 10),
            {"a note"},
            10};
  }
  Json json() const { return summary_json(output()); }

  SampleRun run;
  Summary summary;
};

std::string text_of(void (*write)(const RunOutput&, const Sink&), const RunOutput& run) {
  std::string text;
  write(run, [&text](std::string_view piece) { text += piece; });
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& item : object.items()) {
    keys.push_back(item.key());
  }
  return keys;
}

using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("times and money are printed exactly") {
  CHECK(exact_seconds(0) == "0");
  CHECK(exact_seconds(1) == "0.000000000001");
  CHECK(exact_seconds(500'000'000'000) == "0.5");
  CHECK(exact_seconds(12'000'000'000'001) == "12.000000000001");
  CHECK(exact_seconds(8'640'000'000'000'000'000) == "8640000");
  CHECK(exact_dollars(9'671'234'567) == "9.671234567");
  CHECK(exact_dollars(-1) == "-0.000000001");
}

TEST_CASE("numbers for people keep about three digits") {
  CHECK(group_digits(1234567) == "1,234,567");
  CHECK(group_digits(-1000) == "-1,000");
  CHECK(group_digits(999) == "999");
  CHECK(figure(2349.6) == "2,350");
  CHECK(figure(999.96) == "1,000");
  CHECK(figure(96.14) == "96.1");
  CHECK(figure(4.074) == "4.07");
  CHECK(figure(0.25) == "0.25");
  CHECK(figure(0) == "0");
  CHECK(money(9.674, "USD") == "$9.67");
  CHECK(money(1234.5, "USD") == "$1,235");
  CHECK(money(0.00421, "EUR") == "€0.00421");
  CHECK(money(9.674, "GBP") == "GBP 9.67");
  CHECK(span_text(1e-12) == "1.00 ps");
  CHECK(span_text(2.5e-8) == "25.0 ns");
  CHECK(percent(0.41) == "41 %");
  CHECK(percent(0.9934) == "99.3 %");
  CHECK(percent(0.99996) == "99.996 %");
  CHECK(percent(1) == "100 %");
  CHECK(percent(0) == "0 %");
  CHECK(percent(0.986) == "98.6 %");
  CHECK(quantile_name(0.99) == "p99");
  CHECK(quantile_name(0.999) == "p99.9");
}

TEST_CASE("names cannot command the terminal or break a CSV row") {
  CHECK(printable("a\x1b[31mb\n\x7f") == "a\\x1b[31mb\\x0a\\x7f");
  CHECK(printable("\xc2\x9b"
                  "1m") == "\\x9b1m");
  CHECK(printable("caf\xc3\xa9") == "caf\xc3\xa9");
  CHECK(printable("\xff\xc3") == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(columns("caf\xc3\xa9 \x1b[32m\xe2\x9c\x93\x1b[0m") == 6);
  CHECK(csv_field("plain") == "plain");
  CHECK(csv_field("a,b") == "\"a,b\"");
  CHECK(csv_field("say \"x\"\n") == "\"say \"\"x\"\"\n\"");
}

TEST_CASE("JSON numbers are in shortest round-trip form and stay numbers of their kind") {
  CHECK(to_text(Json{{"a", 0.1}, {"b", 5.0}, {"c", 3}, {"d", 1e-7}, {"e", 1e300}}) ==
        "{\n  \"a\": 0.1,\n  \"b\": 5.0,\n  \"c\": 3,\n  \"d\": 1e-07,\n  \"e\": 1e+300\n}\n");
  CHECK(to_text(Json(std::numeric_limits<double>::quiet_NaN())) == "null\n");
  CHECK(to_text(Json{1, 2.5}) == "[1, 2.5]\n");
  CHECK(to_text(Json::object()) == "{}\n");
  CHECK(to_text(Json("\xff\"")) == "\"\xef\xbf\xbd\\\"\"\n");
}

TEST_CASE("SHA-256 gives the digests of FIPS 180-4") {
  CHECK(Sha256().hex_digest() ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 abc;
  abc.add("a");
  abc.add("bc");
  CHECK(abc.hex_digest() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 two_blocks;
  two_blocks.add("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq");
  CHECK(two_blocks.hex_digest() ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  Sha256 million;
  for (int i = 0; i < 1000; ++i) {
    million.add(std::string(1000, 'a'));
  }
  CHECK(million.hex_digest() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("the summary has the keys of the contract in their order") {
  const Json json = Printed(sample_run()).json();
  CHECK(keys_of(json) ==
        Keys{"schema_version", "scenario",   "seed",       "requests",    "tokens",
             "duration_s",     "throughput", "ttft_ms",    "tpot_ms",     "itl_ms",
             "e2e_ms",         "queue_ms",   "slo",        "utilization", "energy",
             "cost",           "classes",    "bottleneck", "confidence",  "reasons",
             "warnings"});
  CHECK(keys_of(json["requests"]) ==
        Keys{"arrived", "completed", "rejected", "aborted", "running", "queued", "preemptions"});
  CHECK(keys_of(json["tokens"]) ==
        Keys{"input", "cached_input", "output", "recomputed", "aborted"});
  CHECK(keys_of(json["throughput"]) == Keys{"requests_per_s", "input_tokens_per_s",
                                            "output_tokens_per_s", "total_tokens_per_s",
                                            "output_tokens_per_s_per_gpu"});
  CHECK(keys_of(json["ttft_ms"]) ==
        Keys{"mean", "p50", "p90", "p95", "p99", "max", "std", "count"});
  CHECK(keys_of(json["slo"]) == Keys{"attainment", "goodput_requests_per_s", "by_class"});
  CHECK(keys_of(json["utilization"]) == Keys{"busy", "load", "mfu", "mbu", "kv_mean", "kv_peak",
                                             "batch_mean", "batch_peak", "prefix_hit_rate",
                                             "steps"});
  CHECK(keys_of(json["energy"]) == Keys{"gpu_kwh", "idle_kwh", "server_kwh", "facility_kwh",
                                        "peak_kw", "joules_per_output_token", "joules_per_token"});
  CHECK(keys_of(json["cost"]) == Keys{"currency", "total", "gpu_hours", "price", "rule",
                                      "per_million", "busy_per_million", "idle_per_million",
                                      "saturation_per_million", "rules", "accounts", "bases"});
  CHECK(keys_of(json["cost"]["per_million"]) == Keys{"input", "cached_input", "output", "blended"});
  CHECK(keys_of(json["cost"]["rules"]) ==
        Keys{"phase", "cause", "occupancy", "flops", "output_only", "blended"});
  CHECK(keys_of(json["cost"]["rules"]["phase"]) == Keys{"input", "cached_input", "output"});
  CHECK(keys_of(json["cost"]["accounts"][0]) == Keys{"token", "cause", "gpu_hours", "amount"});
  CHECK(keys_of(json["cost"]["bases"]) == Keys{"rental", "owned", "electricity"});
  CHECK(keys_of(json["classes"]) == Keys{"chat", "code"});
  CHECK(keys_of(json["classes"]["chat"]) ==
        Keys{"requests", "tokens", "ttft_ms", "tpot_ms", "e2e_ms", "slo", "cost"});
  CHECK(keys_of(json["bottleneck"]) == Keys{"resource", "phase", "share"});
  CHECK(keys_of(json["confidence"]) == Keys{"label", "nearest", "median_error", "extrapolated"});
}

TEST_CASE("every null of the summary has its reason") {
  SampleRun run = sample_run();
  run.scenario.slo = Slo{};
  const Json json = Printed(std::move(run)).json();
  const Json& reasons = json["reasons"];
  const auto explained = [&reasons](std::string path) {
    while (!path.empty() && !reasons.contains(path)) {
      const std::size_t dot = path.rfind('.');
      path.erase(dot == std::string::npos ? 0 : dot);
    }
    return !path.empty();
  };
  int nulls = 0;
  const auto visit = [&](const auto& self, const Json& value, const std::string& path) -> void {
    if (value.is_null()) {
      ++nulls;
      CAPTURE(path);
      CHECK(explained(path));
    } else if (value.is_object()) {
      for (const auto& item : value.items()) {
        self(self, item.value(), path.empty() ? item.key() : path + "." + item.key());
      }
    }
  };
  for (const auto& item : json.items()) {
    if (item.key() != "scenario") {
      visit(visit, item.value(), item.key());
    }
  }
  CHECK(nulls > 5);
  CHECK(reasons["utilization.prefix_hit_rate"] == "prefix caching is off");
}

TEST_CASE("a summary without a completed request is still complete") {
  SampleRun run = sample_run();
  run.result = Result{};
  run.result.ledger.classes.resize(2);
  run.result.replicas.resize(1);
  const Printed printed(std::move(run));
  const Json json = printed.json();
  CHECK(json["ttft_ms"]["mean"].is_null());
  CHECK(json["ttft_ms"]["count"] == 0);
  CHECK(json["reasons"].contains("ttft_ms"));
  CHECK(json["bottleneck"].is_null());
  CHECK(run_table(printed.output(), false).find("nan") == std::string::npos);
  CHECK_FALSE(run_markdown(printed.output()).empty());
}

TEST_CASE("warnings name what was refused, and a note stays among them") {
  SampleRun run = sample_run();
  run.result.stop = StopReason::interrupted;
  run.result.truncated = 2;
  const Json json = Printed(std::move(run)).json();
  REQUIRE(json["warnings"].size() == 4);
  CHECK(json["warnings"][0].get<std::string>().starts_with("interrupted at 10 s of simulated"));
  CHECK(json["warnings"][1].get<std::string>().starts_with("1 request refused"));
  CHECK(json["warnings"][2] ==
        "2 requests asked for more output than max_model_len = 8,192 tokens leaves: cut there");
  CHECK(json["warnings"][3] == "a note");
}

TEST_CASE("a warning says that all clients have given up") {
  Result result;
  for (int i = 0; i < 3; ++i) {
    result.requests.emplace_back().status = RequestStatus::aborted;
  }
  CHECK(run_warnings({}, result, 3) ==
        std::vector<std::string>{"the clients of all 3 requests gave up: see `workload.timeout`"});
  result.requests[1].status = RequestStatus::completed;
  CHECK(run_warnings({}, result, 3).empty());
}

TEST_CASE("requests.csv has one row a request, exact times and costs that sum to the bill") {
  const Printed printed(sample_run());
  const std::vector<std::string> rows = lines_of(text_of(write_requests_csv, printed.output()));
  REQUIRE(rows.size() == 8);
  CHECK(rows[0] ==
        "id,class,replica,arrival_s,first_scheduled_s,first_token_s,finish_s,input_tokens,"
        "cached_tokens,output_tokens,preemptions,status,cost_usd");
  CHECK(rows[1] == "0,chat,0,0,0,1,3,100,0,5,0,completed,0.008");
  CHECK(rows[3] == "2,chat,0,2,3,3.5,3.5,50,0,1,0,completed,0.0013333333333333333");
  CHECK(rows[5] == "4,code,0,5,,,5,9000,0,0,0,rejected,0");
  CHECK(rows[6].starts_with("5,code,0,6,7,8,,100,0,3,0,running,"));
  CHECK(rows[7] == "6,chat,0,9,,,,100,0,0,0,queued,0");
  double sum = 0;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    sum += std::stod(rows[i].substr(rows[i].rfind(',') + 1));
  }
  CHECK(sum == doctest::Approx(printed.summary.bill.total).epsilon(1e-12));
}

TEST_CASE("timeseries.csv has a row per interval and replica with means over it") {
  const Printed printed(sample_run());
  const std::vector<std::string> rows = lines_of(text_of(write_timeseries_csv, printed.output()));
  REQUIRE(rows.size() == 3);
  CHECK(rows[0] ==
        "time_s,replica,arrivals,completed,running,waiting,kv,batch,busy,mfu,mbu,power_w,"
        "preemptions,compute,memory,communication,latency,cpu");
  CHECK(rows[1] == "0,0,4,3,2,1,0.25,2.5,0.8,0.252,0.22,1104.6,0,0,0,0,0,0");
  CHECK(rows[2] == "5,0,2,1,2,1,0.25,2.5,0.8,0.252,0.22,1104.6,0,0,0,0,0,0");
}

TEST_CASE("ledger.csv quotes names and is exact") {
  const Printed printed(sample_run("a,\"b\"\n"));
  const std::string text = text_of(write_ledger_csv, printed.output());
  CHECK(
      text.starts_with("class,token,cause,rule,amount\n\"a,\"\"b\"\"\n\",input,weights,phase,"
                       "0.001\n"));
  CHECK(text.find("\n,,idle,phase,0.004\n") != std::string::npos);
  CHECK(text.find("\ncode,,recompute,phase,0.001\n") != std::string::npos);
}

TEST_CASE("hostile class names reach neither the terminal nor break JSON") {
  const Printed printed(sample_run("\x1b[2J\xff\"}"));
  const RunOutput run = printed.output();
  CHECK(run_table(run, false).find('\x1b') == std::string::npos);
  CHECK(run_markdown(run).find('\x1b') == std::string::npos);
  const Json json = Json::parse(summary_json_text(run));
  CHECK(json["classes"].size() == 2);
}

TEST_CASE("the screen tells verdict, numbers, money, cause and trust in that order") {
  const Printed printed(sample_run());
  const std::string screen = run_table(printed.output(), false);
  const std::string mark = "stopped at 10 s by --until: 7 of 10 requests arrived, 1 still running";
  CHECK(lines_of(screen).at(1) == " ! " + mark + ", 1 queued");
  CHECK(lines_of(run_markdown(printed.output())).at(2) == "**" + mark + ", 1 queued**");
  std::size_t at = 0;
  for (const char* part :
       {"llama-3.1-8b bf16 · 1 × 2 H100 SXM (TP2) · vllm-0.19", " ✓ chat: 67 % of requests good",
        " ✗ code: 0 % of requests good", "mean", " TTFT ms", " throughput", " utilization",
        " cost              $0.02", "= $/M", "input", "output", "why output", "other rules",
        " bottleneck        memory bandwidth in decode (62 % of busy time)", " confidence",
        " note              a note"}) {
    CAPTURE(part);
    const std::size_t found = screen.find(part, at);
    CHECK(found != std::string::npos);
    at = found == std::string::npos ? at : found;
  }
  CHECK(screen.find('\x1b') == std::string::npos);
  CHECK(run_table(printed.output(), true).find("\x1b[32m✓\x1b[0m") != std::string::npos);
  CHECK(screen.find("electricity") != std::string::npos);
}

TEST_CASE("the flattened summary has one row a value") {
  const Printed printed(sample_run());
  const std::string text = summary_csv_text(printed.output());
  CHECK(text.starts_with("key,value\nschema_version,1\n"));
  CHECK(text.find("\nrequests.completed,4\n") != std::string::npos);
  CHECK(text.find("\nttft_ms.p50,1750.0\n") != std::string::npos);
  CHECK(text.find("\nutilization.load,") != std::string::npos);
}

TEST_CASE("confidence says what was measured and what is beyond it") {
  SampleRun run = sample_run();
  Confidence c = assess_confidence(run.scenario, run.result);
  CHECK(c.median_error.front().first == "throughput");
  CHECK(c.extrapolated.size() == 1);
  run.result.max_chunk_context = 20'000;
  run.scenario.weights = Dtype::int8;
  run.scenario.cluster.gpu.timing.fit = "datasheet";
  c = assess_confidence(run.scenario, run.result);
  CHECK(c.extrapolated.size() == 4);
  run.scenario.step_model.kind = StepModelSpec::Kind::constant;
  c = assess_confidence(run.scenario, run.result);
  CHECK(c.median_error.empty());
  CHECK(c.extrapolated.empty());
}

TEST_CASE("a result folder appears whole") {
  const TemporaryFolder temporary;
  const fs::path target = temporary.path() / "deep" / "results";
  const fs::path input = temporary.path() / "w.yaml";
  std::ofstream(input) << "abc";
  const Printed printed(sample_run());
  FolderWriter folder(target, false);
  CHECK_FALSE(fs::exists(target));
  write_run_folder(printed.output(), {.command = {"penstock", "run"}, .inputs = {input.string()}},
                   folder);
  CHECK_FALSE(fs::exists(target));
  folder.commit();
  for (const char* name : {"summary.json", "requests.csv", "timeseries.csv", "ledger.csv",
                           "position.csv", "manifest.json"}) {
    CHECK(fs::file_size(target / name) > 0);
  }
  CHECK(test::read_file(target / "summary.json") == summary_json_text(printed.output()));
  const Json manifest = Json::parse(test::read_file(target / "manifest.json"));
  CHECK(manifest["inputs"][0]["sha256"] ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(manifest["command"] == Json{"penstock", "run"});
}

TEST_CASE("the manifest has a digest of each file in a folder that was read") {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "b.csv") << "abc";
  std::ofstream(folder.path() / "a.csv") << "abc";
  fs::create_directory(folder.path() / "deeper");
  const auto digests = input_digests({folder.path().string()});
  REQUIRE(digests.size() == 2);
  CHECK(digests[0]["path"] == (folder.path() / "a.csv").string());
  CHECK(digests[1]["sha256"] == digests[0]["sha256"]);
}

}  // namespace penstock::output
