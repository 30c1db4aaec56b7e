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

/// What a request of a traffic takes of a full replica, in steps.
struct Stay {
  double steps = 0;
  double decodes = 0;  ///< of which with a row of it, be it in vain
  double rows = 1;     ///< tokens of the budget that such a row takes: more with drafts
};

/// Steps in which so many tokens come out, in the mean: Wald's identity, with what the last step
/// emits beyond the end as renewal theory has it for many tokens.
double decode_steps(const SpeculativeSpec& drafts, double tokens) {
  double at_least = 1;  // so many drafts and one are emitted with this probability
  double mean = 1;
  double square = 1;
  for (std::size_t i = 0; i < drafts.acceptance.size(); ++i) {
    at_least *= drafts.acceptance[i];
    mean += at_least;
    square += at_least * static_cast<double>(2 * i + 3);
  }
  const double beyond = (square - mean) / (2 * mean);
  return (tokens + beyond * std::min(tokens, 1.0)) / mean;
}

/// Steps that take 0, 1, 2 ... whole prompts, and full ones for what exceeds the budget's room.
class Mixture {
 public:
  /// `requests`: completed a step; `room`: prompt tokens that fit beside the decodes.
  Mixture(const TrafficMeans& traffic, double requests, double room, const Stay& stay)
      : traffic_(traffic),
        requests_(requests),
        room_(std::max(1.0, room)),
        decodes_(requests * stay.decodes) {}

  void add_to(MeanStep& mean, double sequences) const {
    const double tokens = requests_ * traffic_.input;
    const auto most = static_cast<std::int64_t>(room_ / traffic_.input);
    if (tokens >= room_ * (1 - 1e-9) || requests_ > many_prompts) {
      mean.add(1, decodes_, std::llround(std::min(tokens, room_)), prompts_in(tokens));
      return;
    }
    if (most == 0) {  // no step takes a whole prompt
      const double full = tokens / room_;
      mean.add(full, decodes_ - (1 - full), std::llround(room_), 1);
      mean.add(1 - full, decodes_ + full, 0, 0);
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
    const double all = decodes_ + requests_;  // sequences a step
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
    // The rest of the tokens, if any step is short of room, goes into full steps.
    const double room_prompts = room_ / traffic_.input;
    const double full =
        static_cast<double>(most) >= n
            ? 0
            : std::clamp((requests_ - mean_prompts) / std::max(1e-9, room_prompts - mean_prompts),
                         0.0, 1.0);
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
  double decodes_;  ///< a step
};

/// Whether steps compute either prompts or decodes: then all that decode stand still meanwhile.
bool runs_prompts_apart(const EngineSpec& engine) {
  return engine.scheduler == "vllm_v0" ||
         (engine.scheduler == "sglang" && !engine.sglang.enable_mixed_chunk);
}

/// Sequences that the pool holds: what is too small for the next prompt stays empty.
double kv_sequences(const EngineSpec& engine, const TrafficMeans& traffic) {
  const double extra = engine.async_scheduling ? 1 : 0;
  double held = (traffic.block_steps + extra * traffic.last_blocks) / (traffic.output + extra);
  double next = traffic.first_blocks;
  const double drafts =
      static_cast<double>(engine.draft_slots()) / static_cast<double>(engine.block_size);
  if (engine.holds_slots()) {
    return std::max(1.0, static_cast<double>(engine.num_gpu_blocks));
  }
  if (engine.scheduler == "tensorrt_llm" && engine.tensorrt_llm.capacity_scheduler_policy ==
                                                TensorRtSpec::Capacity::guaranteed_no_evict) {
    held = next = traffic.reserve_steps / traffic.output;
  }
  if (engine.scheduler == "sglang") {  // 2.5.3, with the least share of unborn tokens
    constexpr double least_ratio = 0.7 * 0.14;
    constexpr double clip_max_new_tokens = 4096;
    const double ratio = std::min(least_ratio * engine.sglang.schedule_conservativeness, 1.0);
    const double output = std::min(traffic.output, clip_max_new_tokens);
    const auto page = static_cast<double>(engine.block_size);
    held += ratio * output / 2 / page;
    next += output / page;
  }
  const double blocks = static_cast<double>(engine.num_gpu_blocks) * (1 - engine.watermark);
  return std::max(1.0, (blocks - (next + drafts) / 2) / (held + drafts));
}

/// Tokens that a step takes, at most.
double step_budget(const EngineSpec& engine, const TrafficMeans& traffic, double sequences) {
  if (engine.scheduler == "orca") {  // no limit: all their prompts, a token of each beside them
    return sequences * (traffic.input + 1);
  }
  const auto budget = static_cast<double>(engine.max_num_batched_tokens);
  if (engine.scheduler != "sglang") {
    return budget;
  }
  const auto prompts = static_cast<double>(engine.sglang.max_prefill_tokens);
  return engine.enable_chunked_prefill ? std::min(budget, prompts) : prompts;
}

/// Steps that prompts share with decodes.
StepSums mix(const EngineSpec& engine, StepModel& model, const TrafficMeans& traffic,
             double sequences, const Stay& stay, Saturation& out) {
  const double budget = step_budget(engine, traffic, sequences);
  double requests = sequences / stay.steps;
  const double by_budget = budget / (traffic.input + stay.rows * stay.decodes);
  if (requests > by_budget) {
    requests = by_budget;
    out.limit = BatchLimit::max_num_batched_tokens;
  }
  out.decodes = requests * stay.decodes;
  MeanStep mean(model, traffic);
  Mixture(traffic, requests, budget - stay.rows * out.decodes, stay).add_to(mean, sequences);
  out.sequences = std::min(sequences, requests * stay.steps);
  out.requests_a_step = requests;
  return mean.sums();
}

/// Steps of all that decode, and between them those of the prompts that take the places of who has
/// left.
StepSums alternate(const EngineSpec& engine, StepModel& model, const TrafficMeans& traffic,
                   double sequences, const Stay& stay, Saturation& out) {
  const double budget = std::max(1.0, step_budget(engine, traffic, sequences));
  const double decodes = stay.decodes;
  MeanStep mean(model, traffic);
  double steps = 1;
  double requests = 1;  // for each step that decodes
  const auto add_prompts = [&](double weight, double prompts) {
    const double tokens = prompts * traffic.input;
    const double parts = std::max(1.0, tokens / budget);
    const auto each = std::max<std::int64_t>(1, std::llround(prompts / parts));
    mean.add(weight * parts, 0, std::llround(tokens / parts), each);
    steps += weight * parts;
  };
  if (decodes < 0.5) {  // nobody does
    steps = 0;
    requests = std::min(sequences, std::max(1.0, std::floor(budget / traffic.input)));
    add_prompts(1, requests);
  } else {
    requests = sequences / decodes;
    mean.add(1, sequences, 0, 0);
    const double n = std::max(1.0, std::round(sequences));
    const double p = std::min(1.0, requests / n);
    if (requests > many_prompts || p > 1 - 1e-9) {
      add_prompts(1, requests);
    } else {
      double share = math::exp(n * math::log(1 - p));
      for (double k = 1; k <= n && k < 4 * many_prompts; ++k) {
        share *= p / (1 - p) * (n - k + 1) / k;
        add_prompts(share, k);
      }
    }
  }
  out.decodes = decodes < 0.5 ? 0 : sequences;
  out.sequences = sequences;
  out.requests_a_step = requests / steps;
  return {mean.sums().ps / steps, mean.sums().input_ps / steps};
}

}  // namespace

std::optional<Saturation> saturate(const EngineSpec& engine, StepModel& model,
                                   const TrafficMeans& traffic, std::int64_t most_sequences) {
  if (traffic.weight <= 0 || engine.num_gpu_blocks < 1 || traffic.input <= 0 ||
      engine.scheduler == "static") {
    return std::nullopt;
  }
  Saturation out;
  out.kv_sequences = kv_sequences(engine, traffic);
  const auto slots = static_cast<double>(
      most_sequences > 0 ? std::min(most_sequences, engine.max_num_seqs) : engine.max_num_seqs);
  out.limit = out.kv_sequences < slots ? BatchLimit::kv_memory : BatchLimit::max_num_seqs;
  const double sequences = std::min(out.kv_sequences, slots);

  // Steps of a prompt: one, or as many as the room beside the decodes makes of it.
  Stay stay;
  stay.rows = static_cast<double>(engine.speculative.rows());
  const double room_guess =
      std::max(1.0, step_budget(engine, traffic, sequences) - stay.rows * sequences);
  const double prefill_steps = std::max(1.0, traffic.input / room_guess);
  const double wait = engine.async_scheduling ? 1 : 0;
  const double steps = decode_steps(engine.speculative, traffic.output - 1);
  stay.decodes = steps + (engine.finishes_late() ? 1 : 0);
  stay.steps = steps + prefill_steps + wait;
  const StepSums step = runs_prompts_apart(engine)
                            ? alternate(engine, model, traffic, sequences, stay, out)
                            : mix(engine, model, traffic, sequences, stay, out);
  if (step.ps <= 0) {
    return std::nullopt;
  }
  const double requests = out.requests_a_step;
  out.step_ms = step.ps / 1e9;
  out.prompt_tokens = requests * traffic.input;
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
  if (lane.scheduler != "tensorrt_llm") {  // whose limit is that of each batch
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
