#pragma once

#include <bit>
#include <cstdint>

#include "sim/core/assert.h"
#include "sim/core/int128.h"

namespace penstock {

/// numerator / divisor, rounded to the nearest integer (halves up), without any error in between:
/// the divisor counts as the binary fraction that it is. Monotone in the numerator.
///
/// Requires numerator >= 0, a finite, normal divisor > 0, and a result below 2^63.
inline std::int64_t divide_rounded(Int128 numerator, double divisor) {
  const auto bits = std::bit_cast<std::uint64_t>(divisor);
  const int biased = static_cast<int>(bits >> 52);  // with the sign bit: 0 for negative numbers
  PENSTOCK_ASSERT(numerator >= 0 && biased > 0 && biased < 0x7ff);
  std::uint64_t mantissa = (bits & 0x000fffffffffffffULL) | 0x0010000000000000ULL;
  const int zeros = std::countr_zero(mantissa);
  mantissa >>= zeros;
  const int exponent = biased - 1075 + zeros;  // divisor = mantissa * 2^exponent
  if (numerator == 0 || exponent > 72) {  // beyond 72: a divisor above 2^72, so the result is 0
    PENSTOCK_ASSERT(numerator < (Int128{1} << 71));
    return 0;
  }
  const int shift = exponent < 0 ? -exponent : 0;
  PENSTOCK_ASSERT(shift < 126 && numerator < (Int128{1} << (126 - shift)));
  const Int128 dividend = numerator << shift;
  const Int128 whole = Int128{static_cast<std::int64_t>(mantissa)} << (exponent > 0 ? exponent : 0);
  const Int128 quotient = dividend / whole;
  const Int128 rest = dividend - quotient * whole;
  const Int128 rounded = quotient + (rest >= whole - rest ? 1 : 0);
  PENSTOCK_ASSERT(rounded <= Int128{INT64_MAX});
  return static_cast<std::int64_t>(rounded);
}

}  // namespace penstock
