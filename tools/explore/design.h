#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "config/report.h"
#include "tools/explore/values.h"

namespace penstock::explore {

/// Which points a sweep visits, in the order of its results.
struct Design {
  std::vector<std::string> paths;                ///< the varied keys
  std::vector<std::vector<std::string>> points;  ///< a value for each of them
};

/// Every combination of all values: the last `--vary` changes fastest. Reports lists and products
/// of more than max_points.
Design make_grid(const std::vector<Variation>& variations, config::Reporter& reporter);

/// A Latin hypercube of `count` points: each variation's values are spread over its whole range
/// evenly, one in each of `count` strata, in an order drawn from (seed, path).
///
/// A single range `a..b`, `a..b:linN` is taken as continuous, `a..b:logN` likewise on a logarithmic
/// scale; whole bounds give whole numbers. Of everything else the listed values are taken equally
/// often (as nearly as possible). The same points on every machine.
Design make_latin_hypercube(const std::vector<Variation>& variations, std::size_t count,
                            std::uint64_t seed, config::Reporter& reporter);

/// Sets for load_scenario() that make point `point` of the design, after the user's own.
std::vector<std::string> sets_of(const Design& design, std::size_t point,
                                 const std::vector<std::string>& before);

}  // namespace penstock::explore
