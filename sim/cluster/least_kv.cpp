#include "sim/cluster/router.h"
#include "sim/core/rng.h"

namespace penstock {

namespace {

/// scheduler-semantics 5.1-4. Between two scrapes all requests see the same usage: it herds.
class LeastKv final : public Router {
 public:
  explicit LeastKv(std::uint64_t seed) : rng_(seed, "router") {}
  std::size_t route(const RoutedRequest&, std::span<const ReplicaView> replicas) override {
    const double least =
        replicas[lowest(replicas, [](const ReplicaView& r) { return r.kv_usage; })].kv_usage;
    ties_.clear();
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      if (replicas[i].kv_usage == least) {
        ties_.push_back(i);
      }
    }
    return ties_[static_cast<std::size_t>(rng_.below(ties_.size()))];
  }

 private:
  Rng rng_;
  std::vector<std::size_t> ties_;
};

}  // namespace

std::unique_ptr<Router> make_least_kv(const Scenario& scenario) {
  return std::make_unique<LeastKv>(scenario.seed);
}

}  // namespace penstock
