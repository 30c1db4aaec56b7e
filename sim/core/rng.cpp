#include "sim/core/rng.h"

#include <bit>
#include <cmath>

#include "sim/core/assert.h"
#include "sim/core/math.h"

namespace penstock {
namespace {

/// SplitMix64 (Steele, Lea, Flood, 2014): spreads a seed over all bits.
std::uint64_t split_mix(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15ULL;
  return mix_bits(state);
}

/// FNV-1a, 64 bits.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return hash;
}

/// c[0] + c[1] x + ... + c[7] x^7.
double polynomial(const double (&c)[8], double x) {
  double sum = c[7];
  for (int i = 6; i >= 0; --i) {
    sum = sum * x + c[i];
  }
  return sum;
}

// Wichura, "Algorithm AS 241: The percentage points of the normal distribution" (1988), PPND16:
// rational approximations near the median, between, and far in the tails.
constexpr double middle_top[8] = {3.3871328727963666080e0,  1.3314166789178437745e+2,
                                  1.9715909503065514427e+3, 1.3731693765509461125e+4,
                                  4.5921953931549871457e+4, 6.7265770927008700853e+4,
                                  3.3430575583588128105e+4, 2.5090809287301226727e+3};
constexpr double middle_bottom[8] = {1.0,
                                     4.2313330701600911252e+1,
                                     6.8718700749205790830e+2,
                                     5.3941960214247511077e+3,
                                     2.1213794301586595867e+4,
                                     3.9307895800092710610e+4,
                                     2.8729085735721942674e+4,
                                     5.2264952788528545610e+3};
constexpr double side_top[8] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                5.76949722146069140550e0,  3.64784832476320460504e0,
                                1.27045825245236838258e0,  2.41780725177450611770e-1,
                                2.27238449892691845833e-2, 7.74545014278341407640e-4};
constexpr double side_bottom[8] = {1.0,
                                   2.05319162663775882187e0,
                                   1.67638483018380384940e0,
                                   6.89767334985100004550e-1,
                                   1.48103976427480074590e-1,
                                   1.51986665636164571966e-2,
                                   5.47593808499534494600e-4,
                                   1.05075007164441684324e-9};
constexpr double tail_top[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                1.78482653991729133580e0,  2.96560571828504891230e-1,
                                2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                2.71155556874348757815e-5, 2.01033439929228813265e-7};
constexpr double tail_bottom[8] = {1.0,
                                   5.99832206555887937690e-1,
                                   1.36929880922735805310e-1,
                                   1.48753612908506148525e-2,
                                   7.86869131145613259100e-4,
                                   1.84631831751005468180e-5,
                                   1.42151175831644588870e-7,
                                   2.04426310338993978564e-15};

}  // namespace

Rng::Rng(std::uint64_t seed, std::string_view name) {
  std::uint64_t state = seed;
  state = split_mix(state) ^ hash_of(name);
  for (std::uint64_t& word : state_) {
    word = split_mix(state);
  }
}

// xoshiro256++ (Blackman and Vigna, 2019).
std::uint64_t Rng::next() {
  const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

// The middle of one of 2^52 equal cells: exact, and never at an end.
double Rng::uniform() { return (static_cast<double>(next() >> 12) + 0.5) * 0x1p-52; }

// As many high bits as n - 1 has, drawn again until they fall below n: no remainder, no bias.
std::uint64_t Rng::below(std::uint64_t n) {
  PENSTOCK_ASSERT(n > 0);
  if (n == 1) {
    return 0;
  }
  const int unused = std::countl_zero(n - 1);
  std::uint64_t drawn = next() >> unused;
  while (drawn >= n) {
    drawn = next() >> unused;
  }
  return drawn;
}

double Rng::exponential(double mean) { return -mean * math::log(uniform()); }

double Rng::normal() { return normal_quantile(uniform()); }

double normal_quantile(double p) {
  const double q = p - 0.5;
  if (q >= -0.425 && q <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(middle_top, r) / polynomial(middle_bottom, r);
  }
  const double depth = std::sqrt(-math::log(q < 0 ? p : 1 - p));  // sqrt is exact by IEEE 754
  const double x = depth <= 5
                       ? polynomial(side_top, depth - 1.6) / polynomial(side_bottom, depth - 1.6)
                       : polynomial(tail_top, depth - 5) / polynomial(tail_bottom, depth - 5);
  return q < 0 ? -x : x;
}

}  // namespace penstock
