#include <algorithm>

#include "sim/cluster/router.h"
#include "sim/core/rng.h"
#include "sim/kv/block_pool.h"

namespace penstock {

namespace {

/// Dynamo's KV router at temperature 0 (scheduler-semantics 5.1-7): a replica costs the blocks to
/// prefill, less those that its cache has, and the blocks that it will hold. Lowest wins, ties at
/// random.
class KvAware final : public Router {
 public:
  explicit KvAware(const Scenario& scenario)
      : block_size_(scenario.engine.block_size), rng_(scenario.seed, "router") {}

  std::size_t route(const RoutedRequest& request, std::span<const ReplicaView> replicas) override {
    ties_.clear();
    std::int64_t lowest_cost = INT64_MAX;
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      const std::int64_t own = blocks_for(request.input_tokens, block_size_);
      const std::int64_t prefill =
          blocks_for(replicas[i].pending_tokens + request.input_tokens, block_size_);
      const std::int64_t cost = std::max<std::int64_t>(0, prefill - replicas[i].cached_blocks) +
                                replicas[i].held_blocks + own;
      if (cost < lowest_cost) {
        lowest_cost = cost;
        ties_.clear();
      }
      if (cost == lowest_cost) {
        ties_.push_back(i);
      }
    }
    return ties_[static_cast<std::size_t>(rng_.below(ties_.size()))];
  }

 private:
  std::int64_t block_size_;
  Rng rng_;
  std::vector<std::size_t> ties_;
};

}  // namespace

std::unique_ptr<Router> make_kv_aware(const Scenario& scenario) {
  return std::make_unique<KvAware>(scenario);
}

}  // namespace penstock
