#include "sim/cluster/router.h"
#include "sim/kv/prefix_memory.h"

namespace penstock {

namespace {

/// SGLang's cache_aware policy (scheduler-semantics 5.1-6), with block keys for its text.
class PrefixAware final : public Router {
 public:
  explicit PrefixAware(const Scenario& scenario)
      : block_size_(scenario.engine.block_size),
        memories_(static_cast<std::size_t>(scenario.cluster.replicas),
                  PrefixMemory(scenario.engine.num_gpu_blocks)) {}

  std::size_t route(const RoutedRequest& request, std::span<const ReplicaView> replicas) override {
    const std::size_t chosen = choose(request, replicas);
    memories_[chosen].insert(request.keys);
    return chosen;
  }

 private:
  static constexpr std::int64_t balance_abs_threshold = 32;
  static constexpr double balance_rel_threshold = 1.1;
  static constexpr double cache_threshold = 0.5;

  std::size_t choose(const RoutedRequest& request, std::span<const ReplicaView> replicas) const {
    const std::size_t least = fewest_outstanding(replicas);
    const std::int64_t low = replicas[least].outstanding;
    const auto fewer = [](const ReplicaView& r) { return -r.outstanding; };
    const std::int64_t high = replicas[lowest(replicas, fewer)].outstanding;
    if (high - low > balance_abs_threshold &&
        static_cast<double>(high) > balance_rel_threshold * static_cast<double>(low)) {
      return least;
    }
    std::size_t best = 0;
    std::int64_t matched = -1;
    std::size_t smallest = 0;
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      const std::int64_t blocks = memories_[i].match(request.keys);
      if (blocks > matched) {
        matched = blocks;
        best = i;
      }
      smallest = memories_[i].size() < memories_[smallest].size() ? i : smallest;
    }
    const double rate =
        static_cast<double>(matched * block_size_) / static_cast<double>(request.input_tokens);
    return rate > cache_threshold ? best : smallest;
  }

  std::int64_t block_size_;
  std::vector<PrefixMemory> memories_;  ///< by replica: what was sent there
};

}  // namespace

std::unique_ptr<Router> make_prefix_aware(const Scenario& scenario) {
  return std::make_unique<PrefixAware>(scenario);
}

}  // namespace penstock
