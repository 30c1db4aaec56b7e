#include "sim/cluster/router.h"

namespace penstock {

namespace {

class LeastOutstanding final : public Router {
 public:
  std::size_t route(const RoutedRequest&, std::span<const ReplicaView> replicas) override {
    return fewest_outstanding(replicas);
  }
};

}  // namespace

std::unique_ptr<Router> make_least_outstanding(const Scenario&) {
  return std::make_unique<LeastOutstanding>();
}

}  // namespace penstock
