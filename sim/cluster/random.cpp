#include "sim/cluster/router.h"
#include "sim/core/rng.h"

namespace penstock {

namespace {

class Random final : public Router {
 public:
  explicit Random(std::uint64_t seed) : rng_(seed, "router") {}
  std::size_t route(const RoutedRequest&, std::span<const ReplicaView> replicas) override {
    return static_cast<std::size_t>(rng_.below(replicas.size()));
  }

 private:
  Rng rng_;
};

}  // namespace

std::unique_ptr<Router> make_random(const Scenario& scenario) {
  return std::make_unique<Random>(scenario.seed);
}

}  // namespace penstock
