#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "sim/scenario.h"

namespace penstock {

/// Picks a replica for an arriving request.
class Router {
 public:
  virtual ~Router() = default;
  /// `outstanding`: requests sent to each replica and not finished, as the router itself counts
  /// them (scheduler-semantics 5.1: router-local, exact). Returns an index into it.
  virtual std::size_t route(std::span<const std::int64_t> outstanding) = 0;
};

std::unique_ptr<Router> make_round_robin(std::uint64_t seed);
std::unique_ptr<Router> make_random(std::uint64_t seed);
std::unique_ptr<Router> make_least_outstanding(std::uint64_t seed);
std::unique_ptr<Router> make_power_of_two(std::uint64_t seed);

struct RouterEntry {
  RouterKind kind;
  std::string_view name;
  std::string_view description;
  std::unique_ptr<Router> (*make)(std::uint64_t seed);
};

/// The complete list. A new router is one file and one row.
inline constexpr std::array routers{
    RouterEntry{RouterKind::round_robin, "round_robin", "each replica in turn", make_round_robin},
    RouterEntry{RouterKind::random, "random", "uniformly at random", make_random},
    RouterEntry{RouterKind::least_outstanding, "least_outstanding",
                "fewest unfinished requests; ties to the lowest index", make_least_outstanding},
    RouterEntry{RouterKind::power_of_two, "power_of_two",
                "the less loaded of two replicas drawn at random; ties to the first drawn",
                make_power_of_two},
};

inline std::unique_ptr<Router> make_router(RouterKind kind, std::uint64_t seed) {
  for (const RouterEntry& entry : routers) {
    if (entry.kind == kind) {
      return entry.make(seed);
    }
  }
  return nullptr;
}

}  // namespace penstock
