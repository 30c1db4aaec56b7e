#pragma once

#include <cstdint>
#include <string_view>

#include "sim/core/rng.h"
#include "sim/scenario.h"

namespace penstock {

/// Quantile function of a length: tokens at probability p, rounded to the nearest whole number, 1
/// to max_request_tokens. Requires 0 < p < 1 and a spec made by config/.
std::int64_t length_at(const LengthSpec& spec, double p);

/// Draws lengths by inversion: one uniform number of the named stream each (none if the length is
/// fixed).
class LengthSampler {
 public:
  LengthSampler(LengthSpec spec, std::uint64_t seed, std::string_view stream);

  std::int64_t next();

 private:
  LengthSpec spec_;
  Rng rng_;
};

}  // namespace penstock
