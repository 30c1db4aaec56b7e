#include "sim/metrics/quantiles.h"

#include <algorithm>
#include <array>
#include <bit>
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

/// Selects order statistics of a span, asked for in ascending order: each call looks only at what
/// lies above the last one.
class Selector {
 public:
  explicit Selector(std::span<std::int64_t> values) : values_(values) {}

  std::int64_t select(std::size_t rank) {
    const auto nth = values_.begin() + static_cast<std::ptrdiff_t>(rank);
    if (rank >= placed_) {
      std::nth_element(values_.begin() + static_cast<std::ptrdiff_t>(placed_), nth, values_.end());
      placed_ = rank + 1;
    }
    return *nth;
  }

 private:
  std::span<std::int64_t> values_;
  std::size_t placed_ = 0;  ///< the last one selected and all below it: nothing above is smaller
};

/// Log-linear buckets of relative width 1/1024: coarse counts tell in which bucket a rank lies, so
/// that only a thousandth of the values needs selecting.
constexpr int sub_bits = 10;
constexpr std::size_t bucket_count = std::size_t{64 - sub_bits} << sub_bits;

std::size_t bucket_of(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  const int exponent = static_cast<int>(std::bit_width(bits)) - 1 - sub_bits;
  if (exponent <= 0) {
    return static_cast<std::size_t>(bits);
  }
  return (static_cast<std::size_t>(exponent) << sub_bits) +
         static_cast<std::size_t>(bits >> exponent);
}

struct Moments {
  Int128 sum = 0;
  std::int64_t min = 0;
  std::int64_t max = 0;
};

/// Answers all quantiles of one sample. Overwrites the values.
class Quantiles {
 public:
  /// Counts the values; asks ascend.
  Quantiles(std::span<std::int64_t> values, Moments& moments) : values_(values) {
    moments.min = moments.max = values.front();
    counts_.resize(bucket_count);
    for (const std::int64_t value : values) {
      moments.sum += value;
      moments.min = std::min(moments.min, value);
      moments.max = std::max(moments.max, value);
      ++counts_[bucket_of(value)];
    }
  }

  /// Keeps only the values near these quantiles. Call once, before quantile().
  void prepare(std::span<const double> quantiles) {
    std::uint64_t below = 0;
    std::size_t bucket = 0;
    for (const double p : quantiles) {
      const QuantilePosition at = quantile_position(values_.size(), p);
      for (const std::uint64_t rank : {at.lower, std::min(at.lower + 1, values_.size() - 1)}) {
        while (below + counts_[bucket] <= rank) {
          below += counts_[bucket++];
        }
        if (kept_.empty() || kept_.back().bucket != bucket) {
          kept_.push_back({bucket, below, candidates_});
          candidates_ += counts_[bucket];
        }
      }
    }
    for (const Kept& kept : kept_) {
      counts_[kept.bucket] = kept_mark;
    }
    std::size_t kept = 0;
    for (const std::int64_t value : values_) {
      values_[kept] = value;
      kept += counts_[bucket_of(value)] == kept_mark ? 1 : 0;
    }
    selector_ = Selector(values_.first(kept));
  }

  /// In ps. Requires: one of those prepared, in their order.
  double quantile(double p) {
    const QuantilePosition at = quantile_position(values_.size(), p);
    const std::int64_t low = value_of(at.lower);
    if (at.fraction <= 0) {
      return static_cast<double>(low);
    }
    const std::int64_t high = value_of(at.lower + 1);
    return static_cast<double>(low) + at.fraction * static_cast<double>(high - low);
  }

 private:
  static constexpr std::uint32_t kept_mark = UINT32_MAX;

  struct Kept {
    std::size_t bucket = 0;
    std::uint64_t below = 0;       ///< values in lower buckets
    std::uint64_t candidates = 0;  ///< of those, kept
  };

  std::int64_t value_of(std::uint64_t rank) {
    const auto above = std::upper_bound(
        kept_.begin(), kept_.end(), rank,
        [](std::uint64_t wanted, const Kept& kept) { return wanted < kept.below; });
    const Kept& kept = *std::prev(above);
    return selector_.select(static_cast<std::size_t>(rank - kept.below + kept.candidates));
  }

  std::span<std::int64_t> values_;
  std::vector<std::uint32_t> counts_;
  std::vector<Kept> kept_;
  std::uint64_t candidates_ = 0;
  Selector selector_{{}};
};

/// Population standard deviation around the mean, from integers.
double deviation(std::span<const std::int64_t> values, const Moments& moments) {
  const auto n = static_cast<Int128>(values.size());
  const auto center = static_cast<std::int64_t>(moments.sum / n);
  const auto largest = static_cast<double>(std::max(moments.max - center, center - moments.min));
  // Differences are cut to 2^shift, so that n squares fit 126 bits. The shift is 0 for a million
  // latencies of up to two hours.
  int shift = 0;
  while (std::ldexp(largest * largest, -2 * shift) * static_cast<double>(values.size()) > 0x1p126) {
    ++shift;
  }
  Int128 squares = 0;
  for (const std::int64_t value : values) {
    const Int128 difference = std::abs(value - center) >> shift;
    squares += difference * difference;
  }
  const double count = static_cast<double>(values.size());
  const double offset = static_cast<double>(moments.sum - n * center) / count;
  const double variance =
      std::ldexp(static_cast<double>(squares) / count, 2 * shift) - offset * offset;
  return std::sqrt(std::max(variance, 0.0));
}

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

LatencyStats latency_stats(std::span<std::int64_t> values, double attainment) {
  LatencyStats stats;
  stats.count = values.size();
  if (values.empty()) {
    return stats;
  }
  Moments moments;
  Quantiles quantiles(values, moments);
  stats.mean =
      to_milliseconds(static_cast<double>(moments.sum) / static_cast<double>(values.size()));
  stats.max = to_milliseconds(static_cast<double>(moments.max));
  stats.std = to_milliseconds(deviation(values, moments));

  std::vector<std::pair<double, double LatencyStats::*>> asked(percentiles.begin(),
                                                               percentiles.end());
  if (attainment > 0) {
    asked.emplace_back(attainment, &LatencyStats::at_attainment);
  }
  std::sort(asked.begin(), asked.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<double> shares;
  for (const auto& [share, member] : asked) {
    shares.push_back(share);
  }
  quantiles.prepare(shares);
  for (const auto& [share, member] : asked) {
    stats.*member = to_milliseconds(quantiles.quantile(share));
  }
  return stats;
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
