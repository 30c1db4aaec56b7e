#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "tests/support/config_text.h"
#include "tests/support/shared.h"
#include "workloads/trace.h"

namespace penstock::config {
namespace {

using test::load_small;
using test::only_error;
using test::rendered;

/// The small workload with this `workload:` section.
Loaded load_workload_map(const std::string& map) { return load_small({"workload=" + map}); }

/// The lengths of the one class, given as this `output:`.
Loaded load_output(const std::string& output) {
  return load_small({"workload.classes[0].lengths.output=" + output});
}

constexpr const char* ten_by_ten = "lengths: {input: 10, output: 10}";

TEST_CASE("lengths: fixed, uniform, lognormal, quantiles") {
  const auto output = [](const std::string& text) {
    const Loaded loaded = load_output(text);
    CHECK(rendered(loaded) == "");
    return loaded.scenario.workload.classes.at(0).output;
  };
  const LengthSpec fixed = output("8000");
  CHECK(fixed.kind == LengthSpec::Kind::fixed);
  CHECK(fixed.a == 8000);
  const LengthSpec uniform = output("{uniform: [5, 50]}");
  CHECK(uniform.kind == LengthSpec::Kind::uniform);
  CHECK(uniform.a == 5);
  CHECK(uniform.b == 50);
  const LengthSpec lognormal = output("{lognormal: {mean: 2000, p95: 7300}}");
  CHECK(lognormal.kind == LengthSpec::Kind::lognormal);
  CHECK(std::exp(lognormal.a + lognormal.b * lognormal.b / 2) == doctest::Approx(2000));
  CHECK(std::exp(lognormal.a + 1.6448536269514722 * lognormal.b) == doctest::Approx(7300));
  const LengthSpec constant = output("{lognormal: {mean: 50, p95: 50}}");
  CHECK(constant.b == 0);
  const LengthSpec quantiles = output("{quantiles: {p50: 13, p5: 6, p99.9: 251}}");
  CHECK(quantiles.kind == LengthSpec::Kind::quantiles);
  CHECK(quantiles.probabilities == std::vector<double>{0, 0.05, 0.5, 99.9 / 100, 1});
  CHECK(quantiles.values == std::vector<double>{6, 6, 13, 251, 251});
  CHECK(output("{quantiles: {p0: 1, p100: 9}}").values == std::vector<double>{1, 9});
}

TEST_CASE("lengths that make no sense are refused") {
  CHECK(only_error(load_output("0")) == "`output` must be at least 1");
  CHECK(only_error(load_output("1e9")) == "`output` must be at most 10,000,000");
  CHECK(only_error(load_output("2.5")) == "`output`: `2.5` is not a whole number");
  CHECK(only_error(load_output("{uniform: [9, 5]}")) ==
        "`uniform` goes from the lowest to the highest");
  CHECK(only_error(load_output("{uniform: [9]}")) == "`uniform` takes two numbers");
  CHECK(only_error(load_output("{lognormal: {mean: 100, p95: 400}}")) ==
        "no lognormal distribution has this mean and this p95");  // 3.87 x is the most
  CHECK(only_error(load_output("{lognormal: {mean: 100, p95: 99}}")) ==
        "no lognormal distribution has this mean and this p95");
  CHECK(only_error(load_output("{lognormal: {mean: 100}}")) == "`p95` is missing");
  CHECK(only_error(load_output("{quantiles: {p50: 10, p5: 20}}")) == "`p50` is less than `p5`");
  CHECK(only_error(load_output("{quantiles: {p50: 10, p50.0: 20}}")) == "`p50.0` is `p50` again");
  CHECK(only_error(load_output("{quantiles: {median: 10}}")) == "`median` is not a quantile");
  CHECK(only_error(load_output("{quantiles: {p101: 10}}")) == "`p101` is not a quantile");
  CHECK(only_error(load_output("{quantiles: {}}")) == "`quantiles` is empty");
  CHECK(only_error(load_output("{uniform: [1, 2], lognormal: {mean: 5, p95: 6}}")) ==
        "`output` takes one of `uniform`, `lognormal` and `quantiles`");
  CHECK(only_error(load_output("{}")) ==
        "`output` takes one of `uniform`, `lognormal` and `quantiles`");
  CHECK(only_error(load_output("[1, 2]")) ==
        "`output` must be a single value or a map (`key: value`), not a list");
  CHECK(only_error(load_small({"workload.classes[0].lengths=azure-conv-2024"})) ==
        "there is no length profile `azure-conv-2024` in the catalogue");
}

TEST_CASE("arrivals: a rate, all at once, or a closed loop") {
  const auto arrivals = [](const std::string& rest) {
    const Loaded loaded =
        load_workload_map("{requests: 10, classes: [{name: a, " + rest + ", " + ten_by_ten + "}]}");
    CHECK(rendered(loaded) == "");
    return loaded.scenario.workload.classes.at(0);
  };
  CHECK(arrivals("rate: 30/min").rate == doctest::Approx(0.5));
  CHECK(arrivals("rate: 2/s, arrivals: {process: constant}").arrivals.process ==
        ArrivalSpec::Process::constant);
  const ClassSpec offline = arrivals("arrivals: {process: offline}");
  CHECK(offline.rate == 0);
  CHECK(offline.share == 1);
  const ClassSpec loop = arrivals("arrivals: {process: closed_loop, concurrency: 8, think: 2s}");
  CHECK(loop.arrivals.concurrency == 8);
  CHECK(loop.arrivals.think == SimTime::from_seconds(2));
}

TEST_CASE("arrivals that contradict themselves are refused") {
  const auto problem = [](const std::string& rest) {
    return only_error(load_workload_map("{requests: 10, classes: [{name: a, " + rest + ", " +
                                        ten_by_ten + "}]}"));
  };
  CHECK(problem("priority: 1") == "`rate` is missing");
  CHECK(problem("rate: 8") == "`rate`: `8` needs a unit");
  CHECK(problem("rate: 0/s") == "`rate` must be at least 1/d");
  CHECK(problem("rate: 1/s, arrivals: {process: offline}") ==
        "`rate` has no meaning with `process: offline`");
  CHECK(problem("arrivals: {process: closed_loop}") ==
        "`process: closed_loop` needs `concurrency`");
  CHECK(problem("rate: 1/s, arrivals: {concurrency: 8}") ==
        "`concurrency` is for `process: closed_loop` only");
  CHECK(problem("arrivals: {concurrency: 8}") ==
        "`concurrency` is for `process: closed_loop` only");
  CHECK(problem("rate: 1/s, share: 50%") == "`rate` and `share` exclude each other");
  CHECK(problem("share: 50%") == "`share` of what rate?");
}

TEST_CASE("shares split a total rate") {
  const auto load = [](const std::string& a, const std::string& b) {
    return load_workload_map("{requests: 10, rate: 10/s, classes: [{name: a, " + a + ten_by_ten +
                             "}, {name: b, " + b + ten_by_ten + "}]}");
  };
  const Loaded loaded = load("share: 70%, ", "share: 0.3, ");
  CHECK(rendered(loaded) == "");
  CHECK(loaded.scenario.workload.classes[0].rate == doctest::Approx(7));
  CHECK(loaded.scenario.workload.classes[1].rate == doctest::Approx(3));
  CHECK(only_error(load("share: 70%, ", "share: 40%, ")) == "the shares sum to 110 %, not 100 %");
  CHECK(only_error(load("share: 70%, ", "")) == "`share` is missing");
  CHECK(only_error(load("share: 100%, ", "rate: 1/s, ")) ==
        "`workload.rate` is given: classes have a `share` of it");
  CHECK(load_workload_map("{requests: 10, rate: 4/s, classes: [{name: a, " +
                          std::string(ten_by_ten) + "}]}")
            .scenario.workload.classes[0]
            .rate == 4);
}

TEST_CASE("several offline classes share the requests") {
  const auto load = [](const std::string& a, const std::string& b) {
    return load_workload_map("{requests: 10, classes: [{name: a, arrivals: {process: offline}, " +
                             a + ten_by_ten + "}, {name: b, arrivals: {process: offline}, " + b +
                             ten_by_ten + "}]}");
  };
  CHECK(load("share: 20%, ", "share: 80%, ").scenario.workload.classes[1].share == 0.8);
  CHECK(only_error(load("", "")) ==
        "several offline classes need a `share` each of `workload.requests`");
  CHECK(only_error(load("share: 20%, ", "share: 20%, ")) == "the shares sum to 40 %, not 100 %");
}

TEST_CASE("offline classes leave nothing for other generated classes") {
  const std::string rest = ", " + std::string(ten_by_ten) + "}";
  const std::string text =
      rendered(load_workload_map("{requests: 10, classes: [{name: a, rate: 1/s" + rest +
                                 ", {name: b, arrivals: {process: offline}" + rest + "]}"));
  CHECK(text.find("the offline class `b` takes all of `workload.requests`: class `a` would get no "
                  "request") != std::string::npos);
  CHECK(text.find("--set[1]:1:101\n") != std::string::npos);
}

TEST_CASE("trace formats are those of workloads/") {
  std::string formats;
  for (const TraceFormat& format : trace_formats()) {
    formats += (formats.empty() ? "" : "|") + std::string(format.name);
  }
  CHECK(find_key(workload_schema(), "workload.trace", "format")->choices == formats);
  const std::string text =
      rendered(load_workload_map("{trace: {file: none.csv, format: azzure}, warmup: 1}"));
  CHECK(text.find("`format` cannot be `azzure`") != std::string::npos);
  CHECK(text.find("did you mean `azure`?") != std::string::npos);
  CHECK(text.find("3 errors") != std::string::npos);
}

TEST_CASE("generated traffic has an end") {
  const std::string classes = ", classes: [{name: a, rate: 1/s, " + std::string(ten_by_ten) + "}]}";
  CHECK(only_error(load_workload_map("{warmup: 1s" + classes)) ==
        "generated traffic needs `requests` or `duration`");
  CHECK(only_error(load_workload_map("{duration: 1min, warmup: 2min" + classes)) ==
        "`warmup` leaves nothing of `duration` to measure");
  CHECK(only_error(load_workload_map("{requests: 1e9" + classes)) ==
        "1,000,000,000 requests at 1/s take 11574 days; 100 are the most");
  CHECK(only_error(load_workload_map("{requests: 2e9" + classes)) ==
        "`requests` must be at most 1,000,000,000");
  CHECK(only_error(load_workload_map("{duration: 101d" + classes)) ==
        "`duration` must be at most 100d");
  CHECK(only_error(load_workload_map("{requests: 5}")) ==
        "`workload` has neither a `trace` nor `classes`");
  CHECK(only_error(load_workload_map("{requests: 5, classes: []}")) == "`classes` is empty");
  CHECK(only_error(
            load_workload_map("{duration: 1s, classes: [{name: a, arrivals: {process: offline}, " +
                              std::string(ten_by_ten) + "}]}")) ==
        "offline classes need `requests`: they arrive all at once");
}

TEST_CASE("class names are unique and not empty") {
  const auto load = [](const std::string& a, const std::string& b) {
    return load_workload_map("{requests: 9, classes: [{name: " + a + ", rate: 1/s, " + ten_by_ten +
                             "}, {name: " + b + ", rate: 1/s, " + ten_by_ten + "}]}");
  };
  CHECK(load("a", "default").ok);
  CHECK(only_error(load("a", "a")) == "there is a class `a` already");
  CHECK(only_error(load("a", "''")) == "`name` is empty");
}

TEST_CASE("a class's slo replaces the workload's limits and inherits its attainment") {
  const Loaded loaded =
      load_small({"slo={ttft: 1s, tpot: 50ms, attainment: 95%}",
                  "workload.classes[0].slo={e2e: 60s}", "workload.classes[0].priority=-3"});
  const ClassSpec& spec = loaded.scenario.workload.classes[0];
  REQUIRE(spec.slo);
  CHECK(spec.slo->ttft == Slo::none);
  CHECK(spec.slo->e2e == SimTime::from_seconds(60));
  CHECK(spec.slo->attainment == 0.95);
  CHECK(spec.priority == -3);
  CHECK(only_error(load_small({"slo.attainment=99"})) == "`attainment` must be at most 1");
}

TEST_CASE("a trace is looked for beside the workload file, and has a class of its own") {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / "penstock-config-workload-trace";
  fs::create_directories(folder);
  std::ofstream(folder / "t.csv") << "x\n";
  const auto load = [&folder](const std::string& workload) {
    const std::string text = "model: llama-3.1-8b\ncluster: {gpu: h100-sxm}\nworkload:\n  " +
                             workload + "\nprices: {gpu: $2/h}\n";
    return load_scenario_from_text(text, (folder / "w.yaml").string(), {});
  };
  const Loaded loaded = load(
      "{trace: {file: t.csv, rate_scale: 2.0, requests: 5, start: 10s, duration: 1min}, "
      "requests: 7, classes: [{name: a, rate: 1/s, " +
      std::string(ten_by_ten) + "}]}");
  CHECK(rendered(loaded) == "");
  const WorkloadSpec& w = loaded.scenario.workload;
  REQUIRE(w.trace);
  CHECK(w.trace->file == "t.csv");
  CHECK(w.trace->path == (folder / "t.csv").string());
  CHECK(w.trace->rate_scale == 2);
  CHECK(w.trace->requests == 5);
  CHECK(w.trace->start == SimTime::from_seconds(10));
  CHECK(w.trace->duration == SimTime::from_seconds(60));
  CHECK(w.trace_class == 1);
  REQUIRE(w.classes.size() == 2);
  CHECK(w.classes[1].name == "default");

  const Loaded missing = load("{trace: {file: none.csv}}");
  CHECK(only_error(missing) == "the trace cannot be read: there is no such file");
  CHECK(missing.diagnostics[0].line == 4);
  CHECK(missing.diagnostics[0].column == 18);
  CHECK(exit_code(missing.diagnostics) == 3);
  CHECK(load("{trace: {file: .}}").ok);  // ServeGen's clients, or an error when it is opened
  const Loaded named = load(
      "{trace: {file: t.csv, thin: 25%, columns: {arrival: ts, input: in, output: out, time: "
      "timestamp}}}");
  REQUIRE(named.ok);
  CHECK(named.scenario.workload.trace->thin == 0.25);
  REQUIRE(named.scenario.workload.trace->columns);
  CHECK(named.scenario.workload.trace->columns->names ==
        std::vector<std::pair<std::string, std::string>>{
            {"arrival", "ts"}, {"input", "in"}, {"output", "out"}});
  CHECK(named.scenario.workload.trace->columns->time_unit == "timestamp");
  CHECK(only_error(load("{trace: {file: t.csv, columns: {input: in}}}")) == "`output` is missing");
  CHECK(only_error(load("{trace: {file: t.csv, format: csv, columns: {input: a, output: b}}}")) ==
        "`columns` say what the file has: `format` does not go with them");
  CHECK(only_error(load("{trace: {}}")) == "`file` is missing");
  CHECK(only_error(load(
            "{trace: {file: t.csv}, duration: 1s, classes: [{name: default, rate: 1/s, " +
            std::string(ten_by_ten) + "}]}")) == "`default` is the class of the trace's requests");
  const Loaded unused = load("{trace: {file: t.csv}, requests: 3}");
  CHECK(unused.ok);
  CHECK(rendered(unused).find("`workload.trace.requests` cuts the trace") != std::string::npos);
  fs::remove_all(folder);
}

TEST_CASE("the samples load") {
  for (const auto& entry : std::filesystem::directory_iterator(test::source_dir() / "workloads")) {
    if (entry.path().extension() == ".yaml") {
      CAPTURE(entry.path().string());
      const bool is_plan = entry.path().filename() == "mix.yaml";  // `plan` chooses its GPUs
      LoadOptions options;
      options.check_plan = is_plan;
      const Loaded loaded = load_scenario(entry.path().string(), options);
      if (is_plan) {
        CHECK(loaded.ok);
      } else if (!loaded.ok) {  // a public trace that the user has to fetch
        CHECK(only_error(loaded) == "the trace cannot be read: there is no such file");
      } else {
        CHECK(rendered(loaded) == "");
      }
    }
  }
}

}  // namespace
}  // namespace penstock::config
