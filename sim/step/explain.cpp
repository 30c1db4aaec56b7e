#include <algorithm>
#include <array>
#include <cstddef>

#include "sim/core/assert.h"
#include "sim/step/padding.h"
#include "sim/step/roofline_parameters.h"
#include "sim/step/step_model.h"

namespace penstock {
namespace {

/// From this share of the step on, a step is called CPU-bound.
constexpr double cpu_bound_share = 0.3;

using ByResource = std::array<double, resource_count>;

Resource largest(const ByResource& ms) {
  return static_cast<Resource>(std::max_element(ms.begin(), ms.end()) - ms.begin());
}

/// Collects operator times and what bounds them.
class Collector {
 public:
  void add(Operator op, Resource resource, double ms) {
    by_operator_[static_cast<std::size_t>(op)][static_cast<std::size_t>(resource)] += ms;
  }

  void add(Operator op, const OperatorTime& time) {
    add(op, Resource::latency, time.latency_ms);
    add(op, time.bound, time.variable_ms);
  }

  /// The sum over the operators on the GPU.
  double write(StepExplanation& out) const {
    double gpu_ms = 0;
    ByResource whole{};
    for (std::size_t op = 0; op < operator_count; ++op) {
      const ByResource& ms = by_operator_[op];
      for (std::size_t i = 0; i < ms.size(); ++i) {
        out.operators_ms[op] += ms[i];
        whole[i] += ms[i];
      }
      out.bound[op] = largest(ms);
      gpu_ms += out.operators_ms[op];
    }
    out.step_bound = largest(whole);
    return gpu_ms;
  }

 private:
  std::array<ByResource, operator_count> by_operator_{};
};

void add_kernels(Operator op, const KernelTimes& times, Collector& out) {
  out.add(op, Resource::latency, times.latency_ms);
  out.add(op, Resource::memory, times.memory_ms);
  out.add(op, Resource::compute, times.variable_ms - times.memory_ms);
}

void add_tokens(const RooflineParameters& parameters, double tokens, Collector& out) {
  const TokenTimes times = token_times(parameters, tokens);
  add_kernels(Operator::gemm, times.gemm, out);
  add_kernels(Operator::moe, times.moe, out);
  out.add(Operator::elementwise, times.elementwise);
  out.add(Operator::all_reduce, times.all_reduce);
  out.add(Operator::all_to_all, times.all_to_all);
  out.add(Operator::head, times.final_norm);
}

void add_layers(Operator op, OperatorTime layer, double layers, Collector& out) {
  layer.latency_ms *= layers;
  layer.variable_ms *= layers;
  out.add(op, layer);
}

void add_attention(const RooflineParameters& parameters, const AttentionLayers& group,
                   const StepLoad& load, Collector& out) {
  const AttentionRates& rates = group.rates;
  const double layers = group.layers;
  const AttentionLoad sums = attention_load(load, group);
  const bool mixed =
      load.decodes > 0 && !load.chunks.empty() && !has_own_kernels(parameters, group);
  if (mixed) {
    add_layers(Operator::attention, attention_mixed(rates, sums), layers, out);
  } else if (!load.chunks.empty()) {
    add_layers(Operator::attention, attention_prefill(rates, sums), layers, out);
  }
  if (load.decodes > 0 && !mixed) {
    add_layers(Operator::attention, attention_decode(rates, sums), layers, out);
  }
  const double sequence_ms = mixed ? rates.mixed_sequence_ms : rates.decode_sequence_ms;
  out.add(Operator::attention, Resource::latency, layers * sequence_ms * sums.decodes);
}

/// The window over which a sum is needed; 0 = there is none.
std::int64_t window_of(const RooflineParameters& parameters) {
  for (const AttentionLayers& group : parameters.attention) {
    if (group.span == AttentionLayers::Span::window && !group.is_full) {
      return group.window;
    }
  }
  return 0;
}

StepExplanation explain_constant(SimTime step) {
  StepExplanation out;
  out.total_ms = step.milliseconds();
  out.gpu_ms = out.total_ms;
  out.bound.fill(Resource::latency);
  out.step_bound = Resource::latency;
  return out;
}

}  // namespace

StepExplanation explain_step(const Scenario& scenario, const StepLoad& given) {
  if (scenario.step_model.kind == StepModelSpec::Kind::constant) {
    return explain_constant(scenario.step_model.constant);
  }
  const RooflineParameters parameters = with_fullest_stages(make_roofline_parameters(scenario));
  StepLoad load = given;
  if (load.window_sum == 0) {
    load.window_sum = std::min(load.kv_sum, load.decodes * window_of(parameters));
  }
  std::int64_t tokens = load.decodes;
  for (const Chunk& chunk : load.chunks) {
    tokens += chunk.q;
  }
  PENSTOCK_ASSERT(tokens >= 1);
  const Padding padding(scenario.engine.cuda_graph_sizes);
  const double rows = static_cast<double>(load.sampled);
  Collector operators;
  add_tokens(parameters, static_cast<double>(padding.padded(tokens)), operators);
  for (const AttentionLayers& group : parameters.attention) {
    add_attention(parameters, group, load, operators);
  }
  if (load.sampled > 0) {
    operators.add(Operator::head, gemm(parameters.head, parameters.head_shape, rows));
  }
  operators.add(Operator::sampler, Resource::latency, sampler_ms(rows));

  StepExplanation out;
  const SendRates& send = parameters.send;
  const double sent_ms = send.ms_per_token * static_cast<double>(padding.padded(tokens));
  operators.add(Operator::send, Resource::latency, send.latency_ms);
  operators.add(Operator::send, Resource::communication, sent_ms);
  const double send_ms = send.latency_ms + sent_ms;
  out.gpu_ms = parameters.time_factor * (operators.write(out) - send_ms) + send_ms;
  const auto sequences = (load.decodes + static_cast<std::int64_t>(load.chunks.size())) *
                         static_cast<std::int64_t>(parameters.cpu_ranks);
  out.cpu_ms = (parameters.cpu.per_step + parameters.cpu.per_sequence * sequences).milliseconds();
  out.operators_ms[static_cast<std::size_t>(Operator::cpu)] = out.cpu_ms;
  out.bound[static_cast<std::size_t>(Operator::cpu)] = Resource::cpu;
  out.total_ms =
      parameters.cpu.overlap ? std::max(out.gpu_ms, out.cpu_ms) : out.gpu_ms + out.cpu_ms;
  const double cpu_waits_ms = out.total_ms - out.gpu_ms;
  if (cpu_waits_ms > cpu_bound_share * out.total_ms) {
    out.step_bound = Resource::cpu;
  }
  return out;
}

}  // namespace penstock
