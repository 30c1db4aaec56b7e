#include "tools/validation/drawn_lengths.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "sim/core/math.h"
#include "sim/core/rng.h"

namespace penstock {
namespace {

std::vector<std::int64_t> slices(std::size_t count, const LengthShape& shape, double scale) {
  std::vector<std::int64_t> lengths;
  lengths.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double p = (static_cast<double>(i) + 0.5) / static_cast<double>(count);
    const double length = scale * math::exp(shape.sigma * normal_quantile(p));
    lengths.push_back(
        std::clamp(static_cast<std::int64_t>(std::llround(length)), shape.shortest, shape.longest));
  }
  return lengths;
}

double mean_of(const std::vector<std::int64_t>& lengths) {
  return std::accumulate(lengths.begin(), lengths.end(), 0.0) / static_cast<double>(lengths.size());
}

}  // namespace

std::vector<std::int64_t> drawn_lengths(std::size_t count, const LengthShape& shape,
                                        std::string_view stream) {
  double low = 0;
  auto high = static_cast<double>(shape.longest);
  for (int i = 0; i < 40; ++i) {  // the scale that gives the mean, by halving
    const double middle = (low + high) / 2;
    (mean_of(slices(count, shape, middle)) < shape.mean ? low : high) = middle;
  }
  std::vector<std::int64_t> lengths = slices(count, shape, high);
  Rng rng(1, stream);
  for (std::size_t i = lengths.size(); i > 1; --i) {
    std::swap(lengths[i - 1], lengths[rng.below(i)]);
  }
  return lengths;
}

void draw_lengths(std::vector<Request>& requests, const LengthShape& input,
                  const LengthShape& output) {
  const std::vector<std::int64_t> inputs = drawn_lengths(requests.size(), input, "input");
  const std::vector<std::int64_t> outputs = drawn_lengths(requests.size(), output, "output");
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].input_tokens = inputs[i];
    requests[i].output_tokens = outputs[i];
  }
}

void draw_share_gpt(std::vector<Request>& requests, double mean_input, double mean_output) {
  constexpr double sigma = 1.05;
  draw_lengths(requests, {.mean = mean_input, .sigma = sigma, .shortest = 4, .longest = 1024},
               {.mean = mean_output, .sigma = sigma, .shortest = 4, .longest = 1024});
}

}  // namespace penstock
