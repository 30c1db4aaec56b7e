#include <doctest/doctest.h>

#include <array>
#include <cstdlib>

#include "sim/metrics/summary.h"
#include "sim/step/roofline.h"
#include "sim/step/together.h"
#include "tests/support/model_fixtures.h"
#include "tests/support/random_load.h"

/// Laws of ranks with stages (data and pipeline parallelism): scheduler-semantics 1.2.3, 1.2.4 and
/// 7.2, step-model.md §1.
namespace penstock {

namespace {

/// A small model with experts, without CPU time, CUDA graphs and asynchrony.
Scenario grid_scenario(int ranks, int stages,
                       const Architecture& model = fixtures::qwen3_30b_a3b()) {
  EngineSpec engine = fixtures::vllm_0_19();
  engine.async_scheduling = false;
  engine.cuda_graph_sizes.clear();
  engine.num_gpu_blocks = 10'000;
  engine.timing.pipeline_ms_per_stage = 0.5;
  Scenario scenario = fixtures::scenario(
      {.model = model, .engine = engine, .data_parallel = ranks, .expert_parallel = ranks});
  scenario.cluster.pipeline_parallel = stages;
  scenario.cluster.gpu.network_gb_s = 50;
  scenario.prices.gpu_per_hour = 1;
  return scenario;
}

Result run_grid(const Scenario& scenario, const std::vector<Request>& requests,
                const SimulationOptions& options = {}) {
  probe::ListSource source(requests);
  return simulate(scenario, source, options);
}

std::vector<Request> grid_traffic() {
  std::vector<Request> requests;
  for (int i = 0; i < 400; ++i) {
    requests.push_back(probe::request(0.01 * i, 50 + 37 * (i % 29), 20 + 11 * (i % 17)));
  }
  return requests;
}

/// The CPU's time with the seed: none, in line, overlapping and long; or CUDA graphs.
void draw_front_end(std::uint64_t seed, EngineSpec& engine) {
  switch (seed % 4) {
    case 0:
      engine.cuda_graph_sizes = fixtures::vllm_cuda_graph_sizes(32);
      break;
    case 1:
      engine.cpu_overhead = {SimTime::from_milliseconds(1), SimTime::from_milliseconds(0.04)};
      break;
    case 2:
      engine.cpu_overhead = {SimTime::from_milliseconds(9), SimTime::from_milliseconds(0.4), true};
      break;
    default:
      break;
  }
}

}  // namespace

TEST_CASE("ranks with stages: all switches give identical results, with real step times") {
  std::int64_t preempted = 0;
  std::int64_t aborted = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const probe::RandomLoad load =
        seed % 2 == 0 ? probe::random_content_load(seed) : probe::random_load(seed);
    CAPTURE(load.describe());
    Scenario scenario =
        grid_scenario(2 + 2 * static_cast<int>(seed % 2), 2 + static_cast<int>(seed % 3),
                      seed % 3 == 0 ? fixtures::gpt_oss_20b() : fixtures::qwen3_30b_a3b());
    const EngineTiming timing = scenario.engine.timing;
    scenario.engine = probe::scenario(load.limits).engine;
    scenario.engine.timing = timing;
    scenario.engine.async_scheduling = false;
    draw_front_end(seed, scenario.engine);
    scenario.cluster.replicas = seed % 7 == 0 ? 2 : 1;
    if (seed % 6 == 0) {
      scenario.workload.classes[0].timeout = SimTime::from_milliseconds(200);
    }
    std::vector<Request> requests = load.requests;  // in time with steps of some 10 ms
    for (Request& request : requests) {
      request.arrival.ps /= std::max<std::int64_t>(1, load.step.base / 10'000'000'000);
    }
    if (seed % 5 == 0) {
      scenario.until = SimTime{requests.back().arrival.ps + 100'000'000'000};
    }
    const auto with = [&](bool fast, bool leap) {
      SimulationOptions options;
      options.fast_path = fast;
      options.leaping = leap;
      return run_grid(scenario, requests, options);
    };
    const Result both = with(true, true);
    const std::string want = probe::fingerprint(both);
    REQUIRE_MESSAGE(want == probe::fingerprint(with(false, false)), "slow path");
    REQUIRE_MESSAGE(want == probe::fingerprint(with(true, false)), "no leaping");
    preempted += both.preemptions;
    for (const RequestRecord& r : both.requests) {
      aborted += r.status == RequestStatus::aborted ? 1 : 0;
    }
  }
  CHECK(preempted > 60);
  CHECK(aborted > 60);
}

// step-model.md §1: with all ranks alike a step is that of the whole model, with the tokens of all
// and what goes from stage to stage; p batches of each rank keep p stages busy.
TEST_CASE("1.2.3 and 1.2.4: ranks that are alike pass the stages as one would") {
  for (const int ranks : {2, 8}) {
    constexpr int stages = 4;
    Scenario scenario = grid_scenario(ranks, stages);
    scenario.engine.max_num_batched_tokens = 1000;
    const auto model = make_step_model(scenario);
    const std::array chunks{Chunk{1000, 0}};
    const std::int64_t prefill = model->cost({.chunks = chunks, .sampled = 1}).total;
    std::int64_t decode = 0;
    for (std::int64_t kv = 1001; kv < 1100; ++kv) {
      decode += model->decode(1).total(1, kv, 0);
    }
    const std::vector<Request> one_each(static_cast<std::size_t>(ranks),
                                        probe::request(0, 1000, 100));
    for (const RequestRecord& r : run_grid(scenario, one_each).requests) {
      CHECK(std::abs(r.first_token.ps - prefill) <= 10);  // the parts are rounded apart
      CHECK(std::abs(r.finish.ps - prefill - decode) <= 1000);
    }
    const std::vector<Request> full(static_cast<std::size_t>(ranks * stages),
                                    probe::request(0, 1000, 100));
    const Result all = run_grid(scenario, full);
    for (int i = 0; i < ranks * stages; ++i) {  // each rank gets the next one in turn
      const RequestRecord& r = all.requests[static_cast<std::size_t>(i)];
      CHECK(r.replica / stages == i % ranks);
      const int batch = i / ranks;
      CHECK(std::abs(r.first_token.ps - prefill - batch * prefill / stages) <= 20);
      // Others' prefills are in the way of the first decodes only.
      if (batch == stages - 1) {
        CHECK(static_cast<double>((r.finish - r.first_token).ps) ==
              doctest::Approx(static_cast<double>(decode)).epsilon(1e-3));
      }
    }
  }
}

// The steps of two ranks on two stages, followed one by one: in each stage the larger own part
// decides, and the experts are computed at the mean.
TEST_CASE("1.2.4: in every stage the slowest rank decides") {
  const Scenario scenario = grid_scenario(2, 2);
  const std::array<std::int64_t, 2> prompts{3000, 200};
  const std::array<std::int64_t, 2> outputs{40, 90};
  const Result result = run_grid(scenario, {probe::request(0, prompts[0], outputs[0]),
                                            probe::request(0, prompts[1], outputs[1])});
  const auto rank = make_rank_model(scenario);
  TogetherModel together(scenario);
  const auto prefill = [&](std::int64_t q) {
    const std::array chunks{Chunk{q, 0}};
    return rank->cost({.chunks = chunks, .sampled = 1}).total;
  };
  std::int64_t now =
      std::max(prefill(3000), prefill(200)) + together.cost(prompts[0] + prompts[1]).total;
  CHECK(result.requests[0].first_token.ps == now);
  CHECK(result.requests[1].first_token.ps == now);
  for (std::int64_t step = 1; step < 90; ++step) {
    std::int64_t slowest = 0;
    for (std::size_t r = 0; r < 2; ++r) {
      if (step < outputs[r]) {
        slowest = std::max(slowest, rank->decode(1).total(1, prompts[r] + step, 0));
      }
    }
    now += slowest + together.cost(2).total;  // one who has finished computes a token too
    if (step == outputs[0] - 1) {
      CHECK(result.requests[0].finish.ps == now);
    }
  }
  CHECK(result.requests[1].finish.ps == now);
}

TEST_CASE("ranks whose stages do not divide the layers evenly take the time of the fullest") {
  Architecture model = fixtures::qwen3_30b_a3b();  // 48 layers
  const Scenario even = grid_scenario(2, 4, model);
  model.num_hidden_layers = 46;
  const Scenario uneven = grid_scenario(2, 4, model);
  const StepLoad load{.decodes = 64, .kv_sum = 64'000};
  CHECK(static_cast<double>(make_rank_model(uneven)->cost(load).total) ==
        doctest::Approx(static_cast<double>(make_rank_model(even)->cost(load).total)));
  TogetherModel few(uneven);
  TogetherModel all(even);
  CHECK(static_cast<double>(few.cost(128).total) ==
        doctest::Approx(static_cast<double>(all.cost(128).total)));
  CHECK(few.cost(128).expert_bytes < all.cost(128).expert_bytes);  // useful work is not more
}

// scheduler-semantics 7.2-41.
TEST_CASE("ranks with stages: money adds up, each wait stands apart, all ranks step together") {
  for (const int stages : {2, 4}) {
    constexpr int ranks = 4;
    Scenario scenario = grid_scenario(ranks, stages);
    scenario.engine.max_num_batched_tokens = 500;  // or all sequences would be in one batch
    const Result result = run_grid(scenario, grid_traffic());
    Int128 busy = result.ledger.classes[0].recompute;
    Int128 sent = 0;
    for (const LedgerTotals::ByCause& causes : result.ledger.classes[0].accounts) {
      for (const Int128 amount : causes) {
        busy += amount;
      }
      sent += causes[static_cast<std::size_t>(Cause::communication)];
    }
    CHECK((busy + result.ledger.idle == result.ledger.wall));
    CHECK((result.ledger.wall == Int128{ranks * stages} * result.duration.ps));
    CHECK((sent * 20 > busy));
    Int128 in_flight = 0;
    REQUIRE(result.replicas.size() == ranks * stages);
    for (std::size_t i = 0; i < result.replicas.size(); ++i) {
      const SeriesPoint& lane = result.replicas[i].total;
      in_flight += lane.busy_ps;
      CHECK(lane.busy_ps == result.replicas[i % stages].total.busy_ps);
      CHECK(lane.expert_bytes == result.replicas[i % stages].total.expert_bytes);
      Int128 bound = 0;
      for (const std::int64_t ps : lane.bound) {
        bound += ps;
      }
      CHECK((bound == lane.busy_ps));
    }
    CHECK((result.stage_wait_ps > 0));
    CHECK((busy + result.stage_wait_ps < in_flight));  // ranks wait too
    Int128 by_request = 0;
    for (const RequestRecord& r : result.requests) {
      CHECK(r.status == RequestStatus::completed);
      by_request += r.busy_ps;
    }
    CHECK((by_request <= busy));
    const Summary summary = summarize(scenario, result);
    const double waits =
        summary.utilization.rank_wait.value() + summary.utilization.stage_wait.value();
    CHECK(waits ==
          doctest::Approx(static_cast<double>(in_flight - busy) / static_cast<double>(in_flight)));
    CHECK(summary.utilization.rank_wait.value() > 0);
    CHECK(summary.utilization.mfu.value() > 0);
    CHECK(summary.bill.gpu_hours == doctest::Approx(ranks * stages * summary.duration_s / 3600));
  }
}

// Little's law over the whole run (7.2).
TEST_CASE("ranks with stages: requests in the system are arrivals times their time in it") {
  const Scenario scenario = grid_scenario(2, 3);
  const Result result = run_grid(scenario, grid_traffic());
  double time = 0;
  for (const RequestRecord& r : result.requests) {
    time += static_cast<double>((r.finish - r.arrival).ps);
  }
  CHECK(summarize(scenario, result).mean_in_system ==
        doctest::Approx(time / static_cast<double>(result.duration.ps)).epsilon(1e-9));
}

}  // namespace penstock
