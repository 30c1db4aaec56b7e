#include "workloads/length_counts.h"

#include <algorithm>

#include "sim/core/assert.h"
#include "sim/metrics/quantiles.h"

namespace penstock {

void LengthCounts::add(std::int64_t value) {
  ++count_;
  sum_ += value;
  if (value >= dense_limit) {
    ++sparse_[value];
    return;
  }
  const auto at = static_cast<std::size_t>(value);
  if (at >= dense_.size()) {
    dense_.resize(std::max(at + 1, 2 * dense_.size()));
  }
  ++dense_[at];
}

void LengthCounts::for_each(const std::function<void(std::int64_t, std::uint64_t)>& visit) const {
  for (std::size_t value = 0; value < dense_.size(); ++value) {
    if (dense_[value] > 0) {
      visit(static_cast<std::int64_t>(value), dense_[value]);
    }
  }
  for (const auto& [value, times] : sparse_) {
    visit(value, times);
  }
}

std::int64_t LengthCounts::lowest() const {
  for (std::size_t value = 0; value < dense_.size(); ++value) {
    if (dense_[value] > 0) {
      return static_cast<std::int64_t>(value);
    }
  }
  PENSTOCK_ASSERT(!sparse_.empty());
  return sparse_.begin()->first;
}

std::int64_t LengthCounts::highest() const {
  std::int64_t last = 0;
  for_each([&](std::int64_t value, std::uint64_t) { last = value; });
  return last;
}

double LengthCounts::quantile(double p) const {
  PENSTOCK_ASSERT(count_ > 0);
  const QuantilePosition at = quantile_position(count_, p);
  const std::uint64_t upper = std::min(at.lower + 1, count_ - 1);
  std::uint64_t before = 0;  // values below
  double low = 0;
  double high = 0;
  for_each([&](std::int64_t value, std::uint64_t times) {
    const std::uint64_t up_to = before + times;
    if (at.lower >= before && at.lower < up_to) {
      low = static_cast<double>(value);
    }
    if (upper >= before && upper < up_to) {
      high = static_cast<double>(value);
    }
    before = up_to;
  });
  return low + (high - low) * at.fraction;
}

LengthRanks::LengthRanks(const LengthCounts& counts) {
  std::int64_t before = 0;
  counts.for_each([&](std::int64_t value, std::uint64_t times) {
    const auto many = static_cast<std::int64_t>(times);
    const std::int64_t twice = 2 * before + many + 1;  // ranks before + 1 to before + many
    before += many;
    sum_of_squares_ += Int128{twice} * twice * many;
    if (value < LengthCounts::dense_limit) {
      dense_.resize(static_cast<std::size_t>(value) + 1);
      dense_.back() = twice;
    } else {
      sparse_[value] = twice;
    }
  });
}

std::int64_t LengthRanks::twice_rank(std::int64_t value) const {
  const auto at = static_cast<std::size_t>(value);
  return at < dense_.size() ? dense_[at] : sparse_.at(value);
}

}  // namespace penstock
