#include <doctest/doctest.h>

#include <algorithm>

#include "sim/kv/block_pool.h"
#include "tests/support/engine_probe.h"

/// The golden traces of scheduler-semantics §8.3 and §1.6.5 on the engine: T = 1, budgets and
/// pools as given there.
namespace penstock {

namespace {

using probe::EngineLimits;
using probe::request;
using Times = std::vector<double>;

Times seconds(const std::vector<SimTime>& times) {
  Times out;
  for (const SimTime t : times) {
    out.push_back(t.seconds());
  }
  return out;
}

probe::Probe run(const EngineLimits& limits, std::vector<Request> requests) {
  return probe::run(probe::scenario(limits), std::move(requests), {});
}

/// All positions computed, those that a preemption threw away included.
std::int64_t computed(const probe::Probe& probe) {
  return probe.result.replicas.front().total.all_tokens;
}

}  // namespace

TEST_CASE("8.3 G1: a budget of 8 shared by three prompts of 5") {
  const auto probe =
      run({.max_num_batched_tokens = 8}, {request(0, 5, 3), request(0, 5, 3), request(0, 5, 3)});
  CHECK(seconds(probe.tokens[0]) == Times{1, 2, 3});
  CHECK(seconds(probe.tokens[1]) == Times{2, 3, 4});
  CHECK(seconds(probe.tokens[2]) == Times{2, 3, 4});
}

TEST_CASE("8.3 G2: the last admitted is preempted and recomputed, 6 + 10 positions") {
  const auto probe = run({.max_num_batched_tokens = 100, .block_size = 2, .usable_blocks = 5},
                         {request(0, 3, 4), request(0, 3, 4)});
  CHECK(seconds(probe.tokens[0]) == Times{1, 2, 3, 4});
  CHECK(seconds(probe.tokens[1]) == Times{1, 2, 5, 6});
  CHECK(computed(probe) == 16);
  CHECK(probe.result.requests[1].preemptions == 1);
  CHECK(probe.result.ledger.classes[0].recomputed_tokens == 4);
}

TEST_CASE("8.3 G3: with a prefix cache the preempted request finds its own blocks") {
  const auto probe = run(
      {.max_num_batched_tokens = 100, .block_size = 2, .usable_blocks = 5, .prefix_caching = true},
      {request(0, 3, 4), request(0, 3, 4)});
  CHECK(seconds(probe.tokens[0]) == Times{1, 2, 3, 4});
  CHECK(seconds(probe.tokens[1]) == Times{1, 2, 5, 6});
  CHECK(computed(probe) == 12);
  CHECK(probe.result.ledger.classes[0].recomputed_tokens == 0);
  CHECK(probe.result.requests[1].cached_tokens == 0);  // hits of the first admission count
}

TEST_CASE("8.3 G4: blocks can be hit within the step that computes them") {
  std::vector<Request> requests{request(0, 9, 2), request(0, 9, 2), request(0, 8, 2)};
  for (Request& r : requests) {
    r.content = {{1, 0, 9}};
  }
  const auto probe = run({.block_size = 4, .prefix_caching = true}, requests);
  CHECK(computed(probe) == 9 + 1 + 4 + 3);
  CHECK(probe.result.requests[0].cached_tokens == 0);
  CHECK(probe.result.requests[1].cached_tokens == 8);
  CHECK(probe.result.requests[2].cached_tokens == 4);
  CHECK(probe.result.ledger.classes[0].cached_input_tokens == 12);
}

TEST_CASE("8.2-16: cyclic reuse under tail-first LRU hits what the pool cannot hold less") {
  constexpr std::int64_t prompts = 3;
  constexpr std::int64_t blocks = 6;
  for (std::int64_t usable = 7; usable <= 20; ++usable) {
    std::vector<Request> requests;
    for (std::int64_t i = 0; i < 8 * prompts; ++i) {
      Request r = request(static_cast<double>(10 * i), 4 * blocks, 1);
      r.content = {{static_cast<std::uint64_t>(i % prompts), 0, r.input_tokens}};
      requests.push_back(r);
    }
    const auto probe =
        run({.block_size = 4, .usable_blocks = usable, .prefix_caching = true}, requests);
    const std::int64_t limit = (4 * blocks - 1) / 4;
    CHECK(probe.result.requests.back().cached_tokens ==
          4 * std::clamp<std::int64_t>(blocks - (prompts * blocks - usable), 0, limit));
  }
}

TEST_CASE("8.3 G5: nothing is admitted in a step that preempts") {
  const auto probe = run({.max_num_seqs = 2, .block_size = 4, .usable_blocks = 6},
                         {request(0, 8, 2), request(0, 16, 2), request(0, 4, 2)});
  CHECK(seconds(probe.tokens[0]) == Times{1, 2});
  CHECK(seconds(probe.tokens[1]) == Times{1, 3});
  CHECK(seconds(probe.tokens[2]) == Times{3, 4});
}

TEST_CASE("8.3 G6: the priority policy takes a token back from a scheduled victim") {
  const auto probe = run({.block_size = 2, .usable_blocks = 5, .priority = true},
                         {request(0, 3, 4, 5), request(0.5, 3, 4, 0)});
  CHECK(seconds(probe.tokens[0]) == Times{1, 2, 3, 6});
  CHECK(seconds(probe.tokens[1]) == Times{2, 3, 4, 5});
}

TEST_CASE("8.3 G7: long_prefill_token_threshold caps a request's tokens per step") {
  const auto probe = run({.max_num_batched_tokens = 8, .long_prefill_token_threshold = 3},
                         {request(0, 7, 2), request(0, 4, 2)});
  CHECK(seconds(probe.tokens[0]) == Times{3, 4});
  CHECK(seconds(probe.tokens[1]) == Times{2, 3});
}

TEST_CASE("8.3 G8: without the admission gate a second prompt is admitted, preempted, redone") {
  const auto probe = run({.max_num_batched_tokens = 8,
                          .block_size = 1,
                          .usable_blocks = 10,
                          .long_prefill_token_threshold = 4,
                          .gate = false},
                         {request(0, 8, 2), request(0, 8, 2)});
  CHECK(seconds(probe.tokens[0]) == Times{2, 3});
  CHECK(seconds(probe.tokens[1]) == Times{5, 6});
  CHECK(computed(probe) - 9 == 13);
}

TEST_CASE("8.3 G9: with the gate it waits, to the same times and less work") {
  const auto probe = run({.max_num_batched_tokens = 8,
                          .block_size = 1,
                          .usable_blocks = 10,
                          .long_prefill_token_threshold = 4},
                         {request(0, 8, 2), request(0, 8, 2)});
  CHECK(seconds(probe.tokens[0]) == Times{2, 3});
  CHECK(seconds(probe.tokens[1]) == Times{5, 6});
  CHECK(computed(probe) - 9 == 9);
  CHECK(probe.result.preemptions == 0);
}

TEST_CASE("8.3 G10, 1.5.7: a prompt beyond the pool is rejected, not retried for ever") {
  for (const bool gate : {true, false}) {
    const auto probe = run({.block_size = 2, .usable_blocks = 5, .gate = gate},
                           {request(0, 11, 1), request(1, 3, 2)});
    CHECK(probe.result.requests[0].status == RequestStatus::rejected);
    CHECK(probe.result.requests[0].reject_reason == RejectReason::does_not_fit);
    CHECK(probe.result.requests[1].status == RequestStatus::completed);
  }
}

TEST_CASE("1.6.5 A1: asynchronous scheduling sees an arrival one step later") {
  const std::vector<Request> requests{request(0, 5, 3), request(0.5, 2, 2)};
  const auto async = run({.max_num_batched_tokens = 8, .async = true}, requests);
  CHECK(seconds(async.tokens[0]) == Times{1, 2, 3});
  CHECK(seconds(async.tokens[1]) == Times{3, 4});
  const auto sync = run({.max_num_batched_tokens = 8}, requests);
  CHECK(seconds(sync.tokens[1]) == Times{2, 3});
}

TEST_CASE("1.5.6: prompts of max_model_len are refused, longer outputs are cut and counted") {
  const auto probe = run({.max_model_len = 10}, {request(0, 10, 1), request(0, 9, 5)});
  CHECK(probe.result.requests[0].reject_reason == RejectReason::prompt_too_long);
  CHECK(probe.result.requests[1].output_tokens == 1);
  CHECK(probe.result.truncated == 1);
}

TEST_CASE("1.3.4: without chunked prefill a prompt beyond the remaining budget waits") {
  const auto probe =
      run({.max_num_batched_tokens = 8, .max_model_len = 8, .chunked_prefill = false},
          {request(0, 5, 2), request(0, 5, 2)});
  CHECK(seconds(probe.tokens[0]) == Times{1, 2});
  CHECK(seconds(probe.tokens[1]) == Times{2, 3});
}

TEST_CASE("1.3.5: the watermark holds blocks back only while something runs") {
  const EngineLimits limits{.block_size = 1, .usable_blocks = 19, .watermark = 0.5};
  const auto probe = run(limits, {request(0, 18, 2), request(0, 1, 1)});
  CHECK(probe.result.requests[0].first_scheduled.seconds() == 0);
  CHECK(probe.result.requests[1].first_scheduled.seconds() == 2);
}

TEST_CASE("8.1: a single request of k chunks: TTFT, E2E, steps and peak blocks") {
  const std::int64_t prompt = 100;
  const std::int64_t output = 30;
  const auto probe = run({.max_num_batched_tokens = 32}, {request(0, prompt, output)});
  const RequestRecord& r = probe.result.requests[0];
  CHECK(r.first_token.seconds() == 4);
  CHECK(r.finish.seconds() == 4 + output - 1);
  CHECK(probe.result.steps == 4 + output - 1);
  CHECK(probe.result.replicas[0].blocks_peak == blocks_for(prompt + output - 1, 16));
  CHECK(computed(probe) == prompt + output - 1);
}

TEST_CASE("8.1: step times that depend on tokens and context add up in closed form") {
  const probe::LinearStep step{.base = 1'000'000, .per_token = 1'000, .per_kv = 10};
  const std::int64_t prompt = 50;
  const std::int64_t output = 400;
  const auto probe = probe::run(probe::scenario({}), {request(0, prompt, output)}, step);
  std::int64_t want = step.base + (step.per_token + step.per_kv) * prompt;
  CHECK(probe.result.requests[0].first_token.ps == want);
  for (std::int64_t j = 1; j < output; ++j) {
    want += step.base + step.per_token + step.per_kv * (prompt + j);
  }
  CHECK(probe.result.requests[0].finish.ps == want);
}

TEST_CASE("8.2-1: N identical requests at once") {
  const probe::LinearStep step{.base = 1'000'000, .per_token = 1'000};
  const auto probe =
      probe::run(probe::scenario({}), std::vector<Request>(20, request(0, 100, 50)), step);
  for (const RequestRecord& r : probe.result.requests) {
    CHECK(r.first_token.ps == step.base + 20 * 100 * step.per_token);
    CHECK(r.finish.ps == r.first_token.ps + 49 * (step.base + 20 * step.per_token));
  }
}

TEST_CASE("8.2-2: waves of S requests finish after ceil(i/S) waves of G steps") {
  const auto probe = run({.max_num_seqs = 3}, std::vector<Request>(10, request(0, 5, 7)));
  for (std::size_t i = 0; i < 10; ++i) {
    CHECK(probe.result.requests[i].finish.seconds() == static_cast<double>((i / 3 + 1) * 7));
  }
}

TEST_CASE("8.2-14: length-stopped requests take the same number of steps in both modes") {
  for (const bool async : {false, true}) {
    const auto probe = run({.async = async}, {request(0, 10, 25)});
    CHECK(probe.result.steps == 25);
    CHECK(probe.result.requests[0].finish.seconds() == 25);
  }
}

}  // namespace penstock
