// Prefix caching (spec 1.4): golden traces and closed forms, applied to the oracle itself.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/oracle/reference.h"
#include "tests/oracle/reference_blocks.h"
#include "tests/oracle/reference_traces.h"

namespace penstock::oracle {
namespace {

Config caching_config(std::int64_t max_tokens, std::int64_t block_size,
                      std::int64_t usable_blocks) {
  Config config = small_config(max_tokens, block_size, usable_blocks);
  config.enable_prefix_caching = true;
  return config;
}

// A stream from its start, longer than any request here.
Content stream(std::uint64_t id) { return {{id, 0, 1000}}; }

Times cached_tokens(const Result& result) {
  Times hits;
  for (const Outcome& outcome : result.requests) {
    hits.push_back(outcome.cached_tokens);
  }
  return hits;
}

TEST_CASE("1.4.3: blocks are the same if all tokens up to their end are") {
  Identities identities;
  const auto of = [&](std::size_t request, const Content& content) {
    return identities.of(request, content, 9, 3);
  };
  const std::vector<Identity> one = of(0, {{7, 0, 9}});
  CHECK(one.size() == 3);
  CHECK(of(1, {{7, 0, 100}}) == one);
  CHECK(of(2, {{7, 0, 4}, {7, 4, 5}}) == one);  // spans are no borders
  const std::vector<Identity> tail = of(3, {{7, 0, 5}});
  CHECK(tail[0] == one[0]);
  CHECK(tail[1] != one[1]);  // its last token is the request's own
  CHECK(of(4, {{7, 0, 5}})[1] != tail[1]);
  CHECK(of(3, {{7, 0, 5}}) == tail);
  const std::vector<Identity> late = of(5, {{8, 0, 1}, {7, 1, 8}});
  CHECK(late[0] != one[0]);
  CHECK(late[1] != one[1]);  // the same three tokens after another beginning
  CHECK(identities.of(6, {{7, 0, 9}}, 8, 3).size() == 2);
  CHECK(identities.of(6, {{7, 0, 9}}, 2, 3).empty());
}

TEST_CASE("1.4.2: the free queue: tail first, touched in the middle, evicted at the head") {
  BlockPool pool(4);
  std::vector<std::size_t> owned = {pool.allocate(), pool.allocate(), pool.allocate()};
  CHECK(owned == std::vector<std::size_t>{0, 1, 2});
  for (std::size_t i = 0; i < 3; ++i) {
    pool.cache(owned[i], 10 + static_cast<Identity>(i));
  }
  pool.touch(0);  // a second user
  pool.release(owned);
  CHECK(owned.empty());
  CHECK(pool.free_blocks() == 3);  // 3 2 1
  CHECK(pool.lookup({10, 11, 12}, 9) == std::vector<std::size_t>{0, 1, 2});
  CHECK(pool.lookup({10, 11, 12}, 2) == std::vector<std::size_t>{0, 1});
  CHECK(pool.lookup({11, 99, 12}, 9) == std::vector<std::size_t>{1});
  pool.touch(2);
  CHECK(pool.allocate() == 3);
  CHECK(pool.lookup({11}, 9).size() == 1);
  CHECK(pool.allocate() == 1);
  CHECK(pool.lookup({11}, 9).empty());
  CHECK(pool.free_blocks() == 0);
}

TEST_CASE("1.4.3: copies of a block are all kept, the first registered is hit") {
  BlockPool pool(3);
  std::vector<std::size_t> first = {pool.allocate()};
  std::vector<std::size_t> second = {pool.allocate()};
  pool.cache(second[0], 5);
  pool.cache(first[0], 5);
  CHECK(pool.lookup({5}, 1) == second);
  const std::size_t copy = first[0];
  pool.release(second);
  pool.release(first);
  CHECK(pool.allocate() == 2);
  CHECK(pool.allocate() == 1);  // the first registered is gone
  CHECK(pool.lookup({5}, 1) == std::vector<std::size_t>{copy});
}

TEST_CASE("8.3 G3: a preempted request finds its own blocks") {
  for (const bool async : {false, true}) {
    Config config = caching_config(100, 2, 5);
    config.async_scheduling = async;
    const Result result = simulate(config, {request_at(0, 3, 4), request_at(0, 3, 4)}, unit_step);
    CHECK(times(result, 0) == Times{1, 2, 3, 4});
    CHECK(times(result, 1) == Times{1, 2, 5, 6});
    // Asynchronously it is preempted while the step that fills its second block runs.
    CHECK(trace(result) == (async ? "(0:3,1:3)(0:1,1:1)(0:1-1)(0:1)(1:3)(1:1)"
                                  : "(0:3,1:3)(0:1,1:1)(0:1-1)(0:1)(1:1)(1:1)"));
    CHECK(result.requests[1].computed == (async ? 8 : 6));
    CHECK(result.requests[1].discarded == 4);
    CHECK(result.requests[1].hit_tokens == (async ? 2 : 4));
    CHECK(cached_tokens(result) == Times{0, 0});  // 1.4.5: of the first admission
  }
}

TEST_CASE("8.3 G4: blocks are shared within the step that computes them") {
  for (const bool async : {false, true}) {
    Config config = caching_config(100, 4, 100);
    config.async_scheduling = async;
    const Result result =
        simulate(config,
                 {request_at(0, 9, 2, 0, stream(1)), request_at(0, 9, 2, 0, stream(1)),
                  request_at(0, 8, 2, 0, stream(1))},
                 unit_step);
    CHECK(trace(result) == "(0:9,1:1,2:4)(0:1,1:1,2:1)");
    CHECK(cached_tokens(result) == Times{0, 8, 4});
    CHECK(result.steps[0].blocks_in_use == 5);  // 3, then 1 of its own each
  }
}

TEST_CASE("1.4.6: without prefix caching content means nothing") {
  const Result result = simulate(
      small_config(100, 4, 100),
      {request_at(0, 9, 2, 0, stream(1)), request_at(5 * kUnit, 9, 2, 0, stream(1))}, unit_step);
  CHECK(trace(result) == "(0:9)(0:1)(1:9)(1:1)");
  CHECK(cached_tokens(result) == Times{0, 0});
}

TEST_CASE("1.3.3: what was registered for a victim stays, even if it is not computed") {
  Config config = caching_config(100, 2, 7);
  config.long_prefill_token_threshold = 4;
  config.priority_policy = true;
  config.reserve_full_isl = false;
  const Result result =
      simulate(config, {request_at(0, 12, 1, 1), request_at(kUnit / 2, 2, 3, 0)}, unit_step);
  // The third step takes back positions 8 to 11 of request 0, after their blocks were registered.
  // Request 1 gets the last of them; the other one is hit.
  CHECK(trace(result) == "(0:4)(0:4,1:2)(1:1-0)(1:1)(0:2)");
  CHECK(result.requests[0].discarded == 8);
  CHECK(result.requests[0].hit_tokens == 10);
}

// T(n, context) summed over the rows of a step, plus a constant.
std::int64_t chunk_time(std::int64_t n, std::int64_t context) { return 1000 + 7 * n + 3 * context; }

TEST_CASE("8.1: the same prompt again when idle, closed form") {
  constexpr std::int64_t kLater = 1'000'000;
  for (const bool async : {false, true}) {
    for (const std::int64_t prompt : {1, 3, 4, 5, 8, 9, 37, 64}) {
      Config config = caching_config(8, 4, 1000);
      config.async_scheduling = async;
      const Result result = simulate(
          config,
          {request_at(0, prompt, 1, 0, stream(1)), request_at(kLater, prompt, 3, 0, stream(1))},
          [](const Step& step) {
            return chunk_time(step.scheduled[0].n, step.scheduled[0].context);
          });
      const std::int64_t hit = 4 * ((prompt - 1) / 4);
      CHECK(cached_tokens(result) == Times{0, hit});
      CHECK(result.requests[1].computed == prompt - hit + 2);
      CHECK(result.requests[1].token_ps ==
            Times{kLater + chunk_time(prompt - hit, hit),
                  kLater + chunk_time(prompt - hit, hit) + chunk_time(1, prompt),
                  kLater + chunk_time(prompt - hit, hit) + chunk_time(1, prompt) +
                      chunk_time(1, prompt + 1)});
    }
  }
}

TEST_CASE("8.2-16: cyclic reuse under tail-first release") {
  constexpr std::int64_t kBlock = 4;
  std::int64_t partial_hits = 0;
  for (std::int64_t prompts = 2; prompts <= 4; ++prompts) {
    for (std::int64_t blocks = 2; blocks <= 6; ++blocks) {
      for (std::int64_t usable = blocks + 1; usable <= prompts * blocks + 2; ++usable) {
        CAPTURE(prompts);
        CAPTURE(blocks);
        CAPTURE(usable);
        std::vector<Request> requests;
        for (std::int64_t i = 0; i < 12 * prompts; ++i) {
          requests.push_back(request_at(2 * i * kUnit, blocks * kBlock, 1, 0,
                                        stream(static_cast<std::uint64_t>(i % prompts))));
        }
        const Result result = simulate(caching_config(100, kBlock, usable), requests, unit_step);
        const std::int64_t expected = std::clamp<std::int64_t>(blocks - (prompts * blocks - usable),
                                                               0, (blocks * kBlock - 1) / kBlock);
        partial_hits += 0 < expected && expected < blocks - 1 ? 1 : 0;
        for (std::size_t i = requests.size() - static_cast<std::size_t>(2 * prompts);
             i < requests.size(); ++i) {
          CHECK(result.requests[i].cached_tokens == expected * kBlock);
        }
      }
    }
  }
  CHECK(partial_hits > 10);  // those that a prefix-first release would miss
}

TEST_CASE("1.3.5: a hit on a block in use is free, one on an unused block takes a free one") {
  // The first two share a block: 2 + 1 of 3 blocks. Without sharing the second would have to wait.
  const Result shared =
      simulate(caching_config(100, 4, 3),
               {request_at(0, 7, 2, 0, stream(1)), request_at(0, 5, 1, 0, stream(1))}, unit_step);
  CHECK(trace(shared) == "(0:7,1:1)(0:1)");
  // 0 leaves two cached blocks; 1 holds the other two until 5. The prompt of 2 needs both cached
  // ones and a third.
  const std::vector<Request> requests = {request_at(0, 8, 1, 0, stream(1)), request_at(0, 4, 5),
                                         request_at(2 * kUnit, 9, 1, 0, stream(1))};
  for (const bool gate : {false, true}) {
    Config config = caching_config(100, 4, 4);
    config.reserve_full_isl = gate;
    const Result result = simulate(config, requests, unit_step);
    CHECK(trace(result) == "(0:8,1:4)(1:1)(1:1)(1:1)(1:1)(2:1)");
    CHECK(cached_tokens(result) == Times{0, 0, 8});
    config.usable_blocks = 5;
    CHECK(trace(simulate(config, requests, unit_step)) == "(0:8,1:4)(1:1)(1:1,2:1)(1:1)(1:1)");
  }
}

TEST_CASE("1.4.4: a waiting request loses hits while it waits") {
  // 0 leaves three blocks (free queue then 3 2 1 0); 1 needs all of 3, 2, 1 while 2 waits for a
  // seat.
  Config config = caching_config(100, 2, 4);
  config.max_num_seqs = 1;
  const Result result = simulate(
      config,
      {request_at(0, 6, 1, 0, stream(1)), request_at(0, 6, 1), request_at(0, 7, 1, 0, stream(1))},
      unit_step);
  CHECK(trace(result) == "(0:6)(1:6)(2:5)");
  CHECK(cached_tokens(result) == Times{0, 0, 2});
}

TEST_CASE("1.4.3: generated tokens are hit too, once their ids are known") {
  // Request 0 computes positions 0-1, 2, 3 in steps 1 to 3, so its second block in step 3. Request
  // 1 continues it.
  const auto hit = [](bool async, std::int64_t output, std::int64_t arrival) {
    Config config = caching_config(100, 2, 100);
    config.async_scheduling = async;
    const Result result = simulate(
        config,
        {request_at(0, 2, output, 0, stream(1)), request_at(arrival * kUnit, 5, 1, 0, stream(1))},
        unit_step);
    CHECK(result.requests[1].first_scheduled_ps == arrival * kUnit);
    return result.requests[1].cached_tokens;
  };
  for (const std::int64_t output : {3, 4, 9}) {
    CAPTURE(output);
    CHECK(hit(false, output, 1) == 2);
    CHECK(hit(false, output, 2) == 4);  // step 3 is scheduled at 2, before request 1
    CHECK(hit(false, output, 20) == 4);
    // Step 3 is scheduled at 1, when the id of the token at position 3 is not known. It returns at
    // 2, and the next allocation registers the block; but with three tokens to generate request 0
    // is not scheduled at 2 any more (1.3.1.1), and registers it when it has finished.
    CHECK(hit(true, output, 1) == 2);
    CHECK(hit(true, output, 2) == (output == 3 ? 2 : 4));
    CHECK(hit(true, output, 20) == 4);
  }
}

}  // namespace
}  // namespace penstock::oracle
