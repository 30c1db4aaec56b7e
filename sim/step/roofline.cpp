#include "sim/step/roofline.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

#include "sim/core/assert.h"
#include "sim/step/padding.h"
#include "sim/step/roofline_costs.h"
#include "sim/step/roofline_parameters.h"

namespace penstock {
namespace {

constexpr double ps_per_ms = 1e9;

std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

template <std::size_t size>
std::int64_t sum(const std::array<std::int64_t, size>& values) {
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

class RooflineModel final : public StepModel {
 public:
  /// `useful`: PeakTimes, but for the window.
  RooflineModel(const Scenario& scenario, RooflineParameters parameters, const PeakTimes& useful,
                const DecodeRows& rows);

  StepCost cost(const StepLoad& load) override;
  SharedParts chunks_alone(const StepLoad& load) override {
    const bool fresh = load.chunks.size() == 1 && load.chunks.front().context == 0 &&
                       load.chunks.front().q <= step_memo_limit;
    return fresh ? prompt_alone(load) : make_chunks_alone(load);
  }
  PeakTimes peak_times() const override;
  std::int64_t window() const override { return window_; }

 private:
  /// Picoseconds of operator time, engine factor included.
  std::int64_t scaled(double ms) const { return ceil_ps(ms * time_factor_ps_); }
  /// Of `count` operators' variable time, so that with their latency they keep to their floor.
  std::int64_t variable_ps(const OperatorTime& time, double count, std::int64_t latency) const;

  const TokenCost& tokens(std::int64_t count);
  TokenCost make_tokens(std::int64_t count) const;
  std::int64_t expert_bytes_ps(double tokens) const;
  /// Of one prompt from its start, or the first piece of it.
  const SharedParts& prompt_alone(const StepLoad& load);
  SharedParts make_chunks_alone(const StepLoad& load);
  HeadCost head(std::int64_t rows);
  HeadCost make_head(std::int64_t rows) const;
  DecodeCost make_decode(std::int64_t n) override;

  void add_tokens(std::int64_t count, StepCost& cost);
  void add_head(std::int64_t rows, StepCost& cost);
  void add_attention(const StepLoad& load, StepCost& cost) const;
  std::int64_t cpu_ps(std::int64_t sequences) const {
    return parameters_.cpu.per_step.ps + parameters_.cpu.per_sequence.ps * sequences * cpu_ranks_;
  }
  void set_decode_attention();

  RooflineParameters parameters_;
  PeakTimes useful_;
  DecodeRows rows_;
  double time_factor_ps_;  ///< ps per ms of operator time
  Padding padding_;

  // Constants of every step, all layers, in ps.
  std::int64_t gemm_latency_ = 0;
  std::int64_t token_overhead_ = 0;  ///< latencies of GEMMs, elementwise kernels and all-reduces
  std::int64_t weights_ = 0;         ///< variable GEMM time of a single token
  std::int64_t head_latency_ = 0;
  std::int64_t head_weights_ = 0;
  std::vector<DecodeKernel> kernels_;  ///< as parameters_.attention; below their sums
  std::int64_t decode_latency_ = 0;
  std::int64_t decode_sequence_ = 0;
  std::int64_t decode_per_kv_ = 0;
  std::int64_t decode_per_window_ = 0;
  Resource decode_reads_ = Resource::memory;
  std::int64_t window_ = 0;
  std::int64_t cpu_ranks_ = 1;

  std::vector<TokenCost> tokens_;     ///< by padded token count
  std::vector<HeadCost> heads_;       ///< by rows
  std::vector<SharedParts> prompts_;  ///< by tokens, with and without a sampled row
  TokenCost tokens_beyond_memo_;
};

/// Adds `ps` to a part and to a resource.
void book(StepCost& cost, Part part, Resource resource, std::int64_t ps) {
  cost.part(part) += ps;
  cost.resources[static_cast<std::size_t>(resource)] += ps;
}

RooflineModel::RooflineModel(const Scenario& scenario, RooflineParameters parameters,
                             const PeakTimes& useful, const DecodeRows& rows)
    : parameters_(std::move(parameters)),
      useful_(useful),
      rows_(rows),
      time_factor_ps_(parameters_.time_factor * ps_per_ms),
      padding_(scenario.engine.cuda_graph_sizes) {
  add_queries(static_cast<double>(rows.tokens) / static_cast<double>(rows.of), parameters_);
  const TokenTimes one = token_times(parameters_, 1);
  cpu_ranks_ = static_cast<std::int64_t>(parameters_.cpu_ranks);
  gemm_latency_ = scaled(one.gemm.latency_ms + one.moe.latency_ms);
  token_overhead_ = gemm_latency_ + scaled(one.all_reduce.latency_ms) +
                    scaled(one.elementwise.latency_ms + one.final_norm.latency_ms) +
                    ceil_ps(parameters_.send.latency_ms * ps_per_ms);
  weights_ =
      make_tokens(1).variable - scaled(one.elementwise.variable_ms + one.final_norm.variable_ms);
  head_latency_ = scaled(parameters_.head.latency_ms);
  head_weights_ = make_head(1).variable;
  set_decode_attention();
}

void RooflineModel::set_decode_attention() {
  using Span = AttentionLayers::Span;
  std::int64_t most = 0;
  for (const AttentionLayers& layers : parameters_.attention) {
    const AttentionRates& rates = layers.rates;
    const double count = layers.layers;
    const double per_kv_ms = attention_decode_ms_per_kv(rates);
    const double floor = count * attention_decode_floor_ms_per_kv(rates) * ps_per_ms;
    // What every sequence reads, whatever its context.
    const double constant = layers.span == Span::state ? 1
                            : layers.is_full           ? static_cast<double>(layers.window)
                                                       : 0;
    DecodeKernel kernel;
    kernel.latency = scaled(count * rates.decode_latency_ms);
    kernel.prefill_latency = scaled(count * rates.prefill_latency_ms);
    kernel.sequence = scaled(count * (rates.decode_sequence_ms + per_kv_ms * constant));
    kernel.reads = decode_bound(rates);
    const std::int64_t per_kv = std::max(scaled(count * per_kv_ms), ceil_ps(floor));
    if (constant == 0 && layers.span == Span::window) {
      PENSTOCK_ASSERT(window_ == 0 || window_ == layers.window);
      window_ = layers.window;
      kernel.per_window = per_kv;
    } else if (constant == 0) {
      kernel.per_kv = per_kv;
    }
    if (constant == 0 && per_kv > most) {
      most = per_kv;
      decode_reads_ = kernel.reads;
    }
    decode_latency_ += kernel.latency;
    decode_sequence_ += kernel.sequence;
    decode_per_kv_ += kernel.per_kv;
    decode_per_window_ += kernel.per_window;
    kernels_.push_back(kernel);
  }
}

std::int64_t RooflineModel::variable_ps(const OperatorTime& time, double count,
                                        std::int64_t latency) const {
  const double floor = count * time.floor_ms * ps_per_ms;
  const std::int64_t variable =
      std::max(scaled(count * time.variable_ms), ceil_ps(floor) - latency);
  PENSTOCK_ASSERT(static_cast<double>(latency + variable) >= floor);
  return variable;
}

// ---- Tokens and head ----------------------------------------------------------------------------

std::int64_t RooflineModel::expert_bytes_ps(double tokens) const {
  const MoeRates& moe = parameters_.moe;
  return moe.layers == 0 ? 0
                         : static_cast<std::int64_t>(moe.layers / parameters_.layers_timed *
                                                     expert_weight_bytes(moe, tokens) /
                                                     moe.peak_bytes_per_ms * ps_per_ms);
}

TokenCost RooflineModel::make_tokens(std::int64_t count) const {
  const TokenTimes times = token_times(parameters_, static_cast<double>(count));
  const OperatorTime gemms{.latency_ms = times.gemm.latency_ms + times.moe.latency_ms,
                           .variable_ms = times.gemm.variable_ms + times.moe.variable_ms,
                           .floor_ms = times.gemm.floor_ms + times.moe.floor_ms,
                           .bound = Resource::memory};
  const std::int64_t gemm = variable_ps(gemms, 1, gemm_latency_);
  const std::int64_t bytes = scaled(times.elementwise.variable_ms + times.final_norm.variable_ms);
  const std::int64_t experts =
      scaled(expert_weights_ms(parameters_.moe, static_cast<double>(count)) -
             expert_weights_ms(parameters_.moe, 1));
  return {.variable = gemm + bytes,
          .weights = std::min(gemm + bytes, weights_ + experts),
          .memory = std::min(gemm, scaled(times.gemm.memory_ms + times.moe.memory_ms)) + bytes,
          .communication =
              scaled(times.all_reduce.variable_ms) + scaled(times.all_to_all.total_ms()) +
              ceil_ps(parameters_.send.ms_per_token * static_cast<double>(count) * ps_per_ms),
          .expert_bytes = expert_bytes_ps(static_cast<double>(count))};
}

const TokenCost& RooflineModel::tokens(std::int64_t count) {
  const std::int64_t padded = padding_.padded(count);
  if (padded > step_memo_limit) {
    tokens_beyond_memo_ = make_tokens(padded);
    return tokens_beyond_memo_;
  }
  const auto index = static_cast<std::size_t>(padded);
  if (index >= tokens_.size()) {
    tokens_.resize(index + 1);
  }
  if (tokens_[index].variable == 0) {
    tokens_[index] = make_tokens(padded);
  }
  return tokens_[index];
}

void RooflineModel::add_tokens(std::int64_t count, StepCost& cost) {
  const TokenCost& token = tokens(count);
  cost.part(Part::weights) += token.weights;
  cost.part(Part::compute) += token.variable - token.weights;
  cost.resources[static_cast<std::size_t>(Resource::memory)] += token.memory;
  cost.resources[static_cast<std::size_t>(Resource::compute)] += token.variable - token.memory;
  book(cost, Part::communication, Resource::communication, token.communication);
  book(cost, Part::overhead, Resource::latency, token_overhead_);
  cost.expert_bytes += token.expert_bytes;
}

HeadCost RooflineModel::make_head(std::int64_t rows) const {
  const double m = static_cast<double>(rows);
  const OperatorTime time = gemm(parameters_.head, parameters_.head_shape, m);
  return {.overhead = head_latency_ + scaled(sampler_ms(m)),
          .variable = variable_ps(time, 1, head_latency_),
          .bound = time.bound};
}

HeadCost RooflineModel::head(std::int64_t rows) {
  if (rows > step_memo_limit) {
    return make_head(rows);
  }
  const auto index = static_cast<std::size_t>(rows);
  if (index >= heads_.size()) {
    heads_.resize(index + 1);
  }
  if (heads_[index].overhead == 0) {
    heads_[index] = make_head(rows);
  }
  return heads_[index];
}

void RooflineModel::add_head(std::int64_t rows, StepCost& cost) {
  if (rows == 0) {
    return;
  }
  const HeadCost row = head(rows);
  const std::int64_t compute = std::max<std::int64_t>(0, row.variable - head_weights_);
  book(cost, Part::head_weights, row.bound, row.variable - compute);
  book(cost, Part::head_compute, row.bound, compute);
  book(cost, Part::head_overhead, Resource::latency, row.overhead);
}

// ---- Attention of steps with chunks -------------------------------------------------------------

void RooflineModel::add_attention(const StepLoad& load, StepCost& cost) const {
  for (std::size_t i = 0; i < kernels_.size(); ++i) {
    const AttentionLayers& layers = parameters_.attention[i];
    const DecodeKernel& kernel = kernels_[i];
    const AttentionRates& rates = layers.rates;
    const AttentionLoad sums = attention_load(load, layers);
    const bool apart = load.decodes == 0 || has_own_kernels(parameters_, layers);
    const OperatorTime layer =
        apart ? attention_prefill(rates, sums) : attention_mixed(rates, sums);
    book(cost, Part::overhead, Resource::latency, kernel.prefill_latency);
    book(cost, Part::attention, layer.bound,
         variable_ps(layer, layers.layers, kernel.prefill_latency));
    if (load.decodes > 0 && apart) {
      book(cost, Part::overhead, Resource::latency, kernel.latency);
      book(cost, Part::attention, Resource::latency, kernel.sequence * load.decodes);
      book(cost, Part::attention, kernel.reads,
           kernel.per_kv * load.kv_sum + kernel.per_window * load.window_sum);
    } else if (load.decodes > 0) {
      book(cost, Part::attention, Resource::latency,
           scaled(layers.layers * rates.mixed_sequence_ms * sums.decodes));
    }
  }
}

// ---- Whole steps --------------------------------------------------------------------------------

StepCost RooflineModel::cost(const StepLoad& load) {
  if (load.chunks.empty()) {
    return decode(load.decodes).cost(load.decodes, load.kv_sum, load.window_sum);
  }
  std::int64_t count = rows_.count(load.decodes);
  for (const Chunk& chunk : load.chunks) {
    count += chunk.q;
  }
  PENSTOCK_ASSERT(count >= 1);
  StepCost cost;
  add_tokens(count, cost);
  add_head(load.sampled - load.decodes + rows_.heads(load.decodes), cost);
  add_attention(load, cost);
  cost.gpu = sum(cost.parts);
  const std::int64_t cpu = cpu_ps(load.decodes + static_cast<std::int64_t>(load.chunks.size()));
  const std::int64_t waits =
      parameters_.cpu.overlap ? std::max<std::int64_t>(0, cpu - cost.gpu) : cpu;
  book(cost, Part::overhead, Resource::cpu, waits);
  cost.total = cost.gpu + waits;
  PENSTOCK_ASSERT(sum(cost.resources) == cost.total);
  return cost;
}

const SharedParts& RooflineModel::prompt_alone(const StepLoad& load) {
  const auto index = static_cast<std::size_t>(2 * load.chunks.front().q + load.sampled);
  if (index >= prompts_.size()) {
    prompts_.resize(index + 1);
  }
  SharedParts& parts = prompts_[index];
  if (parts.front() == 0) {
    parts = make_chunks_alone(load);
  }
  return parts;
}

SharedParts RooflineModel::make_chunks_alone(const StepLoad& load) {
  const auto sequences = static_cast<std::int64_t>(load.chunks.size());
  if (cpu_ps(sequences) > 0) {  // what the step waits for depends on the head too
    return StepModel::chunks_alone(load);
  }
  std::int64_t count = 0;
  for (const Chunk& chunk : load.chunks) {
    count += chunk.q;
  }
  const TokenCost& token = tokens(count);
  std::int64_t attention = 0;
  std::int64_t overhead = token_overhead_;
  for (std::size_t i = 0; i < kernels_.size(); ++i) {
    const AttentionLayers& layers = parameters_.attention[i];
    const OperatorTime layer = attention_prefill(layers.rates, attention_load(load, layers));
    attention += variable_ps(layer, layers.layers, kernels_[i].prefill_latency);
    overhead += kernels_[i].prefill_latency;
  }
  return {token.weights, token.variable - token.weights, attention, token.communication, overhead};
}

DecodeCost RooflineModel::make_decode(std::int64_t n) {
  DecodeCost out;
  StepCost& fixed = out.fixed;
  add_tokens(rows_.count(n), fixed);
  add_head(rows_.heads(n), fixed);
  book(fixed, Part::overhead, Resource::latency, decode_latency_);
  book(fixed, Part::attention, Resource::latency, decode_sequence_ * n);
  const std::int64_t waits = parameters_.cpu.overlap ? 0 : cpu_ps(n);
  book(fixed, Part::overhead, Resource::cpu, waits);
  for (std::int64_t& part : fixed.parts) {
    part = round_up(part, n);
  }
  fixed.total = sum(fixed.parts);
  fixed.gpu = fixed.total - waits;
  // The picoseconds that rounding added.
  fixed.resources[static_cast<std::size_t>(Resource::latency)] +=
      fixed.total - sum(fixed.resources);
  out.per_kv = decode_per_kv_;
  out.per_window = decode_per_window_;
  out.reads = decode_reads_;
  out.cpu = parameters_.cpu.overlap ? cpu_ps(n) : 0;
  return out;
}

PeakTimes RooflineModel::peak_times() const {
  PeakTimes out = useful_;
  out.window = window_;
  return out;
}

}  // namespace

std::unique_ptr<StepModel> make_roofline_model(const Scenario& scenario, const DecodeRows& rows) {
  const RooflineParameters parameters = make_roofline_parameters(scenario);
  return std::make_unique<RooflineModel>(scenario, with_fullest_stages(parameters),
                                         useful_times(parameters), rows);
}

std::unique_ptr<StepModel> make_rank_model(const Scenario& scenario, const DecodeRows& rows) {
  RooflineParameters parameters = make_roofline_parameters(scenario);
  const PeakTimes useful = useful_times(parameters);
  parameters.moe = {};
  parameters.expert_gemms.clear();
  parameters.dispatch = {};
  parameters.cpu = {};
  return std::make_unique<RooflineModel>(scenario, with_fullest_stages(parameters), useful, rows);
}

}  // namespace penstock
