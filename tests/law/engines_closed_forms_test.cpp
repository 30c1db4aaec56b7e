#include <doctest/doctest.h>

#include "sim/kv/block_pool.h"
#include "tests/support/random_load.h"

/// Rules of scheduler-semantics section 2 and closed forms of section 8 for its engines, by hand.
/// Steps last one second where nothing else is said.
namespace penstock {
namespace {

using Requests = std::vector<Request>;

probe::Probe run_engine(const probe::EngineLimits& limits, const Requests& requests,
                        const probe::LinearStep& step = {}) {
  return probe::run(probe::engine_scenario(limits), requests, step);
}

std::vector<double> seconds(const std::vector<SimTime>& times) {
  std::vector<double> out;
  for (const SimTime time : times) {
    out.push_back(time.seconds());
  }
  return out;
}

/// One request decodes; a second one with a prompt of 10 tokens comes between two steps.
const Requests decode_and_prompt{probe::request(0, 4, 9), probe::request(1.5, 10, 2)};

using Times = std::vector<double>;

constexpr std::string_view all_schedulers[] = {"vllm_v1", "vllm_v0", "orca",        "static",
                                               "sarathi", "sglang",  "tensorrt_llm"};

}  // namespace

TEST_CASE("2.1: vLLM V0 stalls decodes while it computes a prompt") {
  const probe::Probe run =
      run_engine({.max_model_len = 100, .scheduler = "vllm_v0"}, decode_and_prompt);
  CHECK(seconds(run.tokens[0]) == Times{1, 2, 4, 5, 6, 7, 8, 9, 10});
  CHECK(seconds(run.tokens[1]) == Times{3, 4});
}

TEST_CASE("2.2: Orca computes a prompt beside the decodes") {
  const probe::Probe run =
      run_engine({.max_model_len = 100, .scheduler = "orca"}, decode_and_prompt);
  CHECK(seconds(run.tokens[0]) == Times{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(seconds(run.tokens[1]) == Times{3, 4});
}

TEST_CASE("2.3, 8.2-5: a static batch lasts as long as its longest member") {
  const probe::Probe run =
      run_engine({.max_num_seqs = 2, .max_model_len = 100, .scheduler = "static"},
                 {probe::request(0, 4, 2), probe::request(0, 4, 6), probe::request(0.5, 4, 3)});
  CHECK(seconds(run.tokens[0]) == Times{1, 2});
  CHECK(seconds(run.tokens[1]) == Times{1, 2, 3, 4, 5, 6});
  CHECK(seconds(run.tokens[2]) == Times{7, 8, 9});
  // The row of the first is computed to the end: 2 + 2 x 5 + 1 + 1 + 1 rows.
  CHECK(run.result.replicas[0].total.sequences == 2 + 2 * 5 + 3);
}

TEST_CASE("2.4: Sarathi-Serve cuts prompts so that decodes never wait") {
  const probe::Probe run =
      run_engine({.max_num_batched_tokens = 4, .scheduler = "sarathi"}, decode_and_prompt);
  CHECK(seconds(run.tokens[0]) == Times{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(seconds(run.tokens[1]) == Times{6, 7});  // 3 + 3 + 3 + 1 tokens
}

TEST_CASE("2.5.2: SGLang's prefills come first, one after the other") {
  probe::EngineLimits limits{.max_num_batched_tokens = 4, .block_size = 1, .scheduler = "sglang"};
  const probe::Probe alone = run_engine(limits, decode_and_prompt);
  CHECK(seconds(alone.tokens[0]) == Times{1, 2, 6, 7, 8, 9, 10, 11, 12});
  CHECK(seconds(alone.tokens[1]) == Times{5, 6});  // 4 + 4 + 2 tokens
  limits.sglang.enable_mixed_chunk = true;
  const probe::Probe mixed = run_engine(limits, decode_and_prompt);
  CHECK(seconds(mixed.tokens[0]) == Times{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(seconds(mixed.tokens[1]) == Times{6, 7});  // 3 + 3 + 3 + 1 tokens
}

TEST_CASE("2.5.3: SGLang reserves the whole output of newcomers, a share of others' output") {
  // 100 tokens: 10 + 30 for the first, 41 < 60 for the second, but 41 >= 20 for the third. It comes
  // when one has finished.
  const probe::EngineLimits limits{.block_size = 1, .usable_blocks = 100, .scheduler = "sglang"};
  const Requests three(3, probe::request(0, 10, 30));
  const probe::Probe run = run_engine(limits, three);
  CHECK(run.tokens[1].front().seconds() == 1);
  CHECK(run.tokens[2].front().seconds() == 31);
  CHECK(run.result.preemptions == 0);
}

TEST_CASE("2.5.4: SGLang retracts who has the fewest tokens, to the end of the queue") {
  // Of 24 tokens two prompts of 4 with 8 to come fill 8, 8 more are reserved for the newcomer; a
  // ratio of 0 keeps nothing for the first.
  probe::EngineLimits limits{.block_size = 1, .usable_blocks = 24, .scheduler = "sglang"};
  limits.sglang.schedule_conservativeness = 0;
  const probe::Probe run = run_engine(
      limits, {probe::request(0, 4, 12), probe::request(1.5, 4, 12), probe::request(5, 4, 2)});
  CHECK(run.result.requests[0].preemptions == 0);
  CHECK(run.result.requests[1].preemptions == 1);
  CHECK(run.tokens[0].size() == 12);
  CHECK(run.tokens[2].back() < run.tokens[1].back());
}

TEST_CASE("2.5.6: with overlap the end of a request is seen a step late") {
  for (const std::string_view scheduler : {"sglang", "tensorrt_llm"}) {
    CAPTURE(scheduler);
    probe::EngineLimits limits{.block_size = 1, .scheduler = std::string(scheduler)};
    CHECK(run_engine(limits, {probe::request(0, 4, 5)}).result.steps == 5);
    limits.async = true;
    const probe::Probe run = run_engine(limits, {probe::request(0, 4, 5)});
    CHECK(run.result.steps == 6);
    CHECK(run.tokens[0].back().seconds() == 5);
  }
}

TEST_CASE("2.6.1, 8.2-8: without eviction TensorRT-LLM runs what fits with prompt and output") {
  // ceil((5 + 7) / 4) = 3 blocks each, of 10.
  probe::EngineLimits limits{.block_size = 4, .usable_blocks = 10, .scheduler = "tensorrt_llm"};
  const Requests six(6, probe::request(0, 5, 7));
  const probe::Probe kept = run_engine(limits, six);
  CHECK(kept.result.preemptions == 0);
  CHECK(kept.result.replicas[0].batch_peak == 3);
  CHECK(kept.tokens[3].front().seconds() == 8);  // when the first three have finished
  limits.tensorrt_llm.capacity_scheduler_policy = TensorRtSpec::Capacity::max_utilization;
  const probe::Probe paused = run_engine(limits, six);
  CHECK(paused.result.replicas[0].batch_peak == 5);  // two blocks of prompt each
  CHECK(paused.result.preemptions > 0);
}

TEST_CASE("2.6.2: chunks of contexts in order, or a unit each in turn") {
  probe::EngineLimits limits{
      .max_num_batched_tokens = 8, .block_size = 4, .scheduler = "tensorrt_llm"};
  const Requests two{probe::request(0, 12, 1), probe::request(0, 6, 1)};
  const probe::Probe in_order = run_engine(limits, two);  // (8) (4, 4) (2)
  CHECK(in_order.tokens[0].front().seconds() == 2);
  CHECK(in_order.tokens[1].front().seconds() == 3);
  limits.tensorrt_llm.context_chunking_policy = TensorRtSpec::Chunking::equal_progress;
  const probe::Probe in_turn = run_engine(limits, two);  // (4, 4) (4, 2) (4)
  CHECK(in_turn.tokens[0].front().seconds() == 3);
  CHECK(in_turn.tokens[1].front().seconds() == 2);
}

TEST_CASE("8.1: a single request takes (k + G - 1) steps in every engine") {
  for (const std::string_view scheduler : all_schedulers) {
    CAPTURE(scheduler);
    const bool cuts = scheduler == "vllm_v1" || scheduler == "sarathi" || scheduler == "sglang";
    const probe::EngineLimits limits{.max_num_batched_tokens = cuts ? 64 : 1000,
                                     .max_model_len = 1000,
                                     .scheduler = std::string(scheduler)};
    const probe::Probe run = run_engine(limits, {probe::request(0, 300, 40)});
    const double chunks = cuts ? 5 : 1;
    CHECK(run.tokens[0].front().seconds() == chunks);
    CHECK(run.tokens[0].back().seconds() == chunks + 39);
  }
}

TEST_CASE("8.2-1: N identical requests at once: T(NP), then G - 1 steps of N") {
  const probe::LinearStep step{.base = 1'000'000'000, .per_token = 1'000'000, .per_kv = 1000};
  for (const std::string_view scheduler : all_schedulers) {
    CAPTURE(scheduler);
    const probe::EngineLimits limits{.max_model_len = 1000, .scheduler = std::string(scheduler)};
    const probe::Probe run = run_engine(limits, Requests(8, probe::request(0, 100, 11)), step);
    const std::int64_t prefill = step.base + step.per_token * 800 + step.per_kv * 800;
    std::int64_t all = prefill;
    for (std::int64_t kv = 101; kv <= 110; ++kv) {
      all += step.base + step.per_token * 8 + step.per_kv * 8 * kv;
    }
    CHECK(run.tokens[7].front().ps == prefill);
    CHECK(run.tokens[7].back().ps == all);
  }
}

TEST_CASE("8.2-2: N identical requests in waves of S finish at ceil(i / S) G c") {
  for (const std::string_view scheduler : {"vllm_v1", "orca", "static", "tensorrt_llm"}) {
    CAPTURE(scheduler);
    const probe::EngineLimits limits{
        .max_num_seqs = 3, .max_model_len = 1000, .scheduler = std::string(scheduler)};
    const probe::Probe run = run_engine(limits, Requests(8, probe::request(0, 10, 7)));
    for (std::size_t i = 0; i < 8; ++i) {
      CHECK(run.tokens[i].back().seconds() == static_cast<double>((i / 3 + 1) * 7));
    }
  }
}

TEST_CASE("8.2-8: Orca runs as many requests as whole lengths fit the pool") {
  const probe::EngineLimits limits{
      .block_size = 16, .usable_blocks = 25, .max_model_len = 100, .scheduler = "orca"};
  const probe::Probe run = run_engine(limits, Requests(8, probe::request(0, 4, 4)));
  CHECK(run.result.replicas[0].batch_peak == 25 / blocks_for(100, 16));
}

}  // namespace penstock
