#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/request_source.h"

namespace penstock {

/// Lengths of which a mean is published: lognormal with this spread, cut at both ends.
struct LengthShape {
  double mean = 0;   ///< of the lengths as cut
  double sigma = 0;  ///< of the logarithm, before the cut
  std::int64_t shortest = 1;
  std::int64_t longest = 0;
};

/// `count` lengths of that shape: equal slices of the distribution, in random order.
std::vector<std::int64_t> drawn_lengths(std::size_t count, const LengthShape& shape,
                                        std::string_view stream);

/// Gives each request lengths of its own.
void draw_lengths(std::vector<Request>& requests, const LengthShape& input,
                  const LengthShape& output);

/// ShareGPT as the serving benchmarks of vLLM and SGLang cut it (first turns; prompts of 4 to 1,024
/// tokens), with means as published.
///
/// Spreads: prompts of median 136 and 95th percentile 767 at a mean of about 215 (a vLLM user's
/// published run of the harness); outputs of median 119 at a mean of 195, which (E2E - TTFT)/TPOT
/// says of all four runs at a rate in sgl-project/sglang benchmark_vllm_060 @120affb9.
void draw_share_gpt(std::vector<Request>& requests, double mean_input, double mean_output);

}  // namespace penstock
