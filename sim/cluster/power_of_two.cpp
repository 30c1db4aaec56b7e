#include "sim/cluster/router.h"
#include "sim/core/rng.h"

namespace penstock {

namespace {

class PowerOfTwo final : public Router {
 public:
  explicit PowerOfTwo(std::uint64_t seed) : rng_(seed, "router") {}
  std::size_t route(std::span<const std::int64_t> outstanding) override {
    if (outstanding.size() == 1) {
      return 0;
    }
    const auto first = static_cast<std::size_t>(rng_.below(outstanding.size()));
    auto second = static_cast<std::size_t>(rng_.below(outstanding.size() - 1));
    second += second >= first ? 1 : 0;  // distinct
    return outstanding[second] < outstanding[first] ? second : first;
  }

 private:
  Rng rng_;
};

}  // namespace

std::unique_ptr<Router> make_power_of_two(std::uint64_t seed) {
  return std::make_unique<PowerOfTwo>(seed);
}

}  // namespace penstock
