#include "tools/explore/design.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "config/text.h"
#include "sim/core/math.h"
#include "sim/core/rng.h"

namespace penstock::explore {
namespace {

/// 0 .. count - 1 in an order of the stream's own (Fisher and Yates).
std::vector<std::size_t> shuffled(std::size_t count, Rng& rng) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t left = count; left > 1; --left) {
    const std::uint64_t chosen = rng.below(left);
    std::swap(order[left - 1], order[chosen]);
  }
  return order;
}

/// The range's value at `share` of its width, 0 < share < 1.
double value_at(const Range& range, double share) {
  const double low = range.low.value();
  const double high = range.high.value();
  if (range.is_whole()) {
    // All whole numbers get the same room, the upper end too.
    const double beyond = high + 1;
    const double value = range.kind == Range::Kind::factor
                             ? low * math::exp(share * math::log(beyond / low))
                             : low + share * (beyond - low);
    return std::clamp(static_cast<double>(static_cast<std::int64_t>(value - low)) + low, low, high);
  }
  const double value = range.kind == Range::Kind::factor
                           ? low * math::exp(share * math::log(high / low))
                           : low + share * (high - low);
  return std::clamp(value, low, high);
}

/// The only item, if it is a range that may be taken as continuous.
const Range* continuous(const Variation& variation) {
  const bool single = variation.items.size() == 1 && variation.items.front().range;
  return single && variation.items.front().range->kind != Range::Kind::step
             ? &*variation.items.front().range
             : nullptr;
}

std::vector<std::string> spread(const Variation& variation, std::size_t count, std::uint64_t seed,
                                config::Reporter& reporter) {
  Rng rng(seed, "sweep/" + variation.path);
  const std::vector<std::size_t> strata = shuffled(count, rng);
  std::vector<std::string> values;
  if (const Range* range = continuous(variation)) {
    for (const std::size_t stratum : strata) {
      const double within = rng.uniform();
      const double share = (static_cast<double>(stratum) + within) / static_cast<double>(count);
      values.push_back(value_text(*range, value_at(*range, share), 6));
    }
    return values;
  }
  const std::vector<std::string> listed = values_of(variation, reporter);
  for (const std::size_t stratum : strata) {
    if (!listed.empty()) {
      values.push_back(listed[stratum * listed.size() / count]);
    }
  }
  return values;
}

Design with_paths(const std::vector<Variation>& variations) {
  Design design;
  for (const Variation& variation : variations) {
    design.paths.push_back(variation.path);
  }
  return design;
}

}  // namespace

Design make_grid(const std::vector<Variation>& variations, config::Reporter& reporter) {
  Design design = with_paths(variations);
  design.points.emplace_back();
  for (const Variation& variation : variations) {
    const std::vector<std::string> values = values_of(variation, reporter);
    if (reporter.has_errors()) {
      return with_paths(variations);
    }
    if (values.size() > max_points / design.points.size()) {
      reporter.error(
          variation.span,
          fmt::format("{} × {} points are too many: at most {}",
                      config::group_digits(static_cast<std::int64_t>(design.points.size())),
                      config::group_digits(static_cast<std::int64_t>(values.size())),
                      config::group_digits(static_cast<std::int64_t>(max_points))),
          "fewer values, or --sample N to draw some of the points");
      return with_paths(variations);
    }
    std::vector<std::vector<std::string>> product;
    for (const std::vector<std::string>& point : design.points) {
      for (const std::string& value : values) {
        product.push_back(point);
        product.back().push_back(value);
      }
    }
    design.points = std::move(product);
  }
  return design;
}

Design make_latin_hypercube(const std::vector<Variation>& variations, std::size_t count,
                            std::uint64_t seed, config::Reporter& reporter) {
  Design design = with_paths(variations);
  std::vector<std::vector<std::string>> points(count);
  for (const Variation& variation : variations) {
    const std::vector<std::string> values = spread(variation, count, seed, reporter);
    if (reporter.has_errors()) {
      return design;
    }
    for (std::size_t i = 0; i < count; ++i) {
      points[i].push_back(values[i]);
    }
  }
  design.points = std::move(points);
  return design;
}

std::vector<std::string> sets_of(const Design& design, std::size_t point,
                                 const std::vector<std::string>& before) {
  std::vector<std::string> sets = before;
  for (std::size_t d = 0; d < design.paths.size(); ++d) {
    sets.push_back(design.paths[d] + "=" + design.points[point][d]);
  }
  return sets;
}

}  // namespace penstock::explore
