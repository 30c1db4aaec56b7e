#include "sim/kv/radix_cache.h"

#include <doctest/doctest.h>

namespace penstock {
namespace {

/// Serves a prompt alone in a pool: looks up, computes, finishes. Returns the pages hit.
std::int64_t serve(RadixCache& cache, std::int64_t& free, const Content& content,
                   std::int64_t tokens, std::int64_t page) {
  cache.trim(free);
  const std::uint32_t holding = cache.open(content);
  const PrefixCache::Hit hit = cache.lookup(holding, tokens - 1);
  cache.lock(holding);
  const std::int64_t pages = (tokens + page - 1) / page;
  free -= hit.free + pages - hit.blocks;
  REQUIRE(free >= 0);
  cache.trim(free);
  free += cache.store(holding, tokens);
  free += cache.finish(holding, pages, tokens);
  cache.close(holding);
  REQUIRE(cache.consistent());
  REQUIRE(cache.evictable() <= free);
  return hit.blocks;
}

}  // namespace

TEST_CASE("2.5.5: a prompt hits what came before it, token by token") {
  RadixCache cache(1);
  std::int64_t free = 100;
  CHECK(serve(cache, free, {{1, 0, 10}}, 10, 1) == 0);
  CHECK(serve(cache, free, {{1, 0, 10}}, 10, 1) == 9);  // the last one is computed
  CHECK(serve(cache, free, {{1, 0, 6}, {2, 0, 9}}, 15, 1) == 6);
  CHECK(serve(cache, free, {{1, 0, 3}, {1, 3, 3}, {2, 0, 9}}, 15, 1) == 14);
  CHECK(serve(cache, free, {{1, 1, 9}}, 9, 1) == 0);
  CHECK(cache.match({{1, 0, 6}, {2, 0, 4}, {3, 0, 9}}, 19) == 10);
  CHECK(free == 100);
  CHECK(cache.evictable() == 10 + 9 + 9);
}

TEST_CASE("2.5.5: pages are hit whole") {
  RadixCache cache(4);
  std::int64_t free = 100;
  CHECK(serve(cache, free, {{1, 0, 11}}, 11, 4) == 0);
  CHECK(cache.evictable() == 2);
  CHECK(cache.match({{1, 0, 7}, {2, 0, 9}}, 16) == 1);
  CHECK(serve(cache, free, {{1, 0, 8}}, 8, 4) == 1);  // of two, for a token must be left
  CHECK(serve(cache, free, {{1, 0, 3}, {2, 3, 20}}, 23, 4) == 0);
  CHECK(cache.evictable() == 2 + 5);
}

TEST_CASE("2.5.5: the leaf used longest ago goes first, whole, and what is used stays") {
  RadixCache cache(1);
  std::int64_t free = 30;
  serve(cache, free, {{1, 0, 4}, {2, 0, 6}}, 10, 1);
  serve(cache, free, {{1, 0, 4}, {3, 0, 6}}, 10, 1);
  serve(cache, free, {{4, 0, 10}}, 10, 1);
  CHECK(cache.evictable() == 26);
  CHECK(cache.match({{1, 0, 4}, {2, 0, 6}}, 10) == 10);
  cache.trim(25);
  CHECK(cache.evictable() == 20);
  CHECK(cache.match({{1, 0, 4}, {2, 0, 6}}, 10) == 4);
  CHECK(cache.match({{1, 0, 4}, {3, 0, 6}}, 10) == 10);
  const std::uint32_t holding = cache.open({{1, 0, 4}, {3, 0, 6}});
  CHECK(cache.lookup(holding, 4).free == 4);
  cache.lock(holding);
  cache.trim(0);
  CHECK(cache.evictable() == 0);
  CHECK(cache.match({{1, 0, 4}, {3, 0, 6}}, 10) == 4);
  CHECK(cache.drop(holding, 7) == 7);
  CHECK(cache.evictable() == 4);
  CHECK(cache.consistent());
}

TEST_CASE("2.5.5: who computed what another one had entered meanwhile gives its own pages back") {
  RadixCache cache(1);
  const std::uint32_t first = cache.open({{1, 0, 9}});
  const std::uint32_t second = cache.open({{1, 0, 9}});
  for (const std::uint32_t holding : {first, second}) {
    CHECK(cache.lookup(holding, 8).blocks == 0);
    cache.lock(holding);
  }
  CHECK(cache.store(first, 9) == 0);
  CHECK(cache.store(second, 9) == 9);
  CHECK(cache.finish(first, 12, 9) == 3);
  CHECK(cache.evictable() == 0);
  CHECK(cache.finish(second, 12, 9) == 12);
  CHECK(cache.evictable() == 9);
  CHECK(cache.consistent());
}

}  // namespace penstock
