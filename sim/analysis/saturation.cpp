#include "sim/analysis/saturation.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "sim/core/math.h"
#include "sim/cost/phase_split.h"

namespace penstock {
namespace {

/// Above so many prompts a step their number hardly varies.
constexpr double many_prompts = 40;

/// Sums over steps, weighted.
struct StepSums {
  double ps = 0;
  double input_ps = 0;  ///< of which prefill pays
};

/// The mean step of a steady state, put together from kinds of steps.
class MeanStep {
 public:
  MeanStep(StepModel& model, const TrafficMeans& traffic) : model_(model), traffic_(traffic) {}

  /// A share `weight` of the steps: so many decodes (a fraction: some steps have one more) beside
  /// prompt tokens in `prompts` chunks.
  void add(double weight, double decodes, std::int64_t tokens, std::int64_t prompts) {
    const double whole = std::floor(std::max(0.0, decodes));
    const double above = std::max(0.0, decodes) - whole;
    add_step(weight * (1 - above), static_cast<std::int64_t>(whole), tokens, prompts);
    add_step(weight * above, static_cast<std::int64_t>(whole) + 1, tokens, prompts);
  }
  const StepSums& sums() const { return sums_; }

 private:
  void add_step(double weight, std::int64_t decodes, std::int64_t tokens, std::int64_t prompts) {
    if (weight <= 0 || decodes + tokens == 0) {
      return;
    }
    fill_chunks(tokens, prompts);
    const double context = traffic_.context();
    const auto longest = std::min(static_cast<double>(traffic_.longest), 2 * context);
    const StepLoad load{
        .decodes = decodes,
        .kv_sum = std::llround(static_cast<double>(decodes) * context),
        .kv_max = decodes > 0 ? std::max<std::int64_t>(1, std::llround(longest)) : 0,
        .window_sum = window_sum(decodes, context),
        .chunks = chunks_,
        .sampled = decodes + std::llround(static_cast<double>(tokens) / traffic_.input)};
    const StepCost cost = model_.cost(load);
    sums_.ps += weight * static_cast<double>(cost.total);
    if (tokens > 0) {
      sums_.input_ps += weight * static_cast<double>(prefill_share(load, cost));
    }
  }

  /// Of sequences as long as the mean one.
  std::int64_t window_sum(std::int64_t decodes, double context) const {
    return std::llround(static_cast<double>(decodes) *
                        std::min(context, static_cast<double>(model_.window())));
  }

  /// Equal chunks with the attention pairs per token of the mean prompt.
  void fill_chunks(std::int64_t tokens, std::int64_t prompts) {
    chunks_.clear();
    for (std::int64_t i = 0; i < prompts && tokens > 0; ++i) {
      const std::int64_t q = tokens * (i + 1) / prompts - tokens * i / prompts;
      const double context = traffic_.pairs / traffic_.input - static_cast<double>(q + 1) / 2;
      chunks_.push_back({.q = q, .context = std::llround(std::max(0.0, context))});
    }
  }

  std::int64_t prefill_share(const StepLoad& load, const StepCost& cost) {
    std::int64_t share = 0;
    for (const Part part : shared_parts) {
      share += cost.part(part);
    }
    if (load.decodes > 0) {
      for (const std::int64_t decode : split_phases(model_, cost, load).decode) {
        share -= decode;
      }
    }
    return share;
  }

  StepModel& model_;
  const TrafficMeans& traffic_;
  std::vector<Chunk> chunks_;
  StepSums sums_;
};

/// Steps that take 0, 1, 2 ... whole prompts, and full ones for what exceeds the budget's room.
class Mixture {
 public:
  /// `requests`: completed a step; `room`: prompt tokens that fit beside the decodes.
  Mixture(const TrafficMeans& traffic, double requests, double room)
      : traffic_(traffic), requests_(requests), room_(std::max(1.0, room)) {}

  void add_to(MeanStep& mean, double sequences) const {
    const double tokens = requests_ * traffic_.input;
    const double decodes = requests_ * (traffic_.output - 1);
    const auto most = static_cast<std::int64_t>(room_ / traffic_.input);
    if (tokens >= room_ * (1 - 1e-9) || requests_ > many_prompts) {
      mean.add(1, decodes, std::llround(std::min(tokens, room_)), prompts_in(tokens));
      return;
    }
    if (most == 0) {  // no step takes a whole prompt
      const double full = tokens / room_;
      mean.add(full, decodes - (1 - full), std::llround(room_), 1);
      mean.add(1 - full, decodes + full, 0, 0);
      return;
    }
    add_binomial(mean, sequences, most);
  }

 private:
  static std::int64_t at_least_one(double x) { return std::max<std::int64_t>(1, std::llround(x)); }
  std::int64_t prompts_in(double tokens) const { return at_least_one(tokens / traffic_.input); }

  /// Each of the sequences completes, and is replaced, with the same probability.
  void add_binomial(MeanStep& mean, double sequences, std::int64_t most) const {
    const double n = std::max(1.0, std::ceil(sequences));
    const double p = std::min(1.0, requests_ / n);
    const double all = requests_ * traffic_.output;  // sequences a step
    if (p > 1 - 1e-9) {
      mean.add(1, all - n, std::llround(n * traffic_.input), static_cast<std::int64_t>(n));
      return;
    }
    std::vector<double> shares;
    double share = math::exp(n * math::log(1 - p));
    double mass = 0;
    double mean_prompts = 0;
    for (std::int64_t j = 0; j <= std::min(most, static_cast<std::int64_t>(n)); ++j) {
      const auto k = static_cast<double>(j);
      shares.push_back(share);
      mass += share;
      mean_prompts += share * k;
      share *= p / (1 - p) * (n - k) / (k + 1);
    }
    mean_prompts /= mass;
    // The rest of the tokens goes into full steps.
    const double room_prompts = room_ / traffic_.input;
    const double full = std::clamp(
        (requests_ - mean_prompts) / std::max(1e-9, room_prompts - mean_prompts), 0.0, 1.0);
    for (std::size_t j = 0; j < shares.size(); ++j) {
      const auto k = static_cast<double>(j);
      mean.add((1 - full) * shares[j] / mass, all - k, std::llround(k * traffic_.input),
               static_cast<std::int64_t>(j));
    }
    mean.add(full, all - room_prompts, std::llround(room_), prompts_in(room_));
  }

  const TrafficMeans& traffic_;
  double requests_;
  double room_;
};

/// Sequences that the pool holds: what is too small for the next prompt stays empty.
double kv_sequences(const EngineSpec& engine, const TrafficMeans& traffic) {
  const double extra = engine.async_scheduling ? 1 : 0;
  const double held =
      (traffic.block_steps + extra * traffic.last_blocks) / (traffic.output + extra);
  const double blocks = static_cast<double>(engine.num_gpu_blocks) * (1 - engine.watermark);
  return std::max(1.0, (blocks - traffic.first_blocks / 2) / held);
}

}  // namespace

std::optional<Saturation> saturate(const EngineSpec& engine, StepModel& model,
                                   const TrafficMeans& traffic, std::int64_t most_sequences) {
  if (traffic.weight <= 0 || engine.num_gpu_blocks < 1 || traffic.input <= 0) {
    return std::nullopt;
  }
  Saturation out;
  out.kv_sequences = kv_sequences(engine, traffic);
  const auto slots = static_cast<double>(
      most_sequences > 0 ? std::min(most_sequences, engine.max_num_seqs) : engine.max_num_seqs);
  out.limit = out.kv_sequences < slots ? BatchLimit::kv_memory : BatchLimit::max_num_seqs;
  const double sequences = std::min(out.kv_sequences, slots);
  const auto budget = static_cast<double>(engine.max_num_batched_tokens);

  // Steps of a prompt: one, or as many as the room beside the decodes makes of it.
  const double room_guess = std::max(1.0, budget - sequences);
  const double prefill_steps = std::max(1.0, traffic.input / room_guess);
  const double stay = traffic.output - 1 + prefill_steps + (engine.async_scheduling ? 1 : 0);
  double requests = sequences / stay;
  const double by_budget = budget / (traffic.input + traffic.output - 1);
  if (requests > by_budget) {
    requests = by_budget;
    out.limit = BatchLimit::max_num_batched_tokens;
  }
  const double decodes = requests * (traffic.output - 1);
  MeanStep mean(model, traffic);
  Mixture(traffic, requests, budget - decodes).add_to(mean, sequences);
  const StepSums& step = mean.sums();
  if (step.ps <= 0) {
    return std::nullopt;
  }
  out.sequences = std::min(sequences, requests * stay);
  out.step_ms = step.ps / 1e9;
  out.decodes = decodes;
  out.prompt_tokens = requests * traffic.input;
  out.requests_a_step = requests;
  out.requests_per_s = requests / step.ps * 1e12;
  out.input_tokens_per_s = out.requests_per_s * traffic.input;
  out.output_tokens_per_s = out.requests_per_s * traffic.output;
  out.input_ps = step.input_ps / out.prompt_tokens;
  out.output_ps = (step.ps - step.input_ps) / (requests * traffic.output);
  return out;
}

EngineSpec lane_engine(const Scenario& scenario) {
  EngineSpec lane = scenario.engine;
  const std::int64_t lanes = scenario.cluster.pipeline_parallel;
  lane.num_gpu_blocks /= lanes;
  if (lane.scheduler == "vllm_v1") {  // TensorRT-LLM's limit is that of each batch
    lane.max_num_seqs = std::max<std::int64_t>(1, lane.max_num_seqs / lanes);
  }
  return lane;
}

double per_million(const Scenario& scenario, double ps) {
  constexpr double ps_per_hour = 3.6e15;
  return ps / ps_per_hour * scenario.cluster.tensor_parallel * scenario.prices.gpu_per_hour * 1e6;
}

const char* to_string(BatchLimit limit) {
  switch (limit) {
    case BatchLimit::kv_memory:
      return "kv_memory";
    case BatchLimit::max_num_seqs:
      return "max_num_seqs";
    case BatchLimit::max_num_batched_tokens:
      return "max_num_batched_tokens";
  }
  return "";
}

}  // namespace penstock
