#include "workloads/lengths.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "sim/core/assert.h"
#include "sim/core/math.h"
#include "workloads/limits.h"
#include "workloads/special.h"

namespace penstock {
namespace {

std::int64_t rounded_tokens(double value) {
  if (value < 1) {
    return 1;
  }
  if (value >= static_cast<double>(max_request_tokens)) {
    return max_request_tokens;
  }
  return math::round(value);
}

std::int64_t uniform_at(const LengthSpec& spec, double p) {
  const std::int64_t lowest = rounded_tokens(spec.a);
  const std::int64_t highest = rounded_tokens(spec.b);
  PENSTOCK_ASSERT(lowest <= highest);
  const std::int64_t values = highest - lowest + 1;
  const auto step = static_cast<std::int64_t>(p * static_cast<double>(values));
  return lowest + std::min(step, values - 1);
}

double lognormal_at(const LengthSpec& spec, double p) {
  constexpr double above_every_length = 17;  // e^17 = 24 million; keeps exp in its range
  const double exponent = spec.a + spec.b * normal_quantile(p);
  return math::exp(std::clamp(exponent, -600.0, above_every_length));
}

double quantile_at(const LengthSpec& spec, double p) {
  PENSTOCK_ASSERT(!spec.values.empty() && spec.values.size() == spec.probabilities.size());
  const auto above = std::upper_bound(spec.probabilities.begin(), spec.probabilities.end(), p);
  const auto at = static_cast<std::size_t>(above - spec.probabilities.begin());
  if (at == 0 || at == spec.values.size()) {
    return at == 0 ? spec.values.front() : spec.values.back();
  }
  const double low = spec.probabilities[at - 1];
  const double share = (p - low) / (spec.probabilities[at] - low);
  return spec.values[at - 1] + share * (spec.values[at] - spec.values[at - 1]);
}

}  // namespace

double value_at(const LengthSpec& spec, double p) {
  switch (spec.kind) {
    case LengthSpec::Kind::fixed:
      return spec.a;
    case LengthSpec::Kind::uniform:
      return spec.a + p * (spec.b - spec.a);
    case LengthSpec::Kind::lognormal:
      return lognormal_at(spec, p);
    case LengthSpec::Kind::quantiles:
      return quantile_at(spec, p);
  }
  PENSTOCK_ASSERT(false);
}

std::int64_t length_at(const LengthSpec& spec, double p) {
  return spec.kind == LengthSpec::Kind::uniform ? uniform_at(spec, p)
                                                : rounded_tokens(value_at(spec, p));
}

LengthSampler::LengthSampler(LengthSpec spec, std::uint64_t seed, std::string_view stream)
    : spec_(std::move(spec)),
      rng_(seed, stream),
      fixed_(spec_.kind == LengthSpec::Kind::fixed ? length_at(spec_, 0.5) : 0) {}

double LengthSampler::draw() { return fixed_ > 0 ? 0.5 : rng_.uniform(); }

Copula::Copula(double rank_correlation)
    : correlation_(normal_correlation(rank_correlation)),
      rest_(std::sqrt(1 - correlation_ * correlation_)) {}

double Copula::second(double first, double independent) const {
  if (correlation_ == 0) {
    return independent;
  }
  const double z = normal_quantile(first);
  const double own = normal_quantile(independent);
  return normal_cdf(correlation_ * z + rest_ * own);
}

}  // namespace penstock
