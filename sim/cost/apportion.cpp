#include "sim/cost/apportion.h"

#include <algorithm>
#include <cstddef>

#include "sim/core/assert.h"

namespace penstock {
namespace {

constexpr int sum_bits = 125;  // so that 3 · sum fits an Int128

struct Share {
  Int128 quotient = 0;
  Int128 remainder = 0;
};

/// total · weight / sum in integers, bit by bit: the product would not fit 128 bits.
Share divide(Int128 total, Int128 weight, Int128 sum) {
  Share share;
  for (int bit = sum_bits - 1; bit >= 0; --bit) {
    share.quotient *= 2;
    share.remainder *= 2;
    if (((total >> bit) & 1) != 0) {
      share.remainder += weight;
    }
    while (share.remainder >= sum) {
      share.remainder -= sum;
      ++share.quotient;
    }
  }
  return share;
}

}  // namespace

std::vector<Int128> apportion(Int128 total, const std::vector<Int128>& weights) {
  PENSTOCK_ASSERT(total >= 0 && (total >> sum_bits) == 0);
  Int128 sum = 0;
  for (const Int128 weight : weights) {
    PENSTOCK_ASSERT(weight >= 0);
    sum += weight;
    PENSTOCK_ASSERT((sum >> sum_bits) == 0);
  }
  std::vector<Int128> parts(weights.size(), 0);
  if (sum == 0) {
    return parts;
  }
  Int128 left = total;
  std::vector<Int128> remainders(weights.size());
  std::vector<std::size_t> order(weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const Share share = divide(total, weights[i], sum);
    parts[i] = share.quotient;
    remainders[i] = share.remainder;
    order[i] = i;
    left -= share.quotient;
  }
  std::stable_sort(order.begin(), order.end(), [&remainders](std::size_t a, std::size_t b) {
    return remainders[a] > remainders[b];
  });
  PENSTOCK_ASSERT(left >= 0 && left < static_cast<Int128>(order.size()));
  for (std::size_t i = 0; i < static_cast<std::size_t>(left); ++i) {
    ++parts[order[i]];
  }
  return parts;
}

}  // namespace penstock
