// Golden traces and closed forms of the scheduler specification, applied to the oracle itself.
#include "tests/oracle/reference.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>
#include <stdexcept>
#include <vector>

#include "tests/oracle/reference_traces.h"

namespace penstock::oracle {
namespace {

TEST_CASE("8.3 G1: chunked prefill fills the budget") {
  const Result result =
      simulate(small_config(8, 16, 1000),
               {request_at(0, 5, 3), request_at(0, 5, 3), request_at(0, 5, 3)}, unit_step);
  CHECK(trace(result) == "(0:5,1:3)(0:1,1:2,2:5)(0:1,1:1,2:1)(1:1,2:1)");
  CHECK(times(result, 0) == Times{1, 2, 3});
  CHECK(times(result, 1) == Times{2, 3, 4});
  CHECK(times(result, 2) == Times{2, 3, 4});
  CHECK(result.requests[0].first_scheduled_ps == 0);
  CHECK(result.requests[2].first_scheduled_ps == kUnit);
  CHECK(result.requests[2].finish_ps == 4 * kUnit);
}

TEST_CASE("8.3 G2: the last admitted request is preempted and recomputed") {
  const Result result =
      simulate(small_config(100, 2, 5), {request_at(0, 3, 4), request_at(0, 3, 4)}, unit_step);
  CHECK(trace(result) == "(0:3,1:3)(0:1,1:1)(0:1-1)(0:1)(1:5)(1:1)");
  CHECK(times(result, 0) == Times{1, 2, 3, 4});
  CHECK(times(result, 1) == Times{1, 2, 5, 6});
  CHECK(result.requests[0].computed == 6);
  CHECK(result.requests[1].computed == 10);
  CHECK(result.requests[1].preemptions == 1);
  CHECK(result.requests[1].first_scheduled_ps == 0);
}

TEST_CASE("8.3 G5: nothing is admitted in a step that preempts") {
  Config config = small_config(100, 4, 6);
  config.max_num_seqs = 2;
  const Result result =
      simulate(config, {request_at(0, 8, 2), request_at(0, 16, 2), request_at(0, 4, 2)}, unit_step);
  CHECK(trace(result) == "(0:8,1:16)(0:1-1)(1:17,2:4)(2:1)");
  CHECK(times(result, 0) == Times{1, 2});
  CHECK(times(result, 1) == Times{1, 3});
  CHECK(times(result, 2) == Times{3, 4});
}

TEST_CASE("8.3 G6: a victim already scheduled gives its token back") {
  Config config = small_config(100, 2, 5);
  config.priority_policy = true;
  const Result result =
      simulate(config, {request_at(0, 3, 4, 5), request_at(kUnit / 2, 3, 4, 0)}, unit_step);
  CHECK(trace(result) == "(0:3)(0:1,1:3)(0:1,1:1)(1:1-0)(1:1)(0:6)");
  CHECK(times(result, 0) == Times{1, 2, 3, 6});
  CHECK(times(result, 1) == Times{2, 3, 4, 5});
  CHECK(result.requests[0].computed == 3 + 1 + 1 + 6);  // the token given back does not count
}

TEST_CASE("8.3 G7: long prefill threshold") {
  Config config = small_config(8, 16, 1000);
  config.long_prefill_token_threshold = 3;
  const Result result = simulate(config, {request_at(0, 7, 2), request_at(0, 4, 2)}, unit_step);
  CHECK(trace(result) == "(0:3,1:3)(0:3,1:1)(0:1,1:1)(0:1)");
  CHECK(times(result, 0) == Times{3, 4});
  CHECK(times(result, 1) == Times{2, 3});
}

TEST_CASE("8.3 G8: without the full-sequence gate a chunk is computed in vain") {
  Config config = small_config(8, 1, 10);
  config.long_prefill_token_threshold = 4;
  config.reserve_full_isl = false;
  const Result result = simulate(config, {request_at(0, 8, 2), request_at(0, 8, 2)}, unit_step);
  CHECK(trace(result) == "(0:4,1:4)(0:4-1)(0:1)(1:4)(1:4)(1:1)");
  CHECK(result.requests[1].computed == 13);
  CHECK(times(result, 0) == Times{2, 3});
  CHECK(times(result, 1) == Times{5, 6});
}

TEST_CASE("8.3 G9: the full-sequence gate holds the request back") {
  Config config = small_config(8, 1, 10);
  config.long_prefill_token_threshold = 4;
  const Result result = simulate(config, {request_at(0, 8, 2), request_at(0, 8, 2)}, unit_step);
  CHECK(trace(result) == "(0:4)(0:4)(0:1)(1:4)(1:4)(1:1)");
  CHECK(result.requests[1].computed == 9);
  CHECK(result.requests[1].preemptions == 0);
  CHECK(times(result, 0) == Times{2, 3});
  CHECK(times(result, 1) == Times{5, 6});
}

TEST_CASE("8.3 G10: a request that can never fit is rejected, and blocks nobody") {
  for (const bool gate : {false, true}) {
    Config config = small_config(8, 2, 5);
    config.reserve_full_isl = gate;
    config.max_model_len = 13;
    const Result result = simulate(config,
                                   {request_at(0, 11, 1),  // 11 positions, the pool holds 10
                                    request_at(0, 10, 1),  // 10 positions
                                    request_at(0, 8, 4),   // 8 + 4 - 1 = 11 positions
                                    request_at(0, 13, 1),  // not below max_model_len
                                    request_at(0, 8, 0),   // nothing to do
                                    request_at(0, 3, 1)},
                                   unit_step);
    CHECK(result.requests[0].reject == Reject::kNeverFits);
    CHECK(result.requests[1].reject == Reject::kNone);
    CHECK(result.requests[2].reject == Reject::kNeverFits);
    CHECK(result.requests[3].reject == Reject::kExceedsMaxLen);
    CHECK(result.requests[4].reject == Reject::kEmpty);
    CHECK(times(result, 1) == Times{2});
    CHECK(result.requests[5].token_ps.size() == 1);
    CHECK(result.requests[0].first_scheduled_ps == -1);
  }
}

TEST_CASE("1.6.5 A1: async scheduling admits an arrival one step later") {
  Config config = small_config(8, 16, 1000);
  const std::vector<Request> requests = {request_at(0, 5, 3), request_at(kUnit / 2, 2, 2)};
  const Result sync = simulate(config, requests, unit_step);
  CHECK(times(sync, 0) == Times{1, 2, 3});
  CHECK(times(sync, 1) == Times{2, 3});
  config.async_scheduling = true;
  const Result async = simulate(config, requests, unit_step);
  CHECK(trace(async) == "(0:5)(0:1)(0:1,1:2)(1:1)");
  CHECK(times(async, 0) == Times{1, 2, 3});
  CHECK(times(async, 1) == Times{3, 4});
  CHECK(async.requests[1].first_scheduled_ps == kUnit);  // schedule(3) runs as step 2 starts
}

TEST_CASE("1.6: a token in flight of a preempted request is accepted (G2, async)") {
  Config config = small_config(100, 2, 5);
  config.async_scheduling = true;
  const Result result = simulate(config, {request_at(0, 3, 4), request_at(0, 3, 4)}, unit_step);
  CHECK(trace(result) == "(0:3,1:3)(0:1,1:1)(0:1-1)(0:1)(1:5)(1:1)");
  CHECK(times(result, 0) == Times{1, 2, 3, 4});
  CHECK(times(result, 1) == Times{1, 2, 5, 6});
  CHECK(result.requests[1].computed == 10);
}

TEST_CASE("1.6: a preempted request whose last token is in flight finishes while it waits") {
  Config config = small_config(100, 2, 4);
  config.async_scheduling = true;
  const Result result = simulate(config, {request_at(0, 3, 4), request_at(0, 3, 2)}, unit_step);
  CHECK(trace(result) == "(0:3,1:3)(0:1,1:1)(0:1-1)(0:1)");
  CHECK(times(result, 1) == Times{1, 2});
  CHECK(result.requests[1].preemptions == 1);
  CHECK(result.requests[1].computed == 4);
  CHECK(result.requests[1].finish_ps == 2 * kUnit);
}

TEST_CASE("1.3.4.5: without chunked prefill the head of the queue waits for room in the budget") {
  Config config = small_config(8, 16, 1000);
  config.chunked_prefill = false;
  const Result result =
      simulate(config, {request_at(0, 5, 2), request_at(0, 5, 1), request_at(0, 2, 1)}, unit_step);
  CHECK(trace(result) == "(0:5)(0:1,1:5,2:2)");
}

TEST_CASE("1.3.5: the watermark holds only while something runs") {
  Config config = small_config(100, 1, 9);  // num_blocks = 10
  const std::vector<Request> requests = {request_at(0, 4, 2), request_at(0, 4, 1)};
  config.watermark = 0.19;  // int(1.9) = 1 block: 4 + 1 <= 5 free
  CHECK(trace(simulate(config, requests, unit_step)) == "(0:4,1:4)(0:1)");
  config.watermark = 0.25;  // int(2.5) = 2 blocks: 4 + 2 > 5 free
  CHECK(trace(simulate(config, requests, unit_step)) == "(0:4)(0:1)(1:4)");
  config.watermark = 1.0;  // the whole pool: one request at a time
  CHECK(trace(simulate(config, requests, unit_step)) == "(0:4)(0:1)(1:4)");
}

TEST_CASE("1.5.3: the output is cut at max_model_len") {
  for (const bool async : {false, true}) {
    Config config = small_config(100, 1, 9);
    config.max_model_len = 8;
    config.async_scheduling = async;
    const Result result = simulate(config, {request_at(0, 5, 10)}, unit_step);
    CHECK(trace(result) == "(0:5)(0:1)(0:1)");
    CHECK(times(result, 0) == Times{1, 2, 3});
  }
}

TEST_CASE("8.2-9: arrivals at a step's end are seen by the schedule() of that instant") {
  const Result result =
      simulate(small_config(100, 16, 100),
               {request_at(kUnit, 4, 1), request_at(2 * kUnit, 4, 1), request_at(2 * kUnit, 4, 1)},
               unit_step);
  CHECK(trace(result) == "(0:4)(1:4,2:4)");
  CHECK(times(result, 2) == Times{3});
}

TEST_CASE("1.5.7: a livelock is reported") {
  Config config = small_config(4, 16, 100);
  config.chunked_prefill = false;  // invalid with M < max_model_len: the prompt is never admitted
  CHECK_THROWS_AS(simulate(config, {request_at(0, 5, 1)}, unit_step), std::logic_error);
}

// T(n, context) summed over the rows of a step, plus a constant.
std::int64_t row_time(std::int64_t n, std::int64_t context) { return 7 * n + 3 * context; }

std::int64_t affine_step(const Step& step) {
  std::int64_t time = 1000;
  for (const ScheduledRequest& entry : step.scheduled) {
    time += row_time(entry.n, entry.context);
  }
  return time;
}

TEST_CASE("8.1: single request, closed form") {
  for (const bool async : {false, true}) {
    for (const std::int64_t prompt : {1, 7, 8, 9, 37, 64}) {
      for (const std::int64_t output : {1, 2, 6}) {
        Config config = small_config(8, 4, 1000);
        config.async_scheduling = async;
        const Result result = simulate(config, {request_at(50, prompt, output)}, affine_step);
        const std::int64_t chunks = (prompt + 7) / 8;
        std::int64_t expected = 50;
        for (std::int64_t i = 0; i < chunks; ++i) {
          expected += 1000 + row_time(std::min<std::int64_t>(8, prompt - 8 * i), 8 * i);
        }
        const Outcome& outcome = result.requests[0];
        REQUIRE(outcome.token_ps.size() == static_cast<std::size_t>(output));
        CHECK(outcome.token_ps[0] == expected);
        for (std::int64_t j = 1; j < output; ++j) {
          expected += 1000 + row_time(1, prompt + j - 1);
        }
        CHECK(outcome.finish_ps == expected);
        CHECK(std::ssize(result.steps) == chunks + output - 1);
        CHECK(outcome.computed == prompt + output - 1);
        CHECK(result.steps.back().blocks_in_use == (prompt + output - 1 + 3) / 4);
      }
    }
  }
}

TEST_CASE("8.2-1: identical requests in one batch") {
  constexpr std::int64_t kCount = 6;
  constexpr std::int64_t kPrompt = 10;
  constexpr std::int64_t kOutput = 5;
  const auto time = [](std::int64_t tokens) { return 1000 + 7 * tokens; };
  for (const bool async : {false, true}) {
    Config config = small_config(kCount * kPrompt, 16, 1000);
    config.async_scheduling = async;
    const Result result =
        simulate(config, std::vector<Request>(kCount, request_at(0, kPrompt, kOutput)),
                 [&](const Step& step) {
                   std::int64_t tokens = 0;
                   for (const ScheduledRequest& entry : step.scheduled) {
                     tokens += entry.n;
                   }
                   return time(tokens);
                 });
    for (const Outcome& outcome : result.requests) {
      CHECK(outcome.token_ps.front() == time(kCount * kPrompt));
      CHECK(outcome.finish_ps == time(kCount * kPrompt) + (kOutput - 1) * time(kCount));
    }
  }
}

TEST_CASE("8.2-4: infinite server, G c <= E2E < (G + 1) c for every request") {
  constexpr std::int64_t kStep = 1000;
  constexpr std::int64_t kOutput = 5;
  constexpr std::int64_t kCount = 4000;
  std::mt19937_64 random(1);
  std::vector<Request> requests;
  std::int64_t arrival = 0;
  for (std::int64_t i = 0; i < kCount; ++i) {
    requests.push_back(request_at(arrival, 1 + static_cast<std::int64_t>(random() % 20), kOutput));
    arrival += static_cast<std::int64_t>(random() % 1000);  // always busy
  }
  const Result result =
      simulate(small_config(1 << 20, 16, 1 << 20), requests, [](const Step&) { return kStep; });
  std::int64_t sum = 0;
  std::int64_t outside = 0;
  for (std::size_t r = 0; r < requests.size(); ++r) {
    const std::int64_t latency = result.requests[r].finish_ps - requests[r].arrival_ps;
    outside += kOutput * kStep <= latency && latency < (kOutput + 1) * kStep ? 0 : 1;
    sum += latency;
  }
  CHECK(outside == 0);
  const double mean = static_cast<double>(sum) / static_cast<double>(kCount);
  CHECK(mean == doctest::Approx((kOutput + 0.5) * kStep).epsilon(0.005));
}

TEST_CASE("8.2-14: sync and async periods, same number of steps for a length stop") {
  constexpr std::int64_t kPrompt = 20;
  constexpr std::int64_t kOutput = 6;
  constexpr std::int64_t kSteps = 3 + kOutput - 1;
  for (const std::int64_t gpu : {500, 1500}) {
    const std::int64_t cpu = 900;
    Config config = small_config(8, 16, 1000);
    const std::vector<Request> requests = {request_at(0, kPrompt, kOutput)};
    const Result sync = simulate(config, requests, [&](const Step&) { return gpu + cpu; });
    config.async_scheduling = true;
    const Result async =
        simulate(config, requests, [&](const Step&) { return std::max(gpu, cpu); });
    CHECK(std::ssize(sync.steps) == kSteps);
    CHECK(std::ssize(async.steps) == kSteps);
    CHECK(sync.requests[0].finish_ps == kSteps * (gpu + cpu));
    CHECK(async.requests[0].finish_ps == kSteps * std::max(gpu, cpu));
  }
}

}  // namespace
}  // namespace penstock::oracle
