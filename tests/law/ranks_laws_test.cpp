#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "sim/model/draft_layer.h"
#include "sim/step/roofline.h"
#include "sim/step/together.h"
#include "tests/support/model_fixtures.h"
#include "tests/support/random_load.h"

/// Laws of ranks in lock-step (attention data parallelism): scheduler-semantics 1.2.4, 4.4, 5.1-9,
/// 7.2-41, and the step time of step-model.md §1.
namespace penstock {

namespace {

/// A small model with experts on `ranks` GPUs, without CPU time, CUDA graphs and asynchrony.
Scenario rank_scenario(int ranks, const Architecture& model = fixtures::qwen3_30b_a3b()) {
  EngineSpec engine = fixtures::vllm_0_19();
  engine.async_scheduling = false;
  engine.cuda_graph_sizes.clear();
  engine.num_gpu_blocks = 10'000;
  return fixtures::scenario(
      {.model = model, .engine = engine, .data_parallel = ranks, .expert_parallel = ranks});
}

Result run_ranks(const Scenario& scenario, const std::vector<Request>& requests,
                 SimulationOptions options = {}) {
  probe::ListSource source(requests);
  return simulate(scenario, source, options);
}

/// The engine limits of a random load, on ranks with the step times of a real model.
Scenario loaded_ranks(const probe::RandomLoad& load, int ranks, const Architecture& model) {
  Scenario scenario = rank_scenario(ranks, model);
  const EngineSpec limits = probe::scenario(load.limits).engine;
  EngineSpec& engine = scenario.engine;
  const EngineTiming timing = engine.timing;
  engine = limits;
  engine.timing = timing;
  switch (load.seed % 3) {
    case 0:
      engine.cuda_graph_sizes = fixtures::vllm_cuda_graph_sizes(32);
      break;
    case 1:
      engine.cpu_overhead = {SimTime::from_milliseconds(1), SimTime::from_milliseconds(0.04)};
      break;
    default:
      engine.cpu_overhead = {SimTime::from_milliseconds(9), SimTime::from_milliseconds(0.4), true};
  }
  return scenario;
}

/// With the drafts of a layer like the model's.
Scenario with_drafts(Scenario scenario, std::vector<double> acceptance,
                     SpeculativeSpec::Method method = SpeculativeSpec::Method::mtp) {
  SpeculativeSpec& drafts = scenario.engine.speculative;
  drafts.method = method;
  drafts.acceptance = std::move(acceptance);
  if (drafts.has_drafter()) {
    drafts.drafter =
        draft_layer(scenario.model,
                    method == SpeculativeSpec::Method::mtp ? DraftLayer::mtp : DraftLayer::eagle3);
  }
  scenario.engine.max_num_batched_tokens =
      std::max(scenario.engine.max_num_batched_tokens, drafts.rows());
  scenario.engine.sglang.enable_mixed_chunk = false;
  return scenario;
}

/// In time with steps of some 10 ms.
std::vector<Request> hastened(const probe::RandomLoad& load) {
  std::vector<Request> requests = load.requests;
  const std::int64_t slower = std::max<std::int64_t>(1, load.step.base / 10'000'000'000);
  for (Request& request : requests) {
    request.arrival.ps /= slower;
  }
  return requests;
}

Int128 all_of(const Result& result, Cause cause) {
  Int128 sum = 0;
  for (const LedgerTotals::ClassAccounts& account : result.ledger.classes) {
    for (const LedgerTotals::ByCause& causes : account.accounts) {
      sum += causes[static_cast<std::size_t>(cause)];
    }
  }
  return sum;
}

}  // namespace

TEST_CASE("ranks in lock-step: all switches give identical results, with real step times") {
  std::int64_t preempted = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const probe::RandomLoad load = seed % 4 == 0   ? probe::random_offload_load(seed)
                                   : seed % 4 == 1 ? probe::random_content_load(seed)
                                                   : probe::random_load(seed);
    CAPTURE(load.describe());
    const int ranks = seed % 5 == 0 ? 8 : seed % 2 == 0 ? 4 : 2;
    Scenario scenario = loaded_ranks(
        load, ranks, seed % 3 == 0 ? fixtures::gpt_oss_20b() : fixtures::qwen3_30b_a3b());
    scenario.cluster.replicas = seed % 7 == 0 ? 2 : 1;
    if (seed % 6 == 0) {
      scenario.workload.classes[0].timeout = SimTime::from_milliseconds(200);
    }
    const std::vector<Request> requests = hastened(load);
    const auto with = [&](bool fast, bool leap) {
      SimulationOptions options;
      options.fast_path = fast;
      options.leaping = leap;
      return run_ranks(scenario, requests, options);
    };
    const Result both = with(true, true);
    const std::string want = probe::fingerprint(both);
    REQUIRE_MESSAGE(want == probe::fingerprint(with(false, false)), "slow path");
    REQUIRE_MESSAGE(want == probe::fingerprint(with(true, false)), "no leaping");
    REQUIRE_MESSAGE(want == probe::fingerprint(with(false, true)), "slow path with leaping");
    preempted += both.preemptions;
  }
  CHECK(preempted > 60);
}

TEST_CASE("ranks in lock-step: all switches give identical results, with a linear step") {
  for (std::uint64_t seed = 1000; seed <= 1300; ++seed) {
    const probe::RandomLoad load =
        seed % 2 == 0 ? probe::random_content_load(seed) : probe::random_load(seed);
    CAPTURE(load.describe());
    Scenario scenario = probe::scenario(load.limits);
    scenario.cluster.data_parallel = 2 + static_cast<int>(seed % 3);
    const auto with = [&](bool fast, bool leap) {
      SimulationOptions options;
      options.fast_path = fast;
      options.leaping = leap;
      options.make_model = [&] { return probe::make_linear_model(load.step); };
      return probe::fingerprint(run_ranks(scenario, load.requests, options));
    };
    const std::string both = with(true, true);
    REQUIRE_MESSAGE(both == with(false, false), "slow path");
    REQUIRE_MESSAGE(both == with(true, false), "no leaping");
  }
}

TEST_CASE("ranks of other engines: all switches give identical results") {
  for (const char* scheduler : {"sglang", "tensorrt_llm"}) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
      const probe::RandomLoad load = probe::random_engine_load(seed, scheduler);
      CAPTURE(load.describe());
      const Scenario scenario = loaded_ranks(load, 3, fixtures::qwen3_30b_a3b());
      const std::vector<Request> requests = hastened(load);
      const auto with = [&](bool leap) {
        SimulationOptions options;
        options.leaping = leap;
        return probe::fingerprint(run_ranks(scenario, requests, options));
      };
      REQUIRE(with(true) == with(false));
    }
  }
}

TEST_CASE("ranks with drafts: all switches give identical results, and money adds up") {
  using Method = SpeculativeSpec::Method;
  for (const char* scheduler : {"vllm_v1", "sglang"}) {
    for (std::uint64_t seed = 1; seed <= 120; ++seed) {
      const probe::RandomLoad load = std::string_view(scheduler) == "sglang"
                                         ? probe::random_engine_load(seed, scheduler)
                                     : seed % 2 == 0 ? probe::random_content_load(seed)
                                                     : probe::random_load(seed);
      CAPTURE(load.describe());
      const Method method = seed % 5 == 0   ? Method::eagle3
                            : seed % 5 == 1 ? Method::ngram
                                            : Method::mtp;
      const Scenario scenario = with_drafts(
          loaded_ranks(load, 2 + static_cast<int>(seed % 3), fixtures::qwen3_30b_a3b()),
          std::vector<double>(1 + seed % 4, 0.2 * static_cast<double>(seed % 6)), method);
      const std::vector<Request> requests = hastened(load);
      const auto with = [&](bool fast, bool leap) {
        SimulationOptions options;
        options.fast_path = fast;
        options.leaping = leap;
        return run_ranks(scenario, requests, options);
      };
      const Result both = with(true, true);
      REQUIRE(probe::fingerprint(both) == probe::fingerprint(with(false, false)));
      REQUIRE(probe::fingerprint(both) == probe::fingerprint(with(true, false)));
      Int128 booked = both.ledger.idle;
      for (std::size_t cause = 0; cause < cause_count; ++cause) {
        booked += all_of(both, static_cast<Cause>(cause));
      }
      for (const LedgerTotals::ClassAccounts& account : both.ledger.classes) {
        booked += account.recompute;
      }
      REQUIRE((booked == both.ledger.wall));
      REQUIRE((both.drafts.rejected_ps <= both.ledger.wall - both.ledger.idle));
    }
  }
}

TEST_CASE(
    "7.2-41: all ranks execute the same steps, and one without work computes with the others") {
  const Result result =
      run_ranks(rank_scenario(4), {probe::request(0, 100, 50), probe::request(0, 100, 20)});
  REQUIRE(result.replicas.size() == 4);
  for (const ReplicaResult& rank : result.replicas) {
    CHECK(rank.total.busy_ps == result.replicas[0].total.busy_ps);
    CHECK(rank.total.expert_bytes == result.replicas[0].total.expert_bytes);
    Int128 bound = 0;
    for (const std::int64_t ps : rank.total.bound) {
      bound += ps;
    }
    CHECK((bound == rank.total.busy_ps));
  }
  CHECK(result.replicas[0].total.steps == 50);
  CHECK(result.replicas[1].total.steps == 20);
  CHECK(result.replicas[2].total.steps == 0);
  CHECK((result.ledger.wall == Int128{4} * result.duration.ps));
}

// step-model.md §1: with all ranks alike a step is that of one rank with the tokens of all.
TEST_CASE("ranks that are alike take the step of the whole model") {
  for (const int ranks : {2, 8}) {
    const Scenario scenario = rank_scenario(ranks);
    std::vector<Request> requests(static_cast<std::size_t>(ranks), probe::request(0, 700, 3));
    const Result result = run_ranks(scenario, requests);
    const auto model = make_step_model(scenario);
    const std::array chunks{Chunk{700, 0}};
    const std::int64_t prefill = model->cost({.chunks = chunks, .sampled = 1}).total;
    const std::int64_t first = model->cost({.decodes = 1, .kv_sum = 701, .kv_max = 701}).total;
    const std::int64_t second = model->cost({.decodes = 1, .kv_sum = 702, .kv_max = 702}).total;
    for (const RequestRecord& r : result.requests) {
      // The parts are rounded apart.
      CHECK(std::abs(r.first_token.ps - prefill) <= 10);
      CHECK(std::abs(r.finish.ps - (prefill + first + second)) <= 30);
      CHECK(r.first_token == result.requests[0].first_token);
    }
  }
}

// 1.8.5 on ranks: verification and the drafter's passes, its experts too, at the tokens of all.
TEST_CASE("ranks that are alike with drafts take the step of the whole model") {
  for (const char* scheduler : {"vllm_v1", "sglang"}) {
    Scenario scenario = with_drafts(rank_scenario(4), {0.0, 0.0});
    scenario.engine.scheduler = scheduler;
    const Result result = run_ranks(scenario, std::vector<Request>(4, probe::request(0, 700, 3)));
    const auto model = make_step_model(scenario);
    const std::array chunks{Chunk{700, 0}};
    const std::int64_t prefill = model->cost({.chunks = chunks, .sampled = 1}).total;
    const std::int64_t first = model->cost({.decodes = 1, .kv_sum = 701, .kv_max = 701}).total;
    const std::int64_t second = model->cost({.decodes = 1, .kv_sum = 702, .kv_max = 702}).total;
    for (const RequestRecord& r : result.requests) {
      CHECK(std::abs(r.first_token.ps - prefill) <= 40);  // the parts are rounded apart
      CHECK(std::abs(r.finish.ps - (prefill + first + second)) <= 120);
    }
    // Two passes and a third, and both drafts in vain.
    const DraftCost drafts = model->draft_cost(1);
    const double kv = 701 + 702;
    const auto want =
        static_cast<double>(2 * drafts.draft) + kv * static_cast<double>(drafts.draft_per_kv);
    CHECK(to_double(result.drafts.draft_ps) / 4 == doctest::Approx(want).epsilon(1e-3));
    const auto in_vain =
        static_cast<double>(2 * drafts.rejected) + kv * static_cast<double>(drafts.rejected_per_kv);
    CHECK(to_double(result.drafts.rejected_ps) / 4 == doctest::Approx(in_vain).epsilon(0.02));
  }
}

// The steps of two ranks, followed one by one: the larger own part, and the experts at the mean.
TEST_CASE("a step lasts as long as the slowest rank's own part and the experts at the mean") {
  const Scenario scenario = rank_scenario(2);
  const std::array<std::int64_t, 2> prompts{3000, 200};
  const std::array<std::int64_t, 2> outputs{40, 90};
  const Result result = run_ranks(scenario, {probe::request(0, prompts[0], outputs[0]),
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

TEST_CASE("1.9.5: ranks that replay CUDA graphs are padded to the fullest") {
  Scenario scenario = rank_scenario(4);
  CHECK(TogetherModel(scenario).padded(10, 19) == 19);
  scenario.engine.cuda_graph_sizes = fixtures::vllm_cuda_graph_sizes();
  CHECK(TogetherModel(scenario).padded(10, 19) == 64);
  CHECK(TogetherModel(scenario).padded(513, 519) == 519);  // no graph is so large
}

TEST_CASE("ranks: money adds up, dispatch and combine are communication, waiting is idle") {
  const Scenario scenario = rank_scenario(8);
  std::vector<Request> requests;
  for (int i = 0; i < 400; ++i) {
    requests.push_back(probe::request(0.01 * i, 50 + 37 * (i % 29), 20 + 11 * (i % 17)));
  }
  const Result result = run_ranks(scenario, requests);
  Int128 busy = 0;
  for (std::size_t cause = 0; cause < cause_count; ++cause) {
    busy += all_of(result, static_cast<Cause>(cause));
  }
  CHECK((busy + result.ledger.idle == result.ledger.wall));
  CHECK((all_of(result, Cause::communication) * 20 > busy));
  CHECK((all_of(result, Cause::weights) * 20 > busy));
  Int128 in_steps = 0;
  for (const ReplicaResult& rank : result.replicas) {
    in_steps += rank.total.busy_ps;
  }
  CHECK((busy < in_steps));  // ranks wait for the slowest
  // The shares of steps are rounded down to whole picoseconds a token.
  Int128 by_request = 0;
  for (const RequestRecord& r : result.requests) {
    CHECK(r.status == RequestStatus::completed);
    by_request += r.busy_ps;
  }
  CHECK((by_request <= busy));
}

// scheduler-semantics 5.1-9: counts are published every 100 ms, a new request counts as waiting.
TEST_CASE("5.1-9: a request goes to the rank with the lowest 4 x waiting + running") {
  std::vector<Request> requests;
  for (int i = 0; i < 5; ++i) {
    requests.push_back(probe::request(0.001 * i, 10, i == 0 ? 10 : 400));
  }
  requests.push_back(probe::request(1.0, 10, 10));  // the first has finished
  const Result result = run_ranks(rank_scenario(4), requests);
  std::vector<int> ranks;
  for (const RequestRecord& r : result.requests) {
    ranks.push_back(r.replica);
  }
  // The fifth is the second of rank 0, whose first is gone when the sixth comes: all have one.
  CHECK(ranks == std::vector<int>{0, 1, 2, 3, 0, 0});
}

TEST_CASE("4.4: SGLang's ranks get requests in turn, TensorRT-LLM's by unfinished ones") {
  const auto ranks = [](const char* scheduler) {
    Scenario scenario = rank_scenario(3);
    scenario.engine.scheduler = scheduler;
    const Result result =
        run_ranks(scenario, {probe::request(0, 10, 2), probe::request(0.001, 10, 900),
                             probe::request(0.002, 10, 900), probe::request(2, 10, 900),
                             probe::request(2.001, 10, 10), probe::request(2.002, 10, 10)});
    std::vector<int> all;
    for (const RequestRecord& r : result.requests) {
      all.push_back(r.replica);
    }
    return all;
  };
  CHECK(ranks("sglang") == std::vector<int>{0, 1, 2, 0, 1, 2});
  CHECK(ranks("tensorrt_llm") == std::vector<int>{0, 1, 2, 0, 0, 1});
}

}  // namespace penstock
