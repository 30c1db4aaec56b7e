#include "sim/metrics/quantiles.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "sim/core/assert.h"
#include "sim/core/int128.h"
#include "sim/result.h"

namespace penstock {
namespace {

/// The quantiles of every table, ascending.
constexpr std::array<std::pair<double, double LatencyStats::*>, 4> percentiles{{
    {0.50, &LatencyStats::p50},
    {0.90, &LatencyStats::p90},
    {0.95, &LatencyStats::p95},
    {0.99, &LatencyStats::p99},
}};

/// The value of rank `index` in buckets of (value, count); ranks must be asked for ascending.
class BucketReader {
 public:
  explicit BucketReader(const GapStatistics& gaps) : gaps_(gaps) {}

  double at(std::uint64_t index) {
    while (bucket_ + 1 < gaps_.buckets.size() &&
           below_ + static_cast<std::uint64_t>(gaps_.buckets[bucket_].second) <= index) {
      below_ += static_cast<std::uint64_t>(gaps_.buckets[bucket_].second);
      ++bucket_;
    }
    const std::int64_t middle = gaps_.buckets[bucket_].first;
    return static_cast<double>(std::clamp(middle, gaps_.min, gaps_.max));
  }

  double quantile(double p) {
    const auto n = static_cast<std::uint64_t>(gaps_.count);
    const QuantilePosition position = quantile_position(n, p);
    const double low = at(position.lower);
    if (position.fraction <= 0) {
      return low;
    }
    BucketReader next = *this;  // the next quantile may still need this bucket
    return low + position.fraction * (next.at(position.lower + 1) - low);
  }

 private:
  const GapStatistics& gaps_;
  std::size_t bucket_ = 0;
  std::uint64_t below_ = 0;
};

double gap_deviation(const GapStatistics& gaps) {
  // Centred in integers before the division, because the squares dwarf the spread.
  const Int128 n = gaps.count;
  const Int128 center = gaps.sum / n;
  const Int128 centred = gaps.sum_squares * 1'000'000 - 2 * center * gaps.sum + n * center * center;
  const double count = static_cast<double>(gaps.count);
  const double offset = static_cast<double>(gaps.sum - n * center) / count;
  return std::sqrt(std::max(static_cast<double>(centred) / count - offset * offset, 0.0));
}

}  // namespace

QuantilePosition quantile_position(std::uint64_t n, double p) {
  PENSTOCK_ASSERT(n >= 1 && p >= 0 && p <= 1);
  const double index = static_cast<double>(n - 1) * p;
  const auto lower = std::min(static_cast<std::uint64_t>(index), n - 1);
  const double fraction = lower + 1 < n ? index - static_cast<double>(lower) : 0.0;
  return {lower, fraction};
}

LatencySample::LatencySample(double attainment)
    : counts_(std::size_t{64 - sub_bits} << sub_bits),
      asked_(percentiles.begin(), percentiles.end()) {
  if (attainment > 0) {
    asked_.emplace_back(attainment, &LatencyStats::at_attainment);
  }
  std::sort(asked_.begin(), asked_.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
}

void LatencySample::choose() {
  if (count_ == 0) {
    return;
  }
  center_ = static_cast<std::int64_t>(sum_ / static_cast<Int128>(count_));
  const auto largest = static_cast<double>(std::max(max_ - center_, center_ - min_));
  const auto count = static_cast<double>(count_);
  while (std::ldexp(largest * largest, -2 * shift_) * count > 0x1p126) {
    ++shift_;
  }
  std::uint64_t below = 0;
  std::size_t bucket = 0;
  for (const auto& [p, member] : asked_) {
    const QuantilePosition at = quantile_position(count_, p);
    for (const std::uint64_t rank : {at.lower, std::min(at.lower + 1, count_ - 1)}) {
      while (below + counts_[bucket] <= rank) {
        below += counts_[bucket++];
      }
      if (kept_.empty() || kept_.back().bucket != bucket) {
        kept_.push_back({bucket, below, candidates_});
        candidates_ += needs_values(bucket) ? counts_[bucket] : 0;
      }
    }
  }
  for (const Kept& kept : kept_) {
    counts_[kept.bucket] = needs_values(kept.bucket) ? kept_mark : 0;
  }
  values_.reserve(candidates_);
}

std::int64_t LatencySample::value_of(std::uint64_t rank) {
  const auto above =
      std::upper_bound(kept_.begin(), kept_.end(), rank,
                       [](std::uint64_t wanted, const Kept& kept) { return wanted < kept.below; });
  const Kept& kept = *std::prev(above);
  if (!needs_values(kept.bucket)) {
    return min_ == max_ ? min_ : static_cast<std::int64_t>(kept.bucket);
  }
  // Each selection looks only at what lies above the last one.
  const std::size_t place = rank - kept.below + kept.candidates;
  const auto nth = values_.begin() + static_cast<std::ptrdiff_t>(place);
  if (place >= placed_) {
    std::nth_element(values_.begin() + static_cast<std::ptrdiff_t>(placed_), nth, values_.end());
    placed_ = place + 1;
  }
  return *nth;
}

double LatencySample::quantile(double p) {
  const QuantilePosition at = quantile_position(count_, p);
  const std::int64_t low = value_of(at.lower);
  if (at.fraction <= 0) {
    return static_cast<double>(low);
  }
  const std::int64_t high = value_of(at.lower + 1);
  return static_cast<double>(low) + at.fraction * static_cast<double>(high - low);
}

double LatencySample::deviation() const {
  const auto n = static_cast<Int128>(count_);
  const auto count = static_cast<double>(count_);
  const double offset = static_cast<double>(sum_ - n * center_) / count;
  const double variance =
      std::ldexp(static_cast<double>(squares_) / count, 2 * shift_) - offset * offset;
  return std::sqrt(std::max(variance, 0.0));
}

LatencyStats LatencySample::stats() {
  LatencyStats stats;
  stats.count = count_;
  if (count_ == 0) {
    return stats;
  }
  stats.mean = to_milliseconds(static_cast<double>(sum_) / static_cast<double>(count_));
  stats.max = to_milliseconds(static_cast<double>(max_));
  stats.std = to_milliseconds(deviation());
  for (const auto& [p, member] : asked_) {
    stats.*member = to_milliseconds(quantile(p));
  }
  return stats;
}

LatencyStats latency_stats(std::span<const std::int64_t> values, double attainment) {
  LatencySample sample(attainment);
  for (const std::int64_t value : values) {
    sample.add(value);
  }
  sample.choose();
  for (const std::int64_t value : values) {
    sample.add_again(value);
  }
  return sample.stats();
}

LatencyStats latency_stats(const GapStatistics& gaps, double attainment) {
  LatencyStats stats;
  stats.count = static_cast<std::uint64_t>(gaps.count);
  if (gaps.count == 0) {
    return stats;
  }
  stats.mean = to_milliseconds(static_cast<double>(gaps.sum) / static_cast<double>(gaps.count));
  stats.max = to_milliseconds(static_cast<double>(gaps.max));
  stats.std = to_milliseconds(gap_deviation(gaps));
  for (const auto& [p, member] : percentiles) {
    BucketReader reader(gaps);
    stats.*member = to_milliseconds(reader.quantile(p));
  }
  if (attainment > 0) {
    BucketReader reader(gaps);
    stats.at_attainment = to_milliseconds(reader.quantile(attainment));
  }
  return stats;
}

}  // namespace penstock
