#include "sim/analysis/saturation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "sim/metrics/summary.h"
#include "sim/simulation.h"
#include "tests/support/fixtures.h"
#include "workloads/source.h"

namespace penstock::test {
namespace {

LengthSpec spread(double lowest, double highest) {
  LengthSpec length;
  length.kind = LengthSpec::Kind::uniform;
  length.a = lowest;
  length.b = highest;
  return length;
}

struct Case {
  std::string name;
  LengthSpec input;
  LengthSpec output;
  EngineSpec engine = fixtures::vllm_0_19();
  std::int64_t blocks = 0;  ///< 0 = what memory holds
  std::uint64_t requests = 6000;
};

/// An engine with other limits.
EngineSpec limits(std::int64_t max_num_seqs, std::int64_t budget, bool async = true) {
  EngineSpec engine = fixtures::vllm_0_19();
  engine.max_num_seqs = max_num_seqs;
  engine.max_num_batched_tokens = budget;
  engine.async_scheduling = async;
  return engine;
}

/// What a simulation says of the time between the first and the last quarter of completions.
struct Measured {
  double requests_per_s = 0;
  double input_share = 0;  ///< of busy time
  Saturation closed_form;
};

Measured overload(const Case& test) {
  Scenario s = fixtures::scenario({.engine = test.engine, .weights = Dtype::fp8});
  if (test.blocks > 0) {
    s.engine.num_gpu_blocks = test.blocks;
  }
  s.workload.requests = test.requests;
  ClassSpec& traffic = s.workload.classes.front();
  traffic.rate = 0;
  traffic.share = 1;
  traffic.arrivals.process = ArrivalSpec::Process::offline;
  traffic.input = test.input;
  traffic.output = test.output;
  const OpenedSource opened = open_source(s.workload, 1);
  REQUIRE(opened.source);
  const Result result = simulate(s, *opened.source);

  std::vector<std::int64_t> finishes;
  for (const RequestRecord& request : result.requests) {
    REQUIRE(request.status == RequestStatus::completed);
    finishes.push_back(request.finish.ps);
  }
  std::sort(finishes.begin(), finishes.end());
  const std::size_t n = finishes.size();
  Measured measured;
  measured.requests_per_s = static_cast<double>(n / 2) /
                            (static_cast<double>(finishes[n * 3 / 4] - finishes[n / 4]) / 1e12);
  double input = 0;
  double all = 0;
  const auto& accounts = result.ledger.classes.front().accounts;
  for (std::size_t type = 0; type < accounts.size(); ++type) {
    for (const Int128 ps : accounts[type]) {
      all += to_double(ps);
      input += type == 0 ? to_double(ps) : 0;
    }
  }
  measured.input_share = input / all;
  const auto model = make_step_model(s);
  TrafficAccumulator served(s.engine);
  for (const RequestRecord& request : result.requests) {
    served.add(request);
  }
  const auto closed = saturate(s.engine, *model, served.means());
  REQUIRE(closed);
  measured.closed_form = *closed;
  return measured;
}

/// The same with drafts.
EngineSpec drafting(EngineSpec engine, std::vector<double> acceptance) {
  engine.speculative.method = SpeculativeSpec::Method::ngram;
  engine.speculative.acceptance = std::move(acceptance);
  return engine;
}

/// An engine with another scheduler.
EngineSpec other(const char* scheduler, std::int64_t max_num_seqs, std::int64_t budget,
                 bool async) {
  EngineSpec engine = limits(max_num_seqs, budget, async);
  engine.scheduler = scheduler;
  engine.enable_chunked_prefill = engine.scheduler == "sglang";
  return engine;
}

}  // namespace

TEST_CASE("the closed form of saturation agrees with overloaded simulations") {
  const LengthSpec p500 = fixtures::fixed_length(500);
  const LengthSpec g200 = fixtures::fixed_length(200);
  const std::vector<Case> cases{
      {"chat, 256 slots", spread(1, 2000), spread(1, 400)},
      {"fixed lengths", p500, g200},
      {"64 slots, synchronous", spread(1, 2000), spread(1, 400), limits(64, 8192, false)},
      {"one slot", p500, g200, limits(1, 8192), 0, 200},
      {"prompts longer than the budget", spread(3000, 9000), spread(50, 300), limits(64, 2048)},
      {"prompts fill every step", spread(1000, 7000), spread(1, 20), limits(256, 8192)},
      {"a pool of 60 prompts", spread(6000, 10000), spread(100, 500), limits(256, 8192), 30000,
       2000},
      {"a pool of 40 long answers", spread(100, 300), spread(1000, 3000), limits(256, 8192), 4000,
       1000},
      {"a pool of 4", spread(6000, 10000), spread(100, 500), limits(256, 8192), 2000, 500},
      {"SGLang", spread(1, 2000), spread(1, 400), other("sglang", 256, 8192, true)},
      {"SGLang, long prompts", spread(3000, 9000), spread(50, 300),
       other("sglang", 64, 2048, false), 0, 2000},
      {"SGLang, 40 long answers", spread(100, 300), spread(1000, 3000),
       other("sglang", 256, 8192, true), 4000, 1000},
      {"vLLM V0", spread(1, 2000), spread(1, 400), other("vllm_v0", 256, 8192, false)},
      {"TensorRT-LLM", spread(1, 2000), spread(1, 400), other("tensorrt_llm", 256, 8192, true)},
      {"TensorRT-LLM, 30 that never lack blocks", spread(1000, 2000), spread(500, 1500),
       other("tensorrt_llm", 256, 8192, true), 5000, 1000},
      {"Sarathi-Serve", spread(1, 2000), spread(1, 400), other("sarathi", 128, 512, false)},
      {"Sarathi-Serve, half a budget of decodes", spread(1, 600), spread(1, 400),
       other("sarathi", 256, 512, false)},
      {"vLLM with 3 drafts", spread(1, 2000), spread(1, 400),
       drafting(limits(256, 8192), {0.7, 0.7, 0.7})},
      {"vLLM with 1 draft, 64 slots, synchronous", spread(1, 2000), spread(1, 400),
       drafting(limits(64, 8192, false), {0.8})},
      {"vLLM with 5 drafts, half a budget of rows", spread(1, 600), spread(1, 400),
       drafting(limits(128, 1536), std::vector<double>(5, 0.6))},
      {"vLLM with 3 drafts, a pool of 50", spread(500, 1500), spread(100, 500),
       drafting(limits(256, 8192), {0.7, 0.7, 0.7}), 4000, 2000},
      {"SGLang with 3 drafts", spread(1, 2000), spread(1, 400),
       drafting(other("sglang", 48, 8192, true), {0.7, 0.7, 0.7})},
      {"SGLang with 3 drafts, a pool of 50", spread(500, 1500), spread(100, 500),
       drafting(other("sglang", 256, 8192, true), {0.7, 0.7, 0.7}), 4000, 2000},
      {"TensorRT-LLM with 3 drafts", spread(1, 2000), spread(1, 400),
       drafting(other("tensorrt_llm", 256, 8192, true), {0.7, 0.7, 0.7})},
      {"TensorRT-LLM with 3 drafts, 30 that never lack blocks", spread(1000, 2000),
       spread(500, 1500), drafting(other("tensorrt_llm", 256, 8192, true), {0.7, 0.7, 0.7}), 5000,
       1000},
  };
  for (const Case& test : cases) {
    const Measured m = overload(test);
    const Saturation& closed = m.closed_form;
    CAPTURE(test.name);
    CAPTURE(closed.requests_per_s);
    CAPTURE(m.requests_per_s);
    CAPTURE(closed.sequences);
    const double share = closed.input_ps * closed.prompt_tokens / (closed.step_ms * 1e9);
    CAPTURE(share);
    CAPTURE(m.input_share);
    CHECK(closed.requests_per_s / m.requests_per_s == doctest::Approx(1).epsilon(0.1));
    CHECK(std::abs(share - m.input_share) < 0.1 * m.input_share + 0.005);
  }
}

}  // namespace penstock::test
