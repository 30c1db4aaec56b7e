#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace penstock::explore {

/// What a point costs and how slow it is; lower is better in both.
struct Tradeoff {
  double cost = 0;
  double latency = 0;
};

/// Numbers of the points that no other point beats: none is better in one and at least as good in
/// the other. Ascending; points without numbers are left out; equal points are all kept.
std::vector<std::size_t> pareto_front(std::span<const std::optional<Tradeoff>> points);

}  // namespace penstock::explore
