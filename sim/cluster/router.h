#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "sim/scenario.h"

namespace penstock {

/// What a router sees of a request: never how long its output will be.
struct RoutedRequest {
  std::int64_t input_tokens = 0;
  std::uint64_t session = 0;  ///< 0 = none
  /// Of the full blocks of its prompt (kv/prefix_cache.h), for routers that look at prefixes.
  std::vector<std::uint64_t> keys = {};
};

/// What a router knows about a replica (scheduler-semantics 5.1).
struct ReplicaView {
  std::int64_t outstanding = 0;  ///< requests sent and not finished: its own count, exact

  // Scraped: as they were every `cluster.scrape_interval`.
  std::int64_t waiting = 0;
  std::int64_t running = 0;
  double kv_usage = 0;  ///< share of blocks that somebody holds, 0 to 1

  // Followed by events of the engine, without delay.
  std::int64_t pending_tokens = 0;  ///< prompt tokens not computed yet, waiting or prefilling
  std::int64_t held_blocks = 0;
  std::int64_t cached_blocks = 0;  ///< leading blocks of this request in its prefix cache
};

/// Picks a replica for an arriving request.
class Router {
 public:
  virtual ~Router() = default;
  /// Returns an index into `replicas` (at least one).
  virtual std::size_t route(const RoutedRequest& request,
                            std::span<const ReplicaView> replicas) = 0;
};

std::unique_ptr<Router> make_round_robin(const Scenario& scenario);
std::unique_ptr<Router> make_random(const Scenario& scenario);
std::unique_ptr<Router> make_least_outstanding(const Scenario& scenario);
std::unique_ptr<Router> make_power_of_two(const Scenario& scenario);
std::unique_ptr<Router> make_least_kv(const Scenario& scenario);
std::unique_ptr<Router> make_session_affinity(const Scenario& scenario);
std::unique_ptr<Router> make_prefix_aware(const Scenario& scenario);
std::unique_ptr<Router> make_kv_aware(const Scenario& scenario);
std::unique_ptr<Router> make_weighted(const Scenario& scenario);

/// What a router looks at beyond its own counts, so that others need not pay for it.
struct RouterNeeds {
  bool scrapes = false;
  bool keys = false;
  bool events = false;
};

struct RouterEntry {
  RouterKind kind;
  std::string_view name;
  std::string_view description;
  std::unique_ptr<Router> (*make)(const Scenario& scenario);
  RouterNeeds needs = {};
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
    RouterEntry{RouterKind::least_kv,
                "least_kv",
                "lowest KV-cache usage at the last scrape; ties at random",
                make_least_kv,
                {.scrapes = true}},
    RouterEntry{
        RouterKind::session_affinity, "session_affinity",
        "a session stays where it began, by consistent hashing; requests without one to the "
        "fewest unfinished",
        make_session_affinity},
    RouterEntry{RouterKind::prefix_aware,
                "prefix_aware",
                "longest prefix routed there before, unless the load is uneven (SGLang's "
                "cache_aware: 32, 1.1, 0.5)",
                make_prefix_aware,
                {.keys = true}},
    RouterEntry{RouterKind::kv_aware,
                "kv_aware",
                "fewest blocks to prefill and to hold, cached ones taken off (Dynamo's KV router)",
                make_kv_aware,
                {.keys = true, .events = true}},
    RouterEntry{RouterKind::weighted,
                "weighted",
                "best sum of scores: queue x 2, KV usage x 2, prefix x 3, as scraped (llm-d's "
                "default profile)",
                make_weighted,
                {.scrapes = true, .keys = true}},
};

inline const RouterEntry& find_router(RouterKind kind) {
  for (const RouterEntry& entry : routers) {
    if (entry.kind == kind) {
      return entry;
    }
  }
  return routers.front();
}

/// The index of the smallest key; ties to the lowest.
template <typename Key>
std::size_t lowest(std::span<const ReplicaView> replicas, Key key) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < replicas.size(); ++i) {
    best = key(replicas[i]) < key(replicas[best]) ? i : best;
  }
  return best;
}

inline std::size_t fewest_outstanding(std::span<const ReplicaView> replicas) {
  return lowest(replicas, [](const ReplicaView& r) { return r.outstanding; });
}

}  // namespace penstock
