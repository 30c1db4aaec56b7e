#pragma once

#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>

#include <atomic>
#include <cstddef>
#include <utility>

namespace penstock::explore {

/// In which order the results of jobs are taken: by their number (the same whatever the number of
/// threads), or as they come.
enum class Order { by_number, as_they_come };

/// Does `work(i)` for i = 0 .. count - 1 on `threads` threads (>= 1), starting them in order, and
/// hands each result to `take(i, result)`, one at a time. When `take` returns false no further job
/// is started and, by number, nothing more is taken; results under way are dropped.
///
/// `work` must be safe to call from several threads. Exceptions of both come out of this call.
template <typename Work, typename Take>
void run_jobs(std::size_t count, int threads, Order order, const Work& work, const Take& take) {
  using Number = std::size_t;
  using Done = std::pair<Number, decltype(work(Number{}))>;
  namespace tbb = oneapi::tbb;
  Number next = 0;
  std::atomic<bool> stopped = false;
  const auto start = [&](tbb::flow_control& control) {
    if (stopped || next == count) {
      control.stop();
      return Number{0};
    }
    return next++;
  };
  const auto finish = [&](Done done) {
    if (!stopped && !take(done.first, std::move(done.second))) {
      stopped = true;
    }
  };
  // Twice as many jobs under way as threads: a long one does not hold up those behind it.
  tbb::task_arena arena(threads);
  arena.execute([&] {
    tbb::parallel_pipeline(
        static_cast<Number>(threads) * (order == Order::by_number ? 2 : 1),
        tbb::make_filter<void, Number>(tbb::filter_mode::serial_in_order, start) &
            tbb::make_filter<Number, Done>(tbb::filter_mode::parallel,
                                           [&](Number i) {
                                             return Done{i, work(i)};
                                           }) &
            tbb::make_filter<Done, void>(order == Order::by_number
                                             ? tbb::filter_mode::serial_in_order
                                             : tbb::filter_mode::serial_out_of_order,
                                         finish));
  });
}

}  // namespace penstock::explore
