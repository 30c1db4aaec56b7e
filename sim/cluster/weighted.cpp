#include "sim/cluster/router.h"
#include "sim/core/rng.h"
#include "sim/kv/prefix_memory.h"

namespace penstock {

namespace {

/// The default profile of llm-d's endpoint picker (scheduler-semantics 5.1-8): each scorer says 0
/// to 1, the highest weighted sum wins, ties at random.
class Weighted final : public Router {
 public:
  explicit Weighted(const Scenario& scenario)
      : rng_(scenario.seed, "router"),
        memories_(static_cast<std::size_t>(scenario.cluster.replicas),
                  PrefixMemory(scenario.engine.num_gpu_blocks)) {}

  std::size_t route(const RoutedRequest& request, std::span<const ReplicaView> replicas) override {
    const auto waiting = [](const ReplicaView& r) { return r.waiting; };
    const std::int64_t shortest = replicas[lowest(replicas, waiting)].waiting;
    const auto fewer = [](const ReplicaView& r) { return -r.waiting; };
    const std::int64_t longest = replicas[lowest(replicas, fewer)].waiting;
    double best = -1;
    ties_.clear();
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      const ReplicaView& replica = replicas[i];
      const double queue = longest == shortest ? 1
                                               : static_cast<double>(longest - replica.waiting) /
                                                     static_cast<double>(longest - shortest);
      const double prefix = request.keys.empty()
                                ? 0
                                : static_cast<double>(memories_[i].match(request.keys)) /
                                      static_cast<double>(request.keys.size());
      const double score = 2 * queue + 2 * (1 - replica.kv_usage) + 3 * prefix;
      if (score > best) {
        best = score;
        ties_.clear();
      }
      if (score == best) {
        ties_.push_back(i);
      }
    }
    const std::size_t chosen = ties_[static_cast<std::size_t>(rng_.below(ties_.size()))];
    memories_[chosen].insert(request.keys);
    return chosen;
  }

 private:
  Rng rng_;
  std::vector<PrefixMemory> memories_;  ///< by replica: what was sent there
  std::vector<std::size_t> ties_;
};

}  // namespace

std::unique_ptr<Router> make_weighted(const Scenario& scenario) {
  return std::make_unique<Weighted>(scenario);
}

}  // namespace penstock
