#include "sim/cluster/router.h"
#include "sim/core/rng.h"

namespace penstock {

namespace {

class PowerOfTwo final : public Router {
 public:
  explicit PowerOfTwo(std::uint64_t seed) : rng_(seed, "router") {}
  std::size_t route(const RoutedRequest&, std::span<const ReplicaView> replicas) override {
    if (replicas.size() == 1) {
      return 0;
    }
    const auto first = static_cast<std::size_t>(rng_.below(replicas.size()));
    auto second = static_cast<std::size_t>(rng_.below(replicas.size() - 1));
    second += second >= first ? 1 : 0;  // distinct
    return replicas[second].outstanding < replicas[first].outstanding ? second : first;
  }

 private:
  Rng rng_;
};

}  // namespace

std::unique_ptr<Router> make_power_of_two(const Scenario& scenario) {
  return std::make_unique<PowerOfTwo>(scenario.seed);
}

}  // namespace penstock
