#include <doctest/doctest.h>

#include <array>
#include <cstdlib>

#include "sim/metrics/summary.h"
#include "sim/step/roofline.h"
#include "tests/support/model_fixtures.h"
#include "tests/support/random_load.h"

/// Laws of stages (pipeline parallelism): scheduler-semantics 1.2.3, step-model.md §1.
namespace penstock {

namespace {

Scenario staged_scenario(int stages, const Architecture& model = fixtures::llama_8b()) {
  EngineSpec engine = fixtures::vllm_0_19();
  engine.async_scheduling = false;
  engine.cuda_graph_sizes.clear();
  engine.num_gpu_blocks = 100'000;
  engine.timing.pipeline_ms_per_stage = 0.5;
  Scenario scenario = fixtures::scenario({.model = model, .engine = engine});
  scenario.cluster.pipeline_parallel = stages;
  scenario.prices.gpu_per_hour = 1;
  return scenario;
}

Result run_stages(const Scenario& scenario, const std::vector<Request>& requests,
                  const SimulationOptions& options = {}) {
  probe::ListSource source(requests);
  return simulate(scenario, source, options);
}

/// Prompts of `input` tokens that fill one batch each.
std::vector<Request> full_batches(int count, std::int64_t input, std::int64_t output) {
  return {static_cast<std::size_t>(count), probe::request(0, input, output)};
}

std::vector<Request> mixed_traffic() {
  std::vector<Request> requests;
  for (int i = 0; i < 300; ++i) {
    requests.push_back(probe::request(0.01 * i, 50 + 137 * (i % 29), 20 + 11 * (i % 17)));
  }
  return requests;
}

}  // namespace

// step-model.md §1: whole-model step + pp (c_pp + 2 T h / link).
TEST_CASE("a step through stages is the whole model's and what goes between them") {
  const auto whole = make_step_model(staged_scenario(1));
  const Scenario scenario = staged_scenario(4);
  const auto staged = make_step_model(scenario);
  const double link = scenario.cluster.gpu.timing.all_reduce.bandwidth_gb_s;  // GB/s
  const auto between_ps = [&](double tokens) {
    return 4 * (0.5e9 + 2 * tokens * 4096 / link * 1e3);
  };
  const std::array chunks{Chunk{2000, 100}};
  const StepLoad mixed{
      .decodes = 10, .kv_sum = 5000, .kv_max = 900, .chunks = chunks, .sampled = 11};
  const double more = static_cast<double>(staged->cost(mixed).total - whole->cost(mixed).total);
  CHECK(more == doctest::Approx(between_ps(2010)).epsilon(1e-6));
  const StepCost before = whole->cost({.decodes = 32, .kv_sum = 40'000});
  const StepCost after = staged->cost({.decodes = 32, .kv_sum = 40'000});
  CHECK(static_cast<double>(after.total - before.total) ==
        doctest::Approx(between_ps(32)).epsilon(1e-6));
  // What is sent is communication, what a stage takes beside it overhead.
  const double sent = static_cast<double>(after.part(Part::communication));
  CHECK(sent == doctest::Approx(between_ps(32) - 4 * 0.5e9).epsilon(1e-4));
}

TEST_CASE("stages that do not divide the layers evenly take the time of the fullest") {
  Architecture model = fixtures::llama_8b();
  model.num_hidden_layers = 30;
  const auto uneven = make_step_model(staged_scenario(4, model));
  const auto even = make_step_model(staged_scenario(4));  // 32 layers: 8 a stage
  const StepLoad load{.decodes = 64, .kv_sum = 64'000};
  CHECK(static_cast<double>(uneven->cost(load).total) ==
        doctest::Approx(static_cast<double>(even->cost(load).total)).epsilon(1e-6));
  CHECK(uneven->peak_times().token_flop <
        even->peak_times().token_flop);  // useful work is not more
}

// One batch alone passes one stage after the other; p of them keep p stages busy.
TEST_CASE("1.2.3: a batch alone takes a whole step, p batches take no longer") {
  for (const int stages : {2, 4}) {
    Scenario scenario = staged_scenario(stages);
    scenario.engine.max_num_batched_tokens = 1000;
    const auto model = make_step_model(scenario);
    const std::array chunks{Chunk{1000, 0}};
    const std::int64_t prefill = model->cost({.chunks = chunks, .sampled = 1}).total;
    const Result alone = run_stages(scenario, full_batches(1, 1000, 1));
    CHECK(alone.requests[0].first_token.ps == prefill);
    const Result all = run_stages(scenario, full_batches(stages, 1000, 200));
    for (int i = 0; i < stages; ++i) {  // the stages' shares differ by a picosecond
      const std::int64_t first = all.requests[static_cast<std::size_t>(i)].first_token.ps;
      CHECK(std::abs(first - prefill - i * prefill / stages) <= stages);
    }
    std::int64_t decode = 0;
    for (std::int64_t kv = 1001; kv < 1200; ++kv) {
      decode += model->decode(1).total(1, kv, 0);
    }
    const RequestRecord& last = all.requests[static_cast<std::size_t>(stages - 1)];
    CHECK(static_cast<double>((last.finish - last.first_token).ps) ==
          doctest::Approx(static_cast<double>(decode)).epsilon(1e-3));
    const Result one = run_stages(scenario, full_batches(1, 1000, 200));
    CHECK(one.requests[0].finish.ps == prefill + decode);
  }
}

// step-model.md §1: the cycle is the slowest group's.
TEST_CASE("in a steady state every batch takes the whole step of the slowest") {
  Scenario scenario = staged_scenario(2);
  scenario.engine.max_num_batched_tokens = 4000;
  const Result result =
      run_stages(scenario, {probe::request(0, 4000, 300), probe::request(0, 100, 300)});
  const auto model = make_step_model(scenario);
  std::int64_t cycles = 0;
  for (std::int64_t kv = 4001; kv < 4300; ++kv) {
    cycles += model->decode(1).total(1, kv, 0);
  }
  const auto decode_time = [&](std::size_t r) {
    return static_cast<double>((result.requests[r].finish - result.requests[r].first_token).ps);
  };
  CHECK(decode_time(0) == doctest::Approx(static_cast<double>(cycles)).epsilon(1e-3));
  CHECK(decode_time(1) == doctest::Approx(static_cast<double>(cycles)).epsilon(1e-2));
}

TEST_CASE("where the CPU does not overlap it is one more stage, behind the others") {
  Scenario scenario = staged_scenario(2);
  scenario.engine.max_num_batched_tokens = 1000;
  scenario.engine.cpu_overhead = {SimTime::from_milliseconds(50), {}, false};
  const auto model = make_step_model(scenario);
  const std::array chunks{Chunk{1000, 0}};
  const StepCost prefill = model->cost({.chunks = chunks, .sampled = 1});
  const Result result = run_stages(scenario, full_batches(2, 1000, 40));
  const std::int64_t first = prefill.gpu + 50'000'000'000;
  CHECK(result.requests[0].first_token.ps == first);
  CHECK(result.requests[1].first_token.ps == first + 50'000'000'000);  // the CPU is one
  // Two batches in flight, and a CPU that takes longer than the stages: it decides.
  CHECK(static_cast<double>((result.requests[1].finish - result.requests[1].first_token).ps) ==
        doctest::Approx(39 * 2 * 50e9).epsilon(1e-9));
}

TEST_CASE("stages: money adds up, sending is communication, waiting and empty stages are idle") {
  for (const int stages : {2, 8}) {
    const Scenario scenario = staged_scenario(stages);
    const Result result = run_stages(scenario, mixed_traffic());
    Int128 busy = 0;
    Int128 sent = 0;
    for (const LedgerTotals::ByCause& causes : result.ledger.classes[0].accounts) {
      for (const Int128 amount : causes) {
        busy += amount;
      }
      sent += causes[static_cast<std::size_t>(Cause::communication)];
    }
    busy += result.ledger.classes[0].recompute;
    CHECK((busy + result.ledger.idle == result.ledger.wall));
    CHECK((result.ledger.wall == Int128{stages} * result.duration.ps));
    CHECK((sent > 0));
    Int128 in_flight = 0;
    for (const ReplicaResult& lane : result.replicas) {
      in_flight += lane.total.busy_ps;
      Int128 bound = 0;
      for (const std::int64_t ps : lane.total.bound) {
        bound += ps;
      }
      CHECK((bound == lane.total.busy_ps));
    }
    CHECK((busy < in_flight));
    CHECK((busy + result.stage_wait_ps == in_flight));
    const Summary summary = summarize(scenario, result);
    CHECK(summary.requests.completed == 300);
    CHECK(summary.utilization.stage_wait.value() > 0);
    CHECK(summary.utilization.mfu.value() > 0);
    CHECK(summary.bill.gpu_hours == doctest::Approx(stages * summary.duration_s / 3600));
  }
}

// Little's law over the whole run (7.2).
TEST_CASE("stages: requests in the system are those that arrived times their time in it") {
  const Scenario scenario = staged_scenario(4);
  const Result result = run_stages(scenario, mixed_traffic());
  double time = 0;
  for (const RequestRecord& r : result.requests) {
    time += static_cast<double>((r.finish - r.arrival).ps);
  }
  CHECK(summarize(scenario, result).mean_in_system ==
        doctest::Approx(time / static_cast<double>(result.duration.ps)).epsilon(1e-9));
}

namespace {

probe::RandomLoad random_staged_load(std::uint64_t seed, std::string_view scheduler) {
  const bool shares = seed % 2 == 0;
  probe::RandomLoad load = scheduler != "vllm_v1"
                               ? shares ? probe::random_engine_content_load(seed, scheduler)
                                        : probe::random_engine_load(seed, scheduler)
                           : shares ? probe::random_content_load(seed)
                                    : probe::random_load(seed);
  load.limits.async = false;
  load.limits.stages = 2 + static_cast<int>(seed % 4);
  load.limits.ranks = seed % 7 == 0 ? 2 : 1;
  return load;
}

/// Returns how often requests were preempted.
std::int64_t compare_switches(std::string_view scheduler) {
  std::int64_t preempted = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const probe::RandomLoad load = random_staged_load(seed, scheduler);
    CAPTURE(load.describe());
    Scenario scenario = probe::scenario(load.limits);
    scenario.cluster.replicas = seed % 5 == 0 ? 2 : 1;
    scenario.until = seed % 3 == 0 ? SimTime{load.requests.back().arrival.ps + 5 * load.step.base}
                                   : SimTime::never();
    const auto with = [&](bool fast, bool leap) {
      SimulationOptions options;
      options.fast_path = fast;
      options.leaping = leap;
      options.make_model = [&] { return probe::make_linear_model(load.step); };
      return run_stages(scenario, load.requests, options);
    };
    const Result both = with(true, true);
    const std::string want = probe::fingerprint(both);
    REQUIRE_MESSAGE(want == probe::fingerprint(with(false, false)), "slow path");
    REQUIRE_MESSAGE(want == probe::fingerprint(with(true, false)), "no leaping");
    preempted += both.preemptions;
  }
  return preempted;
}

}  // namespace

TEST_CASE("stages: all switches give identical results, and a run can be stopped anywhere") {
  CHECK(compare_switches("vllm_v1") > 60);
  CHECK(compare_switches("tensorrt_llm") > 30);
  CHECK(compare_switches("sglang") > 10);
}

}  // namespace penstock
