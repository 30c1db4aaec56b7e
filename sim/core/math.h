#pragma once

#include <bit>
#include <cstdint>

/// Logarithms and powers of our own, so that results do not depend on the C library's last bit.
/// Only +, -, *, / on doubles (IEEE-exact, no contraction): the same bits on every compiler.
/// Polynomials are summed in short independent chains (Estrin), which processors overlap: a step's
/// cost is mostly waiting for these.
namespace penstock::math {

namespace detail {
inline constexpr double ln2 = 0.693147180559945309417;
inline constexpr double inv_ln2 = 1.442695040888963407360;
// ln2 in two: the first has 32 bits, so that its product with an exponent is exact.
inline constexpr double ln2_high = 0x1.62e42fee00000p-1;
inline constexpr double ln2_low = 0x1.a39ef35793c76p-33;
}  // namespace detail

/// Natural logarithm of a positive, finite, normal x. Relative error below 1e-15 (of ln x away
/// from 1; absolute 1e-16 near it). Source: atanh series, ln m = 2 atanh((m-1)/(m+1)).
inline double log(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t fraction = bits & 0x000fffffffffffffULL;
  // m in (sqrt(1/2), sqrt(2)]; without a branch, which would be a coin toss.
  const std::uint64_t halved = fraction > 0x6a09e667f3bcdULL ? 1 : 0;
  const double m = std::bit_cast<double>(fraction | ((1023 - halved) << 52));
  const auto exponent = static_cast<int>((bits >> 52) + halved) - 1023;
  const double s = (m - 1.0) / (m + 1.0);
  const double z = s * s;
  const double z2 = z * z;
  const double z4 = z2 * z2;
  const double low = (1.0 + z * (1.0 / 3)) + z2 * (1.0 / 5 + z * (1.0 / 7));
  const double middle = (1.0 / 9 + z * (1.0 / 11)) + z2 * (1.0 / 13 + z * (1.0 / 15));
  const double high = (1.0 / 17 + z * (1.0 / 19)) + z2 * (1.0 / 21);
  const double sum = low + z4 * (middle + z4 * high);
  return 2.0 * s * sum + static_cast<double>(exponent) * detail::ln2;
}

/// e^x for |x| < 700. Relative error below 1e-15 (Taylor, |r| <= ln2/2; Cody and Waite's
/// reduction).
inline double exp(double x) {
  const double scaled = x * detail::inv_ln2;
  const auto n = static_cast<std::int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
  const double count = static_cast<double>(n);
  const double r = (x - count * detail::ln2_high) - count * detail::ln2_low;
  const double r2 = r * r;
  const double r4 = r2 * r2;
  const double low = (0.5 + r * (1.0 / 6)) + r2 * (1.0 / 24 + r * (1.0 / 120));
  const double middle = (1.0 / 720 + r * (1.0 / 5040)) + r2 * (1.0 / 40320 + r * (1.0 / 362880));
  const double high =
      (1.0 / 3628800 + r * (1.0 / 39916800)) + r2 * (1.0 / 479001600 + r * (1.0 / 6227020800.0));
  const double sum = 1.0 + (r + r2 * (low + r4 * (middle + r4 * high)));
  return sum * std::bit_cast<double>(static_cast<std::uint64_t>(1023 + n) << 52);
}

/// The integer nearest to 0 <= x < 2^63, halves up: std::llround() without a call.
inline std::int64_t round(double x) {
  const auto whole = static_cast<std::int64_t>(x);
  return whole + (x - static_cast<double>(whole) >= 0.5 ? 1 : 0);
}

/// x^y for x > 0; 0 for x == 0.
inline double pow(double x, double y) { return x > 0 ? exp(y * log(x)) : 0.0; }

}  // namespace penstock::math
