#include "sim/kv/prefix_cache.h"

#include <doctest/doctest.h>

#include "sim/kv/block_pool.h"

namespace penstock {
namespace {

using Keys = std::vector<std::uint64_t>;

/// Admits a request as the scheduler does: looks up, touches, allocates, publishes. Returns hits.
std::int64_t admit(BlockPool& pool, std::uint32_t holding, std::int64_t blocks,
                   std::int64_t limit) {
  const PrefixCache::Hit hit = pool.cache()->lookup(holding, limit);
  pool.touch(holding, hit);
  REQUIRE(pool.allocate(blocks - hit.blocks));
  pool.cache()->publish(holding, blocks);
  REQUIRE(pool.cache()->consistent(pool.free()));
  return hit.blocks;
}

void leave(BlockPool& pool, std::uint32_t holding, std::int64_t blocks, bool returns = false) {
  pool.release(holding, blocks, blocks, returns);
  if (!returns) {
    pool.cache()->close(holding);
  }
  REQUIRE(pool.cache()->consistent(pool.free()));
}

}  // namespace

TEST_CASE("1.4.3: keys are equal for equal prefixes of tokens, however they are given") {
  const Keys whole = block_keys({{7, 0, 12}}, 99, 4);
  CHECK(whole.size() == 3);
  CHECK(block_keys({{7, 0, 5}, {7, 5, 7}}, 99, 4) == whole);
  CHECK(block_keys({{7, 0, 11}}, 99, 4) == Keys{whole[0], whole[1]});
  CHECK(block_keys({{7, 0, 12}}, 11, 4) == Keys{whole[0], whole[1]});
  CHECK(block_keys({}, 99, 4).empty());
  const Keys forked = block_keys({{7, 0, 6}, {8, 6, 6}}, 99, 4);
  CHECK(forked[0] == whole[0]);
  CHECK(forked[1] != whole[1]);
  CHECK(forked[2] != whole[2]);
  // The same tokens behind another beginning are another block.
  CHECK(block_keys({{9, 0, 4}, {7, 4, 8}}, 99, 4)[1] != whole[1]);
  // Where a span begins within a block matters.
  CHECK(block_keys({{7, 0, 3}, {8, 0, 1}}, 99, 4) != block_keys({{7, 0, 2}, {8, 0, 2}}, 99, 4));
}

TEST_CASE("1.4.2: blocks are freed tail first and handed out from the head of the queue") {
  BlockPool pool(6, true);
  PrefixCache& cache = *pool.cache();
  const std::uint32_t first = cache.open(block_keys({{1, 0, 4}}, 99, 1));
  CHECK(admit(pool, first, 4, 4) == 0);
  leave(pool, first, 4);
  CHECK(pool.free() == 6);
  // Two empty blocks go first, then the fourth block of the sequence.
  CHECK(pool.allocate(3));
  const std::uint32_t second = cache.open(block_keys({{1, 0, 4}}, 99, 1));
  CHECK(cache.lookup(second, 4).blocks == 3);
  CHECK(cache.lookup(second, 2).blocks == 2);
  CHECK(admit(pool, second, 3, 3) == 3);
  CHECK(pool.free() == 0);
  const std::uint32_t third = cache.open(block_keys({{1, 0, 4}}, 99, 1));
  CHECK(cache.lookup(third, 4).blocks == 3);
  CHECK(cache.lookup(third, 4).free == 0);
}

TEST_CASE("1.4.3: copies of a block are kept, the oldest is returned") {
  BlockPool pool(4, true);
  PrefixCache& cache = *pool.cache();
  const std::uint32_t a = cache.open(block_keys({{1, 0, 2}}, 99, 1));
  const std::uint32_t b = cache.open(block_keys({{1, 0, 2}}, 99, 1));
  CHECK(admit(pool, a, 2, 1) == 0);
  CHECK(admit(pool, b, 2, 1) == 1);  // its last token is always computed: a second copy
  CHECK(pool.free() == 1);
  leave(pool, a, 2);
  CHECK(pool.free() == 2);
  const std::uint32_t c = cache.open(block_keys({{1, 0, 2}}, 99, 1));
  CHECK(cache.lookup(c, 2).blocks == 2);
  CHECK(cache.lookup(c, 2).free == 1);  // the older copy of block 1, which nobody holds
  CHECK(pool.allocate(2));              // ... until it is overwritten
  CHECK(cache.lookup(c, 2).free == 0);
  leave(pool, b, 2);
}

TEST_CASE("a preempted request finds what is left of its own blocks") {
  BlockPool pool(8, true);
  PrefixCache& cache = *pool.cache();
  const std::uint32_t own = cache.open({});
  CHECK(admit(pool, own, 5, 9) == 0);
  leave(pool, own, 5, true);
  CHECK(cache.lookup(own, 9).blocks == 5);
  CHECK(pool.allocate(3 + 2));  // the empty ones, then its last two
  CHECK(cache.lookup(own, 9).blocks == 3);
  CHECK(cache.lookup(own, 9).free == 3);
  CHECK(admit(pool, own, 3, 2) == 2);
  leave(pool, own, 3);
  CHECK(pool.free() == 3);
}

}  // namespace penstock
