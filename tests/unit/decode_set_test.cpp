// The decode set against plain sorted containers: joins, early leaves and finishes at random.

#include "sim/engine/decode_set.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "sim/core/rng.h"

namespace penstock {
namespace {

/// What DecodeSet says, counted member by member.
class PlainSet {
 public:
  explicit PlainSet(const SequenceTable& table) : table_(table) {}

  void join(Slot slot) { members_.push_back(slot); }
  void leave(Slot slot) { std::erase(members_, slot); }
  bool empty() const { return members_.empty(); }
  Slot any(std::uint64_t n) const { return members_[n % members_.size()]; }
  std::int64_t first_finish() const {
    std::int64_t first = INT64_MAX;
    for (const Slot slot : members_) {
      first = std::min(first, table_[slot].finish);
    }
    return first;
  }
  std::int64_t kv_max(std::int64_t step) const {
    std::int64_t longest = 0;
    for (const Slot slot : members_) {
      longest = std::max(longest, table_[slot].base + step);
    }
    return longest;
  }
  std::int64_t kv_sum(std::int64_t step) const {
    std::int64_t sum = 0;
    for (const Slot slot : members_) {
      sum += table_[slot].base + step;
    }
    return sum;
  }
  std::vector<Slot> take_finished(std::int64_t step) {
    std::vector<Slot> finished;
    for (const Slot slot : members_) {
      if (table_[slot].finish == step) {
        finished.push_back(slot);
      }
    }
    std::sort(finished.begin(), finished.end(),
              [&](Slot a, Slot b) { return table_[a].admission < table_[b].admission; });
    for (const Slot slot : finished) {
      leave(slot);
    }
    return finished;
  }

 private:
  const SequenceTable& table_;
  std::vector<Slot> members_;
};

struct Pair {
  explicit Pair(std::int64_t longest_output) : longest(longest_output) {}

  void join(Rng& rng, std::int64_t step) {
    const auto prompt = 1 + static_cast<std::int64_t>(rng.next() % 300);
    const auto output =
        2 + static_cast<std::int64_t>(rng.next() % static_cast<std::uint64_t>(longest));
    Arrival request;
    request.prompt = prompt;
    request.output = output;
    const Slot slot = table.add(request);
    Sequence& s = table[slot];
    s.base = s.prompt + 1 - step;
    s.finish = s.prompt + s.output - 1 - s.base;
    s.admission = next_admission++;
    running.push_back(slot);
    set.join(slot);
    plain.join(slot);
  }
  void leave(Slot slot) {
    set.leave(slot);
    plain.leave(slot);
    forget(slot);
  }

  void forget(Slot slot) {
    running.erase(slot);
    table.remove(slot);
  }

  std::int64_t longest;
  SequenceTable table;
  RunningList running{table};
  DecodeSet set{table, running, 16};
  PlainSet plain{table};
  std::uint32_t next_admission = 0;
};

TEST_CASE("the decode set says what its members say one by one") {
  for (const std::int64_t longest : {3, 60, 5'000, 300'000}) {
    CAPTURE(longest);
    Rng rng(7, "decode set");
    Pair sets(longest);
    std::int64_t step = 1;
    for (int event = 0; event < 4'000; ++event) {
      CAPTURE(event);
      const std::uint64_t what = rng.next() % 16;
      if (what < 8) {
        sets.join(rng, step);
      } else if (what == 8 && !sets.plain.empty()) {
        sets.leave(sets.plain.any(rng.next()));
      }
      if (sets.plain.empty()) {
        REQUIRE(sets.set.size() == 0);
        continue;
      }
      REQUIRE(sets.set.first_finish() == sets.plain.first_finish());
      REQUIRE(sets.set.kv_sum(step) == sets.plain.kv_sum(step));
      if (what % 2 == 0) {
        REQUIRE(sets.set.kv_max(step) == sets.plain.kv_max(step));
      }
      if (what > 11) {
        step = sets.plain.first_finish();
        std::vector<Slot> finished;
        sets.set.take_finished(step, finished);
        REQUIRE(finished == sets.plain.take_finished(step));
        for (const Slot slot : finished) {
          sets.forget(slot);
        }
        ++step;
      }
    }
  }
}

}  // namespace
TEST_CASE("2.5.3: the output yet to come is the sum over members, each clipped") {
  constexpr std::int64_t clip = 7;
  RemainingOutput remaining(clip);
  Rng rng(5, "remaining");
  std::vector<std::int64_t> finishes;
  for (std::int64_t step = 1; step <= 2000; ++step) {
    std::erase_if(finishes, [&](std::int64_t finish) {
      const bool leaves = finish < step || rng.below(40) == 0;
      if (leaves) {
        remaining.remove(finish);
      }
      return leaves;
    });
    for (std::uint64_t more = rng.below(3); more > 0; --more) {
      finishes.push_back(step + static_cast<std::int64_t>(rng.below(25)));
      remaining.add(finishes.back());
    }
    std::int64_t want = 0;
    for (const std::int64_t finish : finishes) {
      want += std::min(finish + 1 - step, clip);
    }
    if (step % 3 != 0) {
      REQUIRE(remaining.sum(step) == want);
    }
  }
}

}  // namespace penstock
