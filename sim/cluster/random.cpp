#include "sim/cluster/router.h"
#include "sim/core/rng.h"

namespace penstock {

namespace {

class Random final : public Router {
 public:
  explicit Random(std::uint64_t seed) : rng_(seed, "router") {}
  std::size_t route(std::span<const std::int64_t> outstanding) override {
    return static_cast<std::size_t>(rng_.below(outstanding.size()));
  }

 private:
  Rng rng_;
};

}  // namespace

std::unique_ptr<Router> make_random(std::uint64_t seed) { return std::make_unique<Random>(seed); }

}  // namespace penstock
