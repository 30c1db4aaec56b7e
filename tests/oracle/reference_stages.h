#pragma once

// When batches come out of a pipeline of equal stages: each takes its turn in each stage, as soon
// as it has left the one before and the batch before it has left this one.
#include <algorithm>
#include <cstdint>
#include <vector>

namespace penstock::oracle {

class Stages {
 public:
  explicit Stages(std::int64_t count) : free_ps_(static_cast<std::size_t>(count), 0) {}

  // A batch that enters at `now` and needs `work_ps` in all stages together: when it comes out.
  std::int64_t pass(std::int64_t now, std::int64_t work_ps) {
    const auto count = static_cast<std::int64_t>(free_ps_.size());
    std::int64_t done_ps = 0;
    for (std::int64_t stage = 1; stage <= count; ++stage) {
      std::int64_t& free_ps = free_ps_[static_cast<std::size_t>(stage - 1)];
      now = std::max(now, free_ps) + work_ps * stage / count - done_ps;
      free_ps = now;
      done_ps = work_ps * stage / count;  // whole picoseconds
    }
    return now;
  }

 private:
  std::vector<std::int64_t> free_ps_;
};

}  // namespace penstock::oracle
