#include "sim/cluster/router.h"
#include "sim/core/rng.h"

namespace penstock {

namespace {

/// scheduler-semantics 5.1-5, by rendezvous hashing: of a session's ranks for all replicas the
/// highest counts, so that another replica more moves few sessions.
class SessionAffinity final : public Router {
 public:
  std::size_t route(const RoutedRequest& request, std::span<const ReplicaView> replicas) override {
    if (request.session == 0) {
      return fewest_outstanding(replicas);
    }
    std::size_t best = 0;
    std::uint64_t highest = 0;
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      const std::uint64_t rank = mix_bits(mix_bits(request.session) + i);
      if (rank >= highest) {
        highest = rank;
        best = i;
      }
    }
    return best;
  }
};

}  // namespace

std::unique_ptr<Router> make_session_affinity(const Scenario&) {
  return std::make_unique<SessionAffinity>();
}

}  // namespace penstock
