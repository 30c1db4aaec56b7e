#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/scenario.h"
#include "workloads/generator.h"

/// Statistics of arrivals, for the tests of generators.
namespace penstock::test {

/// Arrivals of a class before `end`, in ps, `most` of them at most; also what `rescale` counts.
inline std::vector<std::int64_t> arrivals_until(const ClassSpec& spec, SimTime end,
                                                std::size_t most = SIZE_MAX,
                                                std::uint64_t seed = 1) {
  GeneratedStream stream(spec, {.seed = seed, .requests = most, .until = end});
  std::vector<std::int64_t> all;
  while (all.size() < most && stream.next_arrival() < SimTime::never()) {
    all.push_back(stream.pop().arrival.ps);
  }
  return all;
}

/// The first `count` gaps in seconds, the one before the first arrival included.
inline std::vector<double> gaps_of(const ClassSpec& spec, std::size_t count) {
  std::vector<double> gaps;
  std::int64_t before = 0;
  for (const std::int64_t at : arrivals_until(spec, SimTime::never(), count)) {
    gaps.push_back(static_cast<double>(at - before) / ps_per_s);
    before = at;
  }
  return gaps;
}

/// Variance over mean of the counts in windows, as many as fit into `span`.
inline double fano(const std::vector<std::int64_t>& arrivals, SimTime window, SimTime span) {
  std::vector<double> counts(static_cast<std::size_t>(span.ps / window.ps));
  for (const std::int64_t at : arrivals) {
    const auto bin = static_cast<std::size_t>(at / window.ps);
    if (bin < counts.size()) {
      counts[bin] += 1;
    }
  }
  double sum = 0;
  double squares = 0;
  for (const double count : counts) {
    sum += count;
    squares += count * count;
  }
  const double mean = sum / static_cast<double>(counts.size());
  return (squares / static_cast<double>(counts.size()) - mean * mean) / mean;
}

}  // namespace penstock::test
