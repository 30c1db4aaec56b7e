#include "tools/calibrate/calibrate.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "config/load.h"
#include "tests/support/command.h"
#include "tools/calibrate/kernel_model.h"

/// Fitting, and the formats of measurements (docs/calibrating.md).
namespace penstock::calibrate {
namespace {

ReadMeasurement read_text_as(const std::string& name, const std::string& text) {
  const test::TemporaryFolder folder;
  const std::string path = (folder.path() / name).string();
  std::ofstream(path, std::ios::binary) << text;
  return read_measurement(path);
}

double statistic_of(const Measurement& measured, const std::string& name) {
  for (const Statistic& one : measured.statistics) {
    if (one.name == name) {
      return one.value;
    }
  }
  return -1;
}

Scenario h100_scenario() {
  const config::Loaded loaded = config::load_scenario_from_text(
      "model: llama-3.1-8b\ncluster: {gpu: h100-sxm}\nengine: {preset: vllm-0.19-api}\n"
      "workload: {requests: 1, classes: [{name: default, rate: 1/s, lengths: {input: 9, output: "
      "9}}]}\nprices: {gpu: $1/h}\n",
      "test.yaml", {});
  REQUIRE(loaded.ok);
  return loaded.scenario;
}

/// Shapes of all operators, timed by the formulas with these parameters.
std::vector<KernelTime> synthetic_kernels(const AcceleratorTiming& timing) {
  std::vector<KernelTime> rows;
  const auto add = [&](KernelTime row) {
    row.gpu = "h100-sxm";
    row.measured_ms = KernelModel(timing).predicted_ms(row);
    rows.push_back(std::move(row));
  };
  for (const double m : {1, 16, 128, 512, 2048, 8192}) {
    for (const double n : {4096, 28672}) {
      KernelTime row;
      row.op = "gemm";
      row.m = m;
      row.n = n;
      row.k = 4096;
      add(row);
    }
  }
  KernelTime attention;
  attention.q_heads = 32;
  attention.kv_heads = 8;
  attention.head_dim = 128;
  for (const double context : {128, 1024, 8192, 32768}) {
    for (const double sequences : {1, 16, 128}) {
      attention.op = "attn_decode";
      attention.decodes = sequences;
      attention.kv_decode = context;
      attention.q = 0;
      add(attention);
      attention.op = "attn_mixed";
      attention.q = 512;
      add(attention);
    }
    attention.op = "attn_prefill";
    attention.decodes = attention.kv_decode = 0;
    attention.q = context;
    add(attention);
  }
  return rows;
}

}  // namespace

TEST_CASE("a fit finds the parameters of a smooth model and says which it cannot") {
  // Figures know a + b and a - b; nothing knows c.
  const Residuals residuals = [](std::span<const double> p) {
    std::vector<double> out;
    for (int i = 1; i <= 10; ++i) {
      out.push_back(i * (p[0] + p[1] - 0.2));
      out.push_back(i * (p[0] - p[1] + 0.1));
    }
    return out;
  };
  const std::vector<FitParameter> parameters(3);
  const FitResult fit = fit_parameters(parameters, residuals, 0.001, 1);
  CHECK(fit.parameters[0].change == doctest::Approx(0.05).epsilon(0.02));
  CHECK(fit.parameters[1].change == doctest::Approx(0.15).epsilon(0.02));
  CHECK(fit.parameters[0].identified == Identified::yes);
  CHECK(fit.parameters[2].change == 0);
  CHECK(fit.parameters[2].identified == Identified::no);
  CHECK(root_mean_square(fit.after) < 0.01 * root_mean_square(fit.before));
}

TEST_CASE("a fit keeps within bounds and says where it is held") {
  const Residuals residuals = [](std::span<const double> p) {
    return std::vector<double>(20, p[0] - 0.3);
  };
  const std::vector<FitParameter> parameters{{0.2, -2, 0.25}};
  const FitResult fit = fit_parameters(parameters, residuals, 0.001, 1);
  CHECK(fit.parameters[0].change == doctest::Approx(0.25));
  CHECK(fit.parameters[0].is_at_bound);
}

TEST_CASE("kernels give back the parameters that they were timed with") {
  const Scenario scenario = h100_scenario();
  Scenario truth = scenario;
  const auto change = [&truth](std::string_view path, double factor) {
    const config::StepParameter& parameter = config::step_parameter(path);
    parameter.set(truth, factor * parameter.get(truth));
  };
  change("timing.gemm.latency", 1.3);
  change("timing.gemm.flops_efficiency.bf16", 0.85);
  change("timing.gemm.bandwidth_efficiency", 0.9);
  change("timing.attention_decode.bandwidth_efficiency", 0.8);
  change("timing.attention_decode.per_sequence", 0.7);
  change("timing.attention_prefill.flops_efficiency", 0.8);
  change("timing.attention_mixed.decode_per_head_kv", 1.2);
  Measurement measured;
  measured.kernels = synthetic_kernels(truth.cluster.gpu.timing);
  const Calibrated fitted = calibrate_to(scenario, measured);
  CHECK(fitted.error_before > 0.05);
  CHECK(fitted.error_after < 0.002);
  std::size_t identified = 0;
  for (const CalibratedParameter& one : fitted.parameters) {
    if (one.fit.identified == Identified::yes) {
      CAPTURE(one.path);
      CHECK(one.fitted ==
            doctest::Approx(config::step_parameter(one.path).get(truth)).epsilon(0.02));
      ++identified;
    }
  }
  CHECK(identified >= 4);
}

TEST_CASE("an efficiency is never fitted above 1, and that is said") {
  const Scenario scenario = h100_scenario();
  Scenario truth = scenario;
  truth.cluster.gpu.timing.memory_gb_s *= 1.5;
  Measurement measured;
  measured.kernels = synthetic_kernels(truth.cluster.gpu.timing);
  const Calibrated fitted = calibrate_to(scenario, measured);
  CHECK(fitted.scenario.cluster.gpu.timing.gemm.bandwidth_efficiency <= 1);
  REQUIRE_FALSE(fitted.warnings.empty());
  CHECK(fitted.warnings.front().find("is held at 1") != std::string::npos);
}

TEST_CASE("a calibration file says what a scenario takes from it") {
  const Scenario scenario = h100_scenario();
  config::Calibration calibration;
  calibration.gpu = "h100-sxm";
  calibration.engine = "vllm-0.19-api";
  calibration.measured = "a \"quoted\" run";
  calibration.values = {{"timing.gemm.flops_efficiency.bf16", 0.5},
                        {"timing.gemm.bandwidth_efficiency", 0.75},
                        {"timing.attention_prefill.critical_path", 20e3},
                        {"engine_timing.gemm_latency_factor", 1.25},
                        {"cpu_overhead.per_step", 2e9}};
  const test::TemporaryFolder folder;
  std::ofstream(folder.path() / "fitted.yaml") << config::calibration_text(calibration);
  const std::string text =
      "model: llama-3.1-8b\ncluster: {gpu: h100-sxm}\nengine: {preset: vllm-0.19-api, "
      "cpu_overhead: {per_sequence: 7us}}\ncalibration: fitted.yaml\nworkload: {requests: 1, "
      "classes: [{name: default, rate: 1/s, lengths: {input: 9, output: 9}}]}\n";
  const config::Loaded loaded =
      config::load_scenario_from_text(text, (folder.path() / "mine.yaml").string(), {});
  REQUIRE(loaded.ok);
  for (const auto& entry : calibration.values) {
    CAPTURE(entry.first);
    CHECK(config::step_parameter(entry.first).get(loaded.scenario) ==
          doctest::Approx(entry.second));
  }
  CHECK(loaded.scenario.engine.cpu_overhead.per_sequence == SimTime{7'000'000});
  CHECK(loaded.scenario.cluster.gpu.timing.fit == "calibrated");

  std::ofstream(folder.path() / "fitted.yaml")
      << "gpu: a100-80-sxm\ntiming: {gemm: {bandwidth_efficiency: 1.2, speed: 3}}\n";
  const config::Loaded wrong =
      config::load_scenario_from_text(text, (folder.path() / "mine.yaml").string(), {});
  CHECK_FALSE(wrong.ok);
  const auto count = [&wrong](Diagnostic::Severity severity, const std::string& part) {
    return std::count_if(
        wrong.diagnostics.begin(), wrong.diagnostics.end(),
        [&](const Diagnostic& d) { return d.severity == severity && test::has(d.message, part); });
  };
  CHECK(count(Diagnostic::Severity::error, "bandwidth_efficiency") == 1);
  CHECK(count(Diagnostic::Severity::error, "unknown key") == 1);
  CHECK(count(Diagnostic::Severity::warning, "fitted with the GPU") == 1);
}

TEST_CASE("vLLM's benchmark is read, with and without single requests") {
  const std::string details =
      R"("input_lens": [100, 200, 5], "output_lens": [3, 2, 0], "ttfts": [0.5, 0.25, 0.0],
         "itls": [[0.1, 0.3], [0.05], []])";
  const auto timed =
      read_text_as("bench.json",
                   "{\"request_rate\": 4.0, \"start_times\": [10.0, 10.5, 11.0], " + details + "}");
  REQUIRE(timed.measurement.requests.size() == 2);  // the third failed
  CHECK(timed.measurement.by_clients);
  CHECK(timed.measurement.requests[1].request.arrival == SimTime{500'000'000'000});
  CHECK(timed.measurement.requests[0].ttft_ms == doctest::Approx(500));
  CHECK(timed.measurement.requests[0].tpot_ms() == doctest::Approx(200));
  const auto clients = read_text_as(
      "bench.json", R"({"request_rate": "inf", "max_concurrency": 2, )" + details + "}");
  CHECK(clients.measurement.arrivals == Measurement::Arrivals::closed_loop);
  CHECK(clients.measurement.concurrency == 2);
  const auto poisson = read_text_as("bench.json", "{\"request_rate\": 4.0, " + details + "}");
  CHECK(poisson.measurement.requests.empty());
  CHECK(statistic_of(poisson.measurement, "ttft_ms.mean") == doctest::Approx(375));
  const auto short_form = read_text_as(
      "bench.json", R"({"mean_ttft_ms": 80.5, "median_tpot_ms": 12, "output_throughput": 900})");
  CHECK(statistic_of(short_form.measurement, "ttft_ms.mean") == 80.5);
  CHECK(statistic_of(short_form.measurement, "tpot_ms.p50") == 12);
  CHECK(has_errors(read_text_as("bench.json", "{\"mean_ttft_ms\": 1}\n{}").diagnostics));
}

TEST_CASE("Prometheus histograms are read and added up over engines") {
  const auto read =
      read_text_as("metrics.txt",
                   "# TYPE vllm:time_to_first_token_seconds histogram\n"
                   "vllm:time_to_first_token_seconds_bucket{engine=\"0\",le=\"0.1\"} 4\n"
                   "vllm:time_to_first_token_seconds_bucket{engine=\"0\",le=\"0.2\"} 8\n"
                   "vllm:time_to_first_token_seconds_bucket{engine=\"0\",le=\"+Inf\"} 8\n"
                   "vllm:time_to_first_token_seconds_sum{engine=\"0\"} 1.0\n"
                   "vllm:time_to_first_token_seconds_count{engine=\"0\"} 8\n"
                   "vllm:time_to_first_token_seconds_sum{engine=\"1\"} 0.6\n"
                   "vllm:time_to_first_token_seconds_count{engine=\"1\"} 0\n"
                   "vllm:num_requests_running{engine=\"0\"} 3\n");
  CHECK_FALSE(has_errors(read.diagnostics));
  CHECK(statistic_of(read.measurement, "ttft_ms.mean") == doctest::Approx(200));
  CHECK(statistic_of(read.measurement, "ttft_ms.p50") == doctest::Approx(100));
  CHECK(statistic_of(read.measurement, "ttft_ms.p90") == doctest::Approx(180));
}

TEST_CASE("measurements that contradict themselves are errors that say where") {
  const auto error_of = [](const char* file, const std::string& text) {
    const auto read = read_text_as(file, text);
    return has_errors(read.diagnostics) ? read.diagnostics.front().message : "";
  };
  const std::string ttft = "vllm:time_to_first_token_seconds";
  const auto histogram = [&](const char* within_2, const char* sum, const char* count) {
    return fmt::format(
        "{0}_bucket{{le=\"0.1\"}} 4\n{0}_bucket{{le=\"0.2\"}} {1}\n{0}_bucket{{le=\"+Inf\"}} 8\n"
        "{0}_sum {2}\n{0}_count {3}\n",
        ttft, within_2, sum, count);
  };
  CHECK(error_of("m.txt", histogram("8", "1.0", "8")).empty());
  CHECK(test::has(error_of("m.txt", histogram("3", "1.0", "8")), "4 are within 0.1 s, but 3"));
  CHECK(test::has(error_of("m.txt", histogram("8", "-1", "8")), "below 0"));
  CHECK(test::has(error_of("m.txt", histogram("8", "nan", "8")), "no number"));
  CHECK(test::has(error_of("m.txt", histogram("8", "1.0", "7")), "its _count is 7"));

  const std::string lengths = R"("input_lens": [9, 9], "output_lens": [2, 2], )";
  const auto benchmark = [&](const char* ttfts, const char* itls) {
    return "{" + lengths + R"("ttfts": )" + ttfts + R"(, "itls": )" + itls + "}";
  };
  CHECK(test::has(error_of("b.json", benchmark("[1, 1]", "[[1]]")), "`itls` has 1 entries"));
  CHECK(test::has(error_of("b.json", benchmark("[1, -1]", "[[1], [1]]")), "request 1"));
  CHECK(test::has(error_of("b.json", benchmark("[1, 1]", "[[null], [1]]")), "request 0"));

  const std::string header = "arrival_s,first_token_s,finish_s,input_tokens,output_tokens\n";
  CHECK(error_of("r.csv", header + "5,5.5,6,9,2\n").empty());
  CHECK(test::has(error_of("r.csv", header + "5,4.5,6,9,2\n"), "0.5 s before it arrives"));
  CHECK(test::has(error_of("r.csv", header + "5,5.5,4,9,2\n"), "it ends 1 s before it arrives"));
  const std::string durations = "input_tokens,output_tokens,ttft_ms,e2e_ms\n9,9,5,50\n";
  CHECK(test::has(error_of("r.csv", durations + "9,9,-5,50\n"), "ttft_ms is negative: `-5`"));
  CHECK(test::has(error_of("r.csv", header + "5,5.5,5.25,9,2\n"), "0.25 s before its first"));
}

TEST_CASE("requests as CSV and JSON lines, by the names that tools give") {
  const auto csv =
      read_text_as("r.csv",
                   "arrival_s,first_token_s,finish_s,input_tokens,output_tokens,status\n"
                   "5.0,5.5,7.5,100,5,completed\n"
                   "4.0,4.25,4.25,10,1,completed\n"
                   "6.0,,,10,1,rejected\n");
  REQUIRE(csv.measurement.requests.size() == 2);
  CHECK(csv.measurement.requests[0].ttft_ms == doctest::Approx(250));  // in order of arrival
  CHECK(csv.measurement.requests[1].tpot_ms() == doctest::Approx(500));
  const auto lines = read_text_as(
      "r.jsonl",
      "{\"prompt_tokens\": 7, \"completion_tokens\": 3, \"ttft_ms\": 20, \"tpot_ms\": 5}\n");
  CHECK(statistic_of(lines.measurement, "e2e_ms.mean") == doctest::Approx(30));
  const auto wrong =
      read_text_as("r.csv", "arrival_s,ttft_ms,input_tokens,output_tokens\n1,x,1,1\n");
  REQUIRE(has_errors(wrong.diagnostics));
  CHECK(wrong.diagnostics.front().line == 2);
  CHECK(has_errors(read_text_as("bench.json", R"({"input_lens": [9, 9], "output_lens": [2, 2],
      "ttfts": [1, 1], "itls": [[1], [1]], "start_times": [0, 1e7]})")
                       .diagnostics));
  const std::string gemm = "op,M,N,K,measured_ms,dtype\ngemm,8,4096,4096,0.1,";
  CHECK(read_text_as("k.csv", gemm + "float8_e4m3fn\n").measurement.kernels.front().dtype == "fp8");
  CHECK(has_errors(read_text_as("k.csv", gemm + "foo\n").diagnostics));
  for (const char* text : {"", "a,b\n1,2\n", "measured_ms,op\n3,gemm\n", "{}", "[1]"}) {
    CAPTURE(text);
    CHECK(has_errors(read_text_as("bad", text).diagnostics));
  }
}

}  // namespace penstock::calibrate
