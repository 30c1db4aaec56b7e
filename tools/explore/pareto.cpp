#include "tools/explore/pareto.h"

#include <algorithm>
#include <limits>

namespace penstock::explore {

std::vector<std::size_t> pareto_front(std::span<const std::optional<Tradeoff>> points) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i]) {
      order.push_back(i);
    }
  }
  // From cheap to dear: a point is beaten if something cheaper is at least as fast, or something as
  // cheap is faster.
  std::sort(order.begin(), order.end(), [&points](std::size_t a, std::size_t b) {
    const Tradeoff& x = *points[a];
    const Tradeoff& y = *points[b];
    return x.cost != y.cost         ? x.cost < y.cost
           : x.latency != y.latency ? x.latency < y.latency
                                    : a < b;
  });
  std::vector<std::size_t> front;
  const Tradeoff* last = nullptr;
  for (const std::size_t i : order) {
    const Tradeoff& point = *points[i];
    if (last == nullptr || point.latency < last->latency ||
        (point.latency == last->latency && point.cost == last->cost)) {
      front.push_back(i);
      last = &point;
    }
  }
  std::sort(front.begin(), front.end());
  return front;
}

}  // namespace penstock::explore
