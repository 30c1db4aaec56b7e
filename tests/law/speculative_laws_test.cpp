// Speculative decoding on random small loads: what no switch may change, and what must add up.

#include <doctest/doctest.h>

#include <algorithm>
#include <tuple>

#include "tests/support/random_load.h"

namespace penstock {
namespace {

constexpr std::uint64_t speculative_loads = 100;

const std::vector<std::vector<double>> acceptances{
    {0.0}, {0.7}, {0.7, 0.7, 0.7}, {0.9, 0.5, 0.1}, {1.0, 1.0}, std::vector<double>(7, 0.85)};

Scenario speculative_scenario(const probe::RandomLoad& load) {
  Scenario scenario = probe::engine_scenario(load.limits);
  SpeculativeSpec& spec = scenario.engine.speculative;
  spec.method = load.seed % 2 == 0 ? SpeculativeSpec::Method::ngram : SpeculativeSpec::Method::mtp;
  spec.acceptance = acceptances[load.seed % acceptances.size()];
  scenario.engine.max_num_batched_tokens =
      std::max(scenario.engine.max_num_batched_tokens, spec.rows());
  if (load.limits.scheduler == "tensorrt_llm") {  // which cuts no drafts to the budget
    scenario.engine.max_num_batched_tokens =
        std::max(scenario.engine.max_num_batched_tokens, spec.rows() * load.limits.max_num_seqs);
  }
  scenario.engine.sglang.enable_mixed_chunk = false;
  scenario.seed = load.seed;
  return scenario;
}

/// Loads of every scheduler that drafts.
std::vector<probe::RandomLoad> speculative_loads_of(std::uint64_t seed) {
  std::vector<probe::RandomLoad> loads{probe::random_load(seed), probe::random_content_load(seed),
                                       probe::random_offload_load(seed)};
  for (const char* scheduler : {"sglang", "tensorrt_llm"}) {
    loads.push_back(probe::random_engine_load(seed, scheduler));
    loads.push_back(probe::random_engine_content_load(seed, scheduler));
  }
  return loads;
}

Result run_speculative(const Scenario& scenario, const probe::RandomLoad& load,
                       bool fast_path = true, bool leaping = true) {
  SimulationOptions options;
  options.fast_path = fast_path;
  options.leaping = leaping;
  options.make_model = [&] { return probe::make_linear_model(load.step); };
  probe::ListSource source(load.requests);
  return simulate(scenario, source, options);
}

std::string text_of(const Result& result) {
  return probe::fingerprint(result) + std::to_string(result.drafts.sequence_steps);
}

TEST_CASE("speculation: leaping and the fast path change nothing, whoever gives up") {
  for (std::uint64_t seed = 1; seed <= speculative_loads; ++seed) {
    for (const probe::RandomLoad& load : speculative_loads_of(seed)) {
      CAPTURE(load.describe());
      Scenario scenario = speculative_scenario(load);
      const SimTime some{load.step.base * static_cast<std::int64_t>(2 + seed % 23)};
      scenario.workload.classes[0].timeout = seed % 3 == 0 ? some : SimTime::never();
      scenario.until = seed % 5 == 0 ? some * 2 : SimTime::never();
      const std::string plain = text_of(run_speculative(scenario, load));
      REQUIRE(plain == text_of(run_speculative(scenario, load, true, false)));
      REQUIRE(plain == text_of(run_speculative(scenario, load, false, true)));
      REQUIRE(plain == text_of(run_speculative(scenario, load, false, false)));
    }
  }
}

void check_conserved(const probe::RandomLoad& load, const Result& result) {
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < load.requests.size(); ++i) {
    const RequestRecord& r = result.requests[i];
    if (r.status == RequestStatus::rejected) {
      continue;
    }
    REQUIRE(r.status == RequestStatus::completed);
    REQUIRE(r.output_tokens == std::min(load.requests[i].output_tokens,
                                        load.limits.max_model_len - load.requests[i].input_tokens));
    REQUIRE(r.first_token <= r.finish);
    REQUIRE(r.busy_ps >= 0);
    tokens += r.output_tokens;
  }
  Int128 booked = result.ledger.idle;
  for (const LedgerTotals::ClassAccounts& account : result.ledger.classes) {
    REQUIRE(account.output_tokens == tokens);
    booked += account.recompute;
    for (const LedgerTotals::ByCause& causes : account.accounts) {
      for (const Int128 amount : causes) {
        REQUIRE((amount >= 0));
        booked += amount;
      }
    }
  }
  REQUIRE((booked == result.ledger.wall));
  REQUIRE(result.replicas[0].blocks_peak <= load.limits.usable_blocks);
}

TEST_CASE("speculation: a sequence that gives loaded blocks back has not had its own turn yet") {
  // Seed 1361 let it publish blocks of the step that it was then preempted in.
  const probe::RandomLoad load = probe::random_offload_load(1361);
  check_conserved(load, run_speculative(speculative_scenario(load), load));
}

TEST_CASE("speculation: requests, tokens, time and money are conserved") {
  for (std::uint64_t seed = 1; seed <= speculative_loads; ++seed) {
    for (const probe::RandomLoad& load : speculative_loads_of(seed)) {
      CAPTURE(load.describe());
      const Result result = run_speculative(speculative_scenario(load), load);
      check_conserved(load, result);
    }
  }
}

TEST_CASE("7.2-21: with drafts too GUARANTEED_NO_EVICT takes nobody's blocks back") {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    probe::RandomLoad load = seed % 2 == 0
                                 ? probe::random_engine_load(seed, "tensorrt_llm")
                                 : probe::random_engine_content_load(seed, "tensorrt_llm");
    load.limits.tensorrt_llm.capacity_scheduler_policy =
        TensorRtSpec::Capacity::guaranteed_no_evict;
    CAPTURE(load.describe());
    const Result result = run_speculative(speculative_scenario(load), load);
    REQUIRE(result.preemptions == 0);
    check_conserved(load, result);
  }
}

TEST_CASE("7.3-39: drafts that are never accepted leave times as they are without") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    probe::RandomLoad load = probe::random_load(seed);
    load.limits.async = false;  // with drafts a row more, as the last token is not foreseen
    load.limits.usable_blocks = 100'000;
    load.limits.max_num_batched_tokens = 1000;
    CAPTURE(load.describe());
    Scenario scenario = probe::scenario(load.limits);
    const Result plain = run_speculative(scenario, load);
    scenario.engine.speculative.method = SpeculativeSpec::Method::ngram;
    scenario.engine.speculative.acceptance = {0.0};
    const Result drafted = run_speculative(scenario, load);
    for (std::size_t i = 0; i < load.requests.size(); ++i) {
      REQUIRE(plain.requests[i].finish == drafted.requests[i].finish);
    }
  }
}

TEST_CASE("7.3-39: drafts that are always accepted bring k + 1 tokens a step") {
  Scenario scenario = probe::scenario({});
  scenario.engine.speculative.method = SpeculativeSpec::Method::eagle;
  scenario.engine.speculative.acceptance = {1.0, 1.0, 1.0};
  SimulationOptions options;
  options.make_model = [] { return probe::make_linear_model({}); };
  probe::ListSource source(
      {probe::request(0, 20, 1 + 4 * 10), probe::request(0, 20, 1 + 4 * 10 + 1)});
  const Result result = simulate(scenario, source, options);
  CHECK(result.requests[0].finish == SimTime::from_seconds(11));  // 1 step for the prompt
  CHECK(result.requests[1].finish == SimTime::from_seconds(12));
  CHECK(result.drafts.sequence_steps == 21);
}

TEST_CASE("1.8.2: blocks cover drafts, and what the drafter writes") {
  // A prompt of 31 in blocks of 16: its last token but one is at 30 + output, with 3 drafts behind
  // it, and 3 slots more where a drafter writes.
  Scenario scenario = probe::scenario({});
  scenario.engine.speculative.acceptance = {0.0, 0.0, 0.0};
  SimulationOptions options;
  options.make_model = [] { return probe::make_linear_model({}); };
  for (const auto& [method, output, blocks] : {std::tuple{SpeculativeSpec::Method::ngram, 1, 3},
                                               {SpeculativeSpec::Method::ngram, 16, 4},
                                               {SpeculativeSpec::Method::eagle, 12, 3},
                                               {SpeculativeSpec::Method::eagle, 13, 4}}) {
    const int tokens = output;
    CAPTURE(tokens);
    scenario.engine.speculative.method = method;
    probe::ListSource source({probe::request(0, 31, output)});
    const Result result = simulate(scenario, source, options);
    CHECK(result.replicas[0].blocks_peak == blocks);
  }
}

TEST_CASE("2.5.4, 2.6.1: slots for drafts of SGLang and TensorRT-LLM") {
  using Method = SpeculativeSpec::Method;
  Scenario scenario = probe::scenario({});
  scenario.engine.block_size = 1;
  scenario.engine.speculative.acceptance = {0.0, 0.0, 0.0};
  SimulationOptions options;
  options.make_model = [] { return probe::make_linear_model({}); };
  // The last token but one of 40 + 10 is at 49; behind it what is said. Scheduled ahead, a step
  // more is computed in vain.
  for (const auto& [scheduler, method, async, slots] :
       {std::tuple{"sglang", Method::mtp, false, 3},
        {"sglang", Method::ngram, false, 3},
        {"sglang", Method::mtp, true, 7},
        {"tensorrt_llm", Method::mtp, false, 5},
        {"tensorrt_llm", Method::eagle3, true, 5},
        {"tensorrt_llm", Method::ngram, false, 3},
        {"tensorrt_llm", Method::draft_model, false, 3}}) {
    const std::string name = scheduler;
    CAPTURE(name);
    scenario.engine.scheduler = name;
    scenario.engine.enable_chunked_prefill = name == "sglang";
    scenario.engine.async_scheduling = async;
    scenario.engine.speculative.method = method;
    probe::ListSource source({probe::request(0, 40, 10)});
    const Result result = simulate(scenario, source, options);
    CHECK(result.replicas[0].blocks_peak == 49 + slots + (async ? 1 : 0));
  }
}

}  // namespace
}  // namespace penstock
