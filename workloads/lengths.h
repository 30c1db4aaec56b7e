#pragma once

#include <cstdint>
#include <string_view>

#include "sim/core/rng.h"
#include "sim/scenario.h"

namespace penstock {

/// Quantile function of a length: tokens at probability p, rounded to the nearest whole number, 1
/// to max_request_tokens. Requires 0 < p < 1 and a spec made by config/.
std::int64_t length_at(const LengthSpec& spec, double p);

/// The same for numbers that are not tokens: as it is, neither rounded nor cut.
double value_at(const LengthSpec& spec, double p);

/// Draws lengths by inversion: one uniform number of the named stream each (none if the length is
/// fixed).
class LengthSampler {
 public:
  LengthSampler(LengthSpec spec, std::uint64_t seed, std::string_view stream);

  /// The probability at which the next length is to be taken.
  double draw();
  std::int64_t at(double p) const { return fixed_ > 0 ? fixed_ : length_at(spec_, p); }
  std::int64_t next() { return at(draw()); }

 private:
  LengthSpec spec_;
  Rng rng_;
  std::int64_t fixed_;  ///< 0: lengths differ
};

/// Gaussian copula: makes two independent uniform numbers into two whose ranks correlate.
class Copula {
 public:
  /// `rank_correlation` (Spearman), -1 to 1; 0 leaves the numbers as they are, to the last bit.
  explicit Copula(double rank_correlation);

  /// The second number, where the first is `first` and an independent draw gave `independent`.
  double second(double first, double independent) const;

 private:
  double correlation_;  // of the normal variables behind
  double rest_;
};

}  // namespace penstock
