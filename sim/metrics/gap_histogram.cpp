#include "sim/metrics/gap_histogram.h"

#include <algorithm>
#include <bit>

namespace penstock {

std::size_t GapHistogram::bucket_of(std::int64_t gap) {
  const auto value = static_cast<std::uint64_t>(gap);
  const int exponent = static_cast<int>(std::bit_width(value)) - 1 - sub_bits;
  if (exponent <= 0) {
    return static_cast<std::size_t>(value);  // below 2^10 every value has its own bucket
  }
  return (static_cast<std::size_t>(exponent) << sub_bits) +
         static_cast<std::size_t>(value >> exponent);
}

std::int64_t GapHistogram::end_of(std::size_t bucket) {
  if (bucket < (std::size_t{2} << sub_bits)) {
    return static_cast<std::int64_t>(bucket) + 1;
  }
  const auto exponent = static_cast<int>(bucket >> sub_bits) - 1;
  const std::size_t mantissa = bucket - (static_cast<std::size_t>(exponent) << sub_bits);
  return static_cast<std::int64_t>((mantissa + 1) << exponent);
}

void GapHistogram::add(std::int64_t first, std::int64_t step, std::int64_t gaps,
                       std::int64_t weight) {
  if (gaps <= 0 || weight <= 0) {
    return;
  }
  if (gaps == 1) {  // one step: the common case
    count_ += weight;
    sum_ += static_cast<Int128>(first) * weight;
    sum_squares_ += static_cast<Int128>(first) * first * weight;
    min_ = std::min(min_, first);
    max_ = std::max(max_, first);
    counts_[bucket_of(first)] += weight;
    return;
  }
  const std::int64_t last = first + step * (gaps - 1);
  const std::int64_t rises = gaps * (gaps - 1) / 2;
  const std::int64_t squares = rises * (2 * gaps - 1) / 3;
  const Int128 risen = static_cast<Int128>(rises) * step;
  const Int128 sum = static_cast<Int128>(gaps) * first + risen;
  count_ += gaps * weight;
  sum_ += weight * sum;
  sum_squares_ += weight * (first * (sum + risen) + static_cast<Int128>(squares) * step * step);
  min_ = std::min(min_, first);
  max_ = std::max(max_, last);
  std::int64_t gap = first;
  for (std::int64_t left = gaps; left > 0;) {
    const std::size_t bucket = bucket_of(gap);
    const std::int64_t end = end_of(bucket);
    const std::int64_t here = last < end ? left : std::min(left, (end - gap + step - 1) / step);
    counts_[bucket] += here * weight;
    gap += here * step;
    left -= here;
  }
}

GapStatistics GapHistogram::statistics() const {
  GapStatistics out;
  out.count = count_;
  out.sum = sum_;
  out.sum_squares = sum_squares_ / 1'000'000;
  out.min = count_ > 0 ? min_ : 0;
  out.max = max_;
  for (std::size_t b = 0; b < counts_.size(); ++b) {
    if (counts_[b] > 0) {
      const std::int64_t begin = b == 0 ? 0 : end_of(b - 1);
      out.buckets.emplace_back(begin + (end_of(b) - begin) / 2, counts_[b]);
    }
  }
  return out;
}

}  // namespace penstock
