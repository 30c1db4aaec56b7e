#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/shared.h"
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

TEST_CASE("docs/validation.md is what penstock_validate prints") {
  const auto data = shared_data("data/measured_kernels.csv");
  if (!data) {
    return skip_without_shared_data();
  }
  const auto docs = source_dir() / "docs";
  const ValidationReport report =
      validation_report(data->parent_path(), docs / "measured" / "ml_energy_2025_12.csv");
  bool is_fresh = report.page == read_file(docs / "validation.md");
  for (const ReportImage& image : report.images) {
    is_fresh = is_fresh && image.svg == read_file(docs / "images" / image.name);
  }
  CHECK_MESSAGE(is_fresh, "make it again, as tools/validation/main.cpp says");
}

}  // namespace penstock::test
