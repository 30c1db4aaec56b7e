#include "sim/cluster/router.h"

namespace penstock {

namespace {

class RoundRobin final : public Router {
 public:
  std::size_t route(std::span<const std::int64_t> outstanding) override {
    const std::size_t chosen = next_;
    next_ = (next_ + 1) % outstanding.size();
    return chosen;
  }

 private:
  std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<Router> make_round_robin(std::uint64_t) { return std::make_unique<RoundRobin>(); }

}  // namespace penstock
