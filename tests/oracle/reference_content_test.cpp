// Prefix caching of the reference on random loads with content: the invariants of spec 7.2 that
// are about the cache, and the comparison that the engine is to pass.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <tuple>
#include <vector>

#include "tests/oracle/comparison.h"
#include "tests/oracle/reference.h"
#include "tests/support/random_load.h"

namespace penstock::oracle {
namespace {

using probe::RandomLoad;

// What the token at a position is: (stream or request, position there, is it the request's own?).
std::tuple<std::uint64_t, std::int64_t, bool> token(const RandomLoad& load, std::size_t request,
                                                    std::int64_t position) {
  std::int64_t rest = position;
  for (const ContentSpan& span : load.requests[request].content) {
    if (rest < span.tokens) {
      return {span.stream, span.first + rest, false};
    }
    rest -= span.tokens;
  }
  return {request, position, true};
}

// Tokens of a request whose ids are known when schedule() runs at `now`.
std::int64_t known_tokens(const RandomLoad& load, const Result& result, std::size_t r,
                          std::int64_t now) {
  const std::vector<std::int64_t>& emitted = result.requests[r].token_ps;
  return load.requests[r].input_tokens +
         (std::upper_bound(emitted.begin(), emitted.end(), now) - emitted.begin());
}

// The longest hit that `request` could get at `now` if no block were ever evicted: whole blocks at
// the beginning of some request's tokens, scheduled (`furthest`) and known, that are its own too.
std::int64_t longest_hit(const RandomLoad& load, const Result& result, std::size_t request,
                         std::int64_t now, const std::vector<std::int64_t>& furthest) {
  const std::int64_t block = load.limits.block_size;
  const std::int64_t limit = (known_tokens(load, result, request, now) - 1) / block * block;
  std::int64_t longest = 0;
  for (std::size_t q = 0; q < furthest.size(); ++q) {
    const std::int64_t there =
        std::min({limit, furthest[q], known_tokens(load, result, q, now)}) / block * block;
    std::int64_t common = 0;
    while (common < there && token(load, q, common) == token(load, request, common)) {
      ++common;
    }
    longest = std::max(longest, common / block * block);
  }
  return longest;
}

// 7.2-24, and with a pool from which nothing is evicted the first half of 7.2-26: the hit is then
// the longest.
void check_hits(const RandomLoad& load, const Result& result, bool ample) {
  std::vector<std::int64_t> furthest(load.requests.size());
  std::vector<std::int64_t> computed(load.requests.size());
  for (const Step& step : result.steps) {
    for (const ScheduledRequest& entry : step.scheduled) {
      const std::size_t r = entry.request;
      if (entry.context != computed[r] || entry.context == 0) {  // an admission
        const std::int64_t longest = longest_hit(load, result, r, step.schedule_ps, furthest);
        REQUIRE(entry.context % load.limits.block_size == 0);
        REQUIRE(entry.context <= longest);
        // Asynchronously a block may be registered a schedule later than its tokens are known.
        const std::int64_t late = load.limits.async ? load.limits.block_size : 0;
        REQUIRE((!ample || entry.context >= longest - late));
      }
      computed[r] = entry.context + entry.n;
      furthest[r] = std::max(furthest[r], computed[r]);
    }
  }
}

// 7.2-3. A request whose last token returns after its preemption has everything discarded.
void check_work(const RandomLoad& load, const Result& result) {
  for (std::size_t r = 0; r < load.requests.size(); ++r) {
    const Outcome& outcome = result.requests[r];
    if (outcome.reject != Reject::kNone) {
      continue;
    }
    const std::int64_t positions = load.requests[r].input_tokens + std::ssize(outcome.token_ps) - 1;
    const std::int64_t kept = outcome.computed + outcome.hit_tokens - outcome.discarded;
    REQUIRE((kept == positions || (load.limits.async && outcome.preemptions > 0 && kept == 0)));
    REQUIRE(outcome.cached_tokens <= outcome.hit_tokens);
    REQUIRE(outcome.cached_tokens % load.limits.block_size == 0);
    REQUIRE(outcome.cached_tokens < load.requests[r].input_tokens);
  }
}

std::int64_t total(const Result& result, std::int64_t Outcome::*field) {
  std::int64_t sum = 0;
  for (const Outcome& outcome : result.requests) {
    sum += outcome.*field;
  }
  return sum;
}

TEST_CASE("7.2-3, 7.2-24: hits are prefixes that were scheduled before, on random loads") {
  int hits = 0;
  int resumed = 0;
  int evicted = 0;
  int storms = 0;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    RandomLoad load = probe::random_content_load(seed);
    CAPTURE(load.describe());
    const Result result = run_reference(load);
    check_work(load, result);
    const std::int64_t preemptions = total(result, &Outcome::preemptions);
    // Blocks registered for a victim that is taken out of the step again are hit without having
    // been scheduled; the steps do not show them.
    if (!load.limits.priority || preemptions == 0) {
      check_hits(load, result, load.limits.usable_blocks * load.limits.block_size >= 10'000);
    }
    const std::int64_t found = total(result, &Outcome::hit_tokens);
    hits += found > 0 ? 1 : 0;
    resumed += found > total(result, &Outcome::cached_tokens) ? 1 : 0;
    storms += preemptions > 3 ? 1 : 0;
    load.limits.usable_blocks = 10'000;
    evicted += found < total(run_reference(load), &Outcome::hit_tokens) ? 1 : 0;
  }
  CHECK(hits > 1000);  // the loads do hit the hard cases
  CHECK(resumed > 300);
  CHECK(evicted > 300);
  CHECK(storms > 150);
}

TEST_CASE("7.2-25: caching changes nothing where nothing is shared and nobody is preempted") {
  int compared = 0;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    RandomLoad load = probe::random_load(seed);
    CAPTURE(load.describe());
    const Result without = run_reference(load);
    REQUIRE(total(without, &Outcome::hit_tokens) == 0);
    load.limits.prefix_caching = true;
    if (total(without, &Outcome::preemptions) == 0) {
      const std::string wrong = difference(observe(without), observe(run_reference(load)));
      REQUIRE_MESSAGE(wrong.empty(), wrong);
      ++compared;
    }
    load = probe::random_content_load(seed);
    load.limits.prefix_caching = false;
    const Result unused = run_reference(load);
    for (penstock::Request& request : load.requests) {
      request.content.clear();
    }
    const std::string wrong = difference(observe(unused), observe(run_reference(load)));
    REQUIRE_MESSAGE(wrong.empty(), wrong);
  }
  CHECK(compared > 1000);
}

TEST_CASE("7.2-26: hits of requests that come one by one grow with the pool") {
  int grown = 0;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    RandomLoad load = probe::random_content_load(seed);
    load.step = {1000, 0, 0};
    std::int64_t blocks = 1;
    for (std::size_t r = 0; r < load.requests.size(); ++r) {
      penstock::Request& request = load.requests[r];
      request.arrival = SimTime{static_cast<std::int64_t>(r) * 1'000'000};
      const std::int64_t positions = request.input_tokens + request.output_tokens - 1;
      blocks = std::max(blocks, (positions + load.limits.block_size - 1) / load.limits.block_size);
    }
    CAPTURE(load.describe());
    std::vector<std::int64_t> hits;
    for (const std::int64_t more : {0, 1, 2, 3, 5, 8, 13, 21, 34, 10'000}) {
      load.limits.usable_blocks = blocks + more;
      const Result result = run_reference(load);
      check_hits(load, result, more == 10'000);
      hits.push_back(total(result, &Outcome::hit_tokens));
    }
    REQUIRE(std::is_sorted(hits.begin(), hits.end()));
    grown += hits.front() < hits.back() ? 1 : 0;
  }
  CHECK(grown > 200);
}

TEST_CASE("the comparison of engine and reference sees every difference") {
  RandomLoad load = probe::random_content_load(1);
  const Observation want = observe(run_reference(load));
  REQUIRE(want.requests.size() > 1);
  REQUIRE(!want.requests[1].rejected);
  CHECK(difference(want, want).empty());
  const auto changed = [&](const std::function<void(Observation&)>& change) {
    Observation got = want;
    change(got);
    return difference(want, got);
  };
  const auto request = [&](const std::function<void(Observation::Of&)>& change) {
    return changed([&](Observation& all) { change(all.requests[1]); });
  };
  CHECK(request([](auto& r) { r.rejected = true; }) == "request 1: rejected 1, want 0");
  CHECK(request([](auto& r) { r.token_ps[0] += 1; }).find("request 1: token 1 at ") == 0);
  CHECK(request([](auto& r) { r.token_ps.push_back(0); }).find("number of tokens") == 11);
  CHECK(request([](auto& r) { r.first_scheduled_ps -= 1; }).find("first_scheduled") == 11);
  CHECK(request([](auto& r) { r.first_token_ps -= 1; }).find("first_token") == 11);
  CHECK(request([](auto& r) { r.finish_ps -= 1; }).find("finish") == 11);
  CHECK(request([](auto& r) { r.preemptions += 1; }).find("preemptions") == 11);
  CHECK(request([](auto& r) { r.cached_tokens += 1; }).find("cached_tokens") == 11);
  CHECK(changed([](auto& all) { all.requests.pop_back(); }).find("number of requests") == 0);
  CHECK(changed([](auto& all) { all.computed_tokens += 1; }).find("computed tokens") == 0);
  CHECK(changed([](auto& all) { all.steps += 1; }).find("steps") == 0);
}

}  // namespace
}  // namespace penstock::oracle
