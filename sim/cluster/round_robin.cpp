#include "sim/cluster/router.h"

namespace penstock {

namespace {

class RoundRobin final : public Router {
 public:
  std::size_t route(const RoutedRequest&, std::span<const ReplicaView> replicas) override {
    const std::size_t chosen = next_;
    next_ = (next_ + 1) % replicas.size();
    return chosen;
  }

 private:
  std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<Router> make_round_robin(const Scenario&) { return std::make_unique<RoundRobin>(); }

}  // namespace penstock
