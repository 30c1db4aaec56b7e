#pragma once

#include <cstdint>
#include <string_view>

namespace penstock {

/// A named stream of random numbers: xoshiro256++ seeded by SplitMix64 from (seed, name).
///
/// One master seed, one stream per name ("arrivals/chat", "router"), so that drawing more numbers
/// in one place never changes another. One draw per statement: argument order is not defined.
class Rng {
 public:
  Rng(std::uint64_t seed, std::string_view name);

  std::uint64_t next();
  /// Uniform in (0, 1): never 0, never 1.
  double uniform();
  /// Uniform integer in [0, n). Requires n > 0.
  std::uint64_t below(std::uint64_t n);
  /// Exponential with the given mean.
  double exponential(double mean);
  /// Standard normal, by inversion (Wichura, AS 241).
  double normal();

 private:
  std::uint64_t state_[4];
};

/// Spreads the bits of a number over all 64; a bijection (the finaliser of SplitMix64).
constexpr std::uint64_t mix_bits(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/// Quantile function of the standard normal distribution for p in (0, 1) (Wichura, AS 241:
/// relative error 1e-16).
double normal_quantile(double p);

}  // namespace penstock
