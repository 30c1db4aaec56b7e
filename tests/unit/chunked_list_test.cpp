#include "sim/core/chunked_list.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <utility>

namespace penstock {

namespace {

struct Row {
  std::uint64_t id = 7;
  std::array<std::uint64_t, 7> rest{};
};

}  // namespace

TEST_CASE("a chunked list keeps its elements in place across pieces") {
  ChunkedList<Row> list;
  CHECK(list.empty());
  CHECK(list.begin() == list.end());
  constexpr std::size_t count = 3 * 32'768 + 5;  // 2 MiB are 32,768 rows
  const Row* const first = &list.emplace_back();
  CHECK(first->id == 7);
  CHECK(first->rest == std::array<std::uint64_t, 7>{});
  for (std::size_t i = 1; i < count; ++i) {
    list.emplace_back().id = i;
  }
  list[0].id = 0;
  CHECK(list.size() == count);
  CHECK(&list.front() == first);
  CHECK(list.back().id == count - 1);
  std::uint64_t next = 0;
  for (const Row& row : std::as_const(list)) {
    REQUIRE(row.id == next);
    ++next;
  }
  CHECK(next == count);

  ChunkedList<Row> moved = std::move(list);
  CHECK(&moved.front() == first);
  CHECK(moved[40'000].id == 40'000);
  moved.clear();
  CHECK(moved.empty());
  moved.emplace_back();
  CHECK(moved.size() == 1);
}

}  // namespace penstock
