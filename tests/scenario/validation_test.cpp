#include <doctest/doctest.h>

#include <cmath>
#include <sstream>
#include <string>

#include "tests/support/config_text.h"
#include "tests/support/shared.h"
#include "tools/output/confidence.h"
#include "tools/validation/replay.h"
#include "tools/validation/report.h"

namespace penstock::test {

TEST_CASE("a real vLLM run is met within 3 % on average") {
  const auto run =
      shared_data("data/measured_runs/vllm-0.19_rtx-pro-6000_llama-3.1-8b_tp1/requests.jsonl");
  if (!run) {
    return skip_without_shared_data();
  }
  const std::vector<MeasuredRequest> requests = read_measured_requests(*run);
  const RunLatencies measured = measured_latencies(requests);
  CHECK(measured.ttft.count == 300);
  const auto is_met = [](double simulated, double wanted) {
    return std::fabs(simulated / wanted - 1) < 0.03;
  };
  for (const bool async : {true, false}) {
    CAPTURE(async);
    const RunLatencies simulated = simulated_latencies(requests, async);
    CHECK(is_met(simulated.ttft.mean, measured.ttft.mean));
    CHECK(is_met(simulated.tpot.mean, measured.tpot.mean));
    CHECK(is_met(simulated.e2e.mean, measured.e2e.mean));
    CHECK(is_met(simulated.queue.mean, measured.queue.mean));
    CHECK(is_met(simulated.output_tokens_per_s, measured.output_tokens_per_s));
  }
}

namespace {

/// A cell, counted from 1, of the row of docs/validation.md that begins so.
double cell(const std::string& row, int column) {
  const std::string page = read_file(source_dir() / "docs" / "validation.md");
  std::size_t at = page.find("\n| " + row + " |");
  REQUIRE_MESSAGE(at != std::string::npos, row);
  ++at;
  for (int i = 0; i < column; ++i) {
    at = page.find('|', at) + 1;
  }
  return std::stod(page.substr(at));
}

}  // namespace

TEST_CASE("the errors in the confidence line are those of docs/validation.md") {
  struct Case {
    std::string sets;
    double throughput, tpot;
  };
  const Case cases[] = {
      {"vllm-0.19 llama-3.1-8b h100-sxm", cell("dense, batches to 512", 6),
       cell("dense, batches to 512", 3)},
      {"vllm-0.19 qwen3-30b-a3b h100-sxm", cell("experts, batches to 512", 6),
       cell("experts, batches to 512", 3)},
      {"sglang-0.5 llama-3.1-8b h100-sxm", cell("SGLang 0.3 and vLLM 0.6 | output tok/s", 4),
       cell("SGLang 0.3 and vLLM 0.6 | median TPOT ms", 4)},
      {"sglang-0.5 qwen3-30b-a3b h100-sxm",
       cell("SGLang, prefill alone | input tok/s of a server", 4), 0},
      {"tensorrt-llm-1.0 llama-3.1-8b h100-sxm", cell("dense", 3), 0},
      {"tensorrt-llm-1.0 qwen3-30b-a3b h100-sxm", cell("experts", 3), 0}};
  for (const Case& one : cases) {
    CAPTURE(one.sets);
    std::istringstream words(one.sets);
    std::string preset;
    std::string model;
    std::string gpu;
    words >> preset >> model >> gpu;
    const config::Loaded loaded =
        load_text(small_workload, {"model=" + model, "engine={preset: " + preset + "}",
                                   "cluster={gpu: " + gpu + "}", "weights=bf16"});
    REQUIRE(loaded.ok);
    const auto errors = output::assess_confidence(loaded.scenario, {}).median_error;
    REQUIRE(errors.size() == (one.tpot > 0 ? 2 : 1));
    CHECK(100 * errors[0].second == doctest::Approx(one.throughput));
    if (one.tpot > 0) {
      CHECK(100 * errors[1].second == doctest::Approx(one.tpot));
    }
  }
}

TEST_CASE("an RTX 4090's error is that of docs/validation.md") {
  const config::Loaded loaded =
      load_text(small_workload, {"engine={preset: vllm-0.19}", "cluster={gpu: rtx-4090}"});
  REQUIRE(loaded.ok);
  const auto errors = output::assess_confidence(loaded.scenario, {}).median_error;
  REQUIRE(errors.size() == 2);
  CHECK(errors[1].first == "tpot");
  CHECK(100 * errors[1].second == doctest::Approx(cell("RTX 4090, one", 3)));
}

TEST_CASE("docs/validation.md is what penstock_validate prints") {
  const auto data = shared_data("data/measured_kernels.csv");
  if (!data) {
    return skip_without_shared_data();
  }
  const auto docs = source_dir() / "docs";
  const ValidationReport report = validation_report(data->parent_path(), docs / "measured");
  bool is_fresh = report.page == read_file(docs / "validation.md");
  for (const ReportImage& image : report.images) {
    is_fresh = is_fresh && image.svg == read_file(docs / "images" / image.name);
  }
  CHECK_MESSAGE(is_fresh, "make it again, as tools/validation/main.cpp says");
}

}  // namespace penstock::test
