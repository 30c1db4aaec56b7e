#include <algorithm>

#include "sim/cluster/router.h"

namespace penstock {

namespace {

class LeastOutstanding final : public Router {
 public:
  std::size_t route(std::span<const std::int64_t> outstanding) override {
    return static_cast<std::size_t>(std::min_element(outstanding.begin(), outstanding.end()) -
                                    outstanding.begin());
  }
};

}  // namespace

std::unique_ptr<Router> make_least_outstanding(std::uint64_t) {
  return std::make_unique<LeastOutstanding>();
}

}  // namespace penstock
