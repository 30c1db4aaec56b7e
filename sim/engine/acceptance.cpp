#include "sim/engine/acceptance.h"

#include <algorithm>
#include <utility>

#include "sim/core/assert.h"
#include "sim/core/rng.h"
#include "sim/scenario.h"

namespace penstock {

namespace {

std::vector<double> convolve(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> sum(a.size() + b.size() - 1);
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < b.size(); ++j) {
      sum[i + j] += a[i] * b[j];
    }
  }
  return sum;
}

std::vector<double> cumulative(const std::vector<double>& probabilities) {
  std::vector<double> upto;
  double sum = 0;
  for (const double p : probabilities) {
    upto.push_back(sum += p);
  }
  upto.back() = 1;  // whatever rounding has left
  return upto;
}

}  // namespace

AcceptanceLaw::AcceptanceLaw(std::span<const double> acceptance)
    : most_(static_cast<std::int64_t>(acceptance.size()) + 1) {
  PENSTOCK_ASSERT(!acceptance.empty());
  std::vector<double> accepted;  // by drafts accepted
  double all = 1;
  for (const double p : acceptance) {
    PENSTOCK_ASSERT(p >= 0 && p <= 1);
    accepted.push_back(all * (1 - p));
    all *= p;
    mean_ += all;
  }
  accepted.push_back(all);
  for (std::int64_t steps = 1;; steps *= 2) {
    sums_.push_back(cumulative(accepted));
    if (steps == longest_sum) {
      return;
    }
    accepted = convolve(accepted, accepted);
  }
}

std::int64_t AcceptanceLaw::draw_steps(std::int64_t tokens, std::uint64_t key) const {
  std::int64_t steps = 0;
  std::size_t j = sums_.size() - 1;
  while (tokens > 0) {
    std::int64_t together = std::int64_t{1} << j;
    while (j > 0 && together * most_ > tokens) {
      --j;
      together /= 2;
    }
    key += 0x9e3779b97f4a7c15ULL;
    const double u = static_cast<double>(mix_bits(key) >> 11) * 0x1p-53;
    const std::vector<double>& upto = sums_[j];
    const auto drawn = std::upper_bound(upto.begin(), upto.end(), u) - upto.begin();
    steps += together;
    tokens -= together + drawn;
  }
  return steps;
}

double SpeculativeSpec::mean_tokens() const {
  double mean = 1;
  double all = 1;
  for (const double p : acceptance) {
    mean += all *= p;
  }
  return mean;
}

std::int64_t EngineSpec::draft_slots() const {
  const std::int64_t drafts = speculative.num_speculative_tokens();
  if (drafts == 0) {
    return 0;
  }
  if (scheduler == "sglang") {
    // Drafts are written where they are verified. With the overlap scheduler (spec V2) there is
    // room for two steps, of which one token is the step's own.
    return async_scheduling ? 2 * (1 + drafts) - 1 : drafts;
  }
  if (scheduler == "tensorrt_llm") {
    // A drafter in the model's own engine has the slots of its later passes beside.
    const bool is_layer =
        speculative.has_drafter() && speculative.method != SpeculativeSpec::Method::draft_model;
    return is_layer ? 2 * drafts - 1 : drafts;
  }
  return speculative.has_drafter() ? 2 * drafts : drafts;  // scheduler-semantics 1.8.2
}

const char* to_string(SpeculativeSpec::Method method) {
  using Method = SpeculativeSpec::Method;
  switch (method) {
    case Method::none:
      return "none";
    case Method::ngram:
      return "ngram";
    case Method::eagle:
      return "eagle";
    case Method::eagle3:
      return "eagle3";
    case Method::mtp:
      return "mtp";
    case Method::draft_model:
      return "draft_model";
  }
  PENSTOCK_ASSERT(false);
}

Pace make_pace(const AcceptanceLaw& law, std::int64_t ahead) {
  constexpr std::int64_t finest = 16;
  Pace best{.unit = 1, .advance = 1, .ahead = ahead};
  double best_error = law.mean();
  for (std::int64_t unit = 1; unit <= finest; ++unit) {
    const double advance = law.mean() * static_cast<double>(unit);
    const auto nearest = static_cast<std::int64_t>(advance + 0.5);
    const double off = advance - static_cast<double>(nearest);
    const double error = (off < 0 ? -off : off) / static_cast<double>(unit);
    if (error < best_error) {
      best_error = error;
      best.unit = unit;
      best.advance = nearest;
    }
  }
  return best;
}

}  // namespace penstock
