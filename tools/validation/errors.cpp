#include "tools/validation/errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/metrics/quantiles.h"

namespace penstock {
namespace {

double quantile(const std::vector<double>& sorted, double p) {
  const QuantilePosition at = quantile_position(sorted.size(), p);
  const double lower = sorted[at.lower];
  return at.fraction > 0 ? lower + at.fraction * (sorted[at.lower + 1] - lower) : lower;
}

}  // namespace

ErrorStats error_stats(const std::vector<Compared>& pairs) {
  ErrorStats stats;
  std::vector<double> absolute;
  for (const Compared& pair : pairs) {
    stats.bias += pair.error() / static_cast<double>(pairs.size());
    absolute.push_back(std::fabs(pair.error()));
  }
  stats.count = absolute.size();
  if (!absolute.empty()) {
    std::sort(absolute.begin(), absolute.end());
    stats.median = quantile(absolute, 0.5);
    stats.p90 = quantile(absolute, 0.9);
  }
  return stats;
}

std::string error_text(const Compared& pair) {
  if (pair.measured <= 0) {
    return "–";
  }
  const double percent = 100 * pair.error();
  return std::fabs(percent) < 0.05 ? "0.0" : fmt::format("{:+.1f}", percent);
}

}  // namespace penstock
