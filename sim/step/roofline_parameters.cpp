#include "sim/step/roofline_parameters.h"

#include <algorithm>

#include "sim/core/assert.h"

namespace penstock {
namespace {

constexpr double flop_per_ms = 1e9;   // of a TFLOP/s
constexpr double bytes_per_ms = 1e6;  // of a GB/s
constexpr double ms_per_us = 1e-3;
constexpr double ms_per_ns = 1e-6;

/// What one direction of a PCIe 5 x16 link carries: collectives below it do not run over NVLink.
constexpr double pcie_gb_s = 64;

double peak_of(const AcceleratorTiming& timing, Dtype dtype) {
  const auto found = timing.peak_tflops.find(dtype);
  return found == timing.peak_tflops.end() ? 0 : found->second;
}

/// The efficiency of `dtype`, or, if none was measured, of `otherwise`.
double efficiency_of(const AcceleratorTiming& timing, Dtype dtype, Dtype otherwise) {
  const auto& table = timing.gemm.flops_efficiency;
  const auto found = table.find(dtype);
  return found == table.end() ? table.at(otherwise) : found->second;
}

/// Weights are stored in `dtype` and widened to bf16 on the way to the arithmetic.
GemmNumerics weight_only(const AcceleratorTiming& timing, Dtype dtype) {
  const bool fitted = dtype == Dtype::mxfp4 && timing.gemm.flops_efficiency.count(dtype) > 0;
  return {.weight_bytes = bytes_per_element(dtype),
          .activation_bytes = 2,
          .peak_tflops = peak_of(timing, Dtype::bf16),
          .flops_efficiency = efficiency_of(timing, fitted ? dtype : Dtype::bf16, Dtype::bf16),
          .extrapolated = !fitted};
}

GemmRates gemm_rates(const Scenario& scenario, const GemmNumerics& numerics) {
  const AcceleratorTiming& timing = scenario.cluster.gpu.timing;
  const EngineTiming& engine = scenario.engine.timing;
  GemmRates rates;
  rates.latency_ms = timing.gemm.latency_us * ms_per_us * engine.gemm_latency_factor;
  rates.peak_flop_per_ms = numerics.peak_tflops * flop_per_ms;
  rates.flop_per_ms = rates.peak_flop_per_ms * numerics.flops_efficiency;
  rates.peak_bytes_per_ms = timing.memory_gb_s * bytes_per_ms;
  rates.bytes_per_ms = rates.peak_bytes_per_ms * timing.gemm.bandwidth_efficiency;
  rates.narrow_n0 = timing.gemm.narrow_n0;
  rates.weight_bytes = numerics.weight_bytes;
  rates.activation_bytes = numerics.activation_bytes;
  rates.time_factor = engine.gpu_time_factor;
  rates.smooth = SmoothMax(timing.gemm.smooth_p);
  return rates;
}

/// Query and key-value heads of one GPU.
struct Heads {
  double q = 0;
  double kv = 0;
};

Heads heads_per_gpu(const Scenario& scenario) {
  const int tp = scenario.cluster.tensor_parallel;
  return {.q = static_cast<double>(scenario.model.num_attention_heads) / tp,
          .kv = static_cast<double>(kv_heads_per_gpu(scenario.model, tp))};
}

std::array<GemmShape, 4> layer_gemms(const Scenario& scenario, const Heads& heads) {
  const double h = static_cast<double>(scenario.model.hidden_size);
  const double d = static_cast<double>(scenario.model.head_dim);
  const double ff =
      static_cast<double>(scenario.model.intermediate_size) / scenario.cluster.tensor_parallel;
  return {{{.n = (heads.q + 2 * heads.kv) * d, .k = h},
           {.n = h, .k = heads.q * d},
           {.n = (scenario.model.gated_mlp ? 2 : 1) * ff, .k = h},
           {.n = h, .k = ff}}};
}

AttentionRates attention_rates(const Scenario& scenario, const Heads& heads) {
  const AcceleratorTiming& timing = scenario.cluster.gpu.timing;
  const EngineTiming& engine = scenario.engine.timing;
  const double d = static_cast<double>(scenario.model.head_dim);
  // Where a kernel packs the queries that share a kv head, its decodes cost one tile per kv head.
  const double mixed_heads = timing.attention_mixed.gqa_packed ? heads.kv : heads.q;
  AttentionRates rates;
  rates.flop_per_pair = 4 * heads.q * d;
  rates.bytes_per_kv = 2 * heads.kv * d * bytes_per_element(scenario.kv_cache);
  rates.peak_flop_per_ms = peak_of(timing, Dtype::bf16) * flop_per_ms;
  rates.flop_per_ms = rates.peak_flop_per_ms * timing.attention_prefill.flops_efficiency;
  rates.peak_bytes_per_ms = timing.memory_gb_s * bytes_per_ms;
  rates.bytes_per_ms = rates.peak_bytes_per_ms * timing.attention_decode.bandwidth_efficiency;
  rates.decode_latency_ms = timing.attention_decode.latency_us * ms_per_us;
  rates.decode_sequence_ms = timing.attention_decode.per_sequence_us * ms_per_us *
                             engine.decode_per_sequence_factor * heads.kv / timing.sm_count;
  rates.prefill_latency_ms = timing.attention_prefill.latency_us * ms_per_us;
  rates.critical_ms_per_kv = timing.attention_prefill.critical_path_ns_per_kv * ms_per_ns;
  rates.mixed_sequence_ms =
      timing.attention_mixed.per_sequence_us * ms_per_us * mixed_heads / timing.sm_count;
  rates.mixed_decode_ms_per_kv =
      timing.attention_mixed.decode_ns_per_head_kv * ms_per_ns * mixed_heads / timing.sm_count;
  rates.time_factor = engine.gpu_time_factor;
  rates.prefill_smooth = SmoothMaxTable(timing.attention_prefill.smooth_p);
  rates.mixed_smooth = SmoothMaxTable(timing.attention_mixed.smooth_p);
  return rates;
}

void set_elementwise(const Scenario& scenario, const Heads& heads, RooflineParameters& out) {
  const Architecture& model = scenario.model;
  const AcceleratorTiming::Elementwise& timing = scenario.cluster.gpu.timing.elementwise;
  const double factor = scenario.engine.timing.elementwise_factor;
  const double h = static_cast<double>(model.hidden_size);
  const double d = static_cast<double>(model.head_dim);
  const double ff = static_cast<double>(model.intermediate_size) / scenario.cluster.tensor_parallel;
  const double norm = 8 * h;  // residual added on the way: two reads, two writes
  const double rope_and_kv_write = 4 * (heads.q + 2 * heads.kv) * d;
  const double activation = 6 * ff;
  const double qk_norm = model.qk_norm ? 4 * (heads.q + heads.kv) * d : 0;
  out.elementwise.latency_ms = factor * timing.latency_us * ms_per_us;
  out.elementwise.bytes_per_ms =
      timing.bandwidth_efficiency * scenario.cluster.gpu.timing.memory_gb_s * bytes_per_ms / factor;
  out.elementwise_kernels = model.qk_norm ? 5 : 4;
  out.elementwise_bytes_per_token = 2 * norm + rope_and_kv_write + activation + qk_norm;
  out.final_norm_bytes_per_token = 4 * h;
}

void set_all_reduce(const Scenario& scenario, RooflineParameters& out) {
  const AcceleratorTiming::AllReduce& timing = scenario.cluster.gpu.timing.all_reduce;
  const int gpus = scenario.cluster.tensor_parallel;
  if (gpus < 2) {
    return;
  }
  PENSTOCK_ASSERT(timing.bandwidth_gb_s > 0);
  // The engines' factors were fitted over NVLink and say nothing about PCIe.
  const double factor =
      timing.bandwidth_gb_s < pcie_gb_s ? 1 : scenario.engine.timing.all_reduce_latency_factor;
  out.all_reduce.gpus = gpus;
  out.all_reduce.latency_ms = all_reduce_latency_us(timing.latency_us, gpus) * ms_per_us * factor;
  out.all_reduce.bytes_per_ms = timing.bandwidth_gb_s * bytes_per_ms;
  out.all_reduces = 2;  // after the attention's output and after the MLP
  out.all_reduce_bytes_per_token = 2 * static_cast<double>(scenario.model.hidden_size);
}

}  // namespace

GemmNumerics gemm_numerics(const AcceleratorTiming& timing, Dtype weights) {
  const bool has_fp4 = peak_of(timing, Dtype::nvfp4) > 0 || peak_of(timing, Dtype::mxfp4) > 0;
  const Dtype computed_in = weights == Dtype::mxfp4 ? Dtype::fp8 : weights;
  const double peak = peak_of(timing, computed_in);
  if (peak == 0 || (weights == Dtype::mxfp4 && !has_fp4)) {
    return weight_only(timing, weights);
  }
  const double bytes = bytes_per_element(weights);
  const auto& efficiencies = timing.gemm.flops_efficiency;
  const bool fitted = weights != Dtype::int8 && efficiencies.count(weights) > 0;
  const Dtype otherwise = efficiencies.count(Dtype::fp8) > 0 ? Dtype::fp8 : Dtype::bf16;
  return {.weight_bytes = bytes,
          .activation_bytes = weights == Dtype::mxfp4 ? 1 : bytes,
          .peak_tflops = peak,
          .flops_efficiency = efficiency_of(timing, fitted ? weights : otherwise, otherwise),
          .extrapolated = !fitted};
}

RooflineParameters make_roofline_parameters(const Scenario& scenario) {
  const AcceleratorTiming& timing = scenario.cluster.gpu.timing;
  const Heads heads = heads_per_gpu(scenario);
  RooflineParameters out;
  out.time_factor = scenario.engine.timing.gpu_time_factor;
  out.layers = static_cast<double>(scenario.model.num_hidden_layers);
  out.gemm = gemm_rates(scenario, gemm_numerics(timing, scenario.weights));
  out.gemms = layer_gemms(scenario, heads);
  GemmNumerics head = gemm_numerics(timing, Dtype::bf16);
  head.flops_efficiency = timing.gemm.head_flops_efficiency;
  out.head = gemm_rates(scenario, head);
  out.head_shape = {
      .n = static_cast<double>(scenario.model.vocab_size) / scenario.cluster.tensor_parallel,
      .k = static_cast<double>(scenario.model.hidden_size)};
  out.attention = attention_rates(scenario, heads);
  out.attention_kernel = scenario.engine.timing.attention;
  out.cpu = scenario.engine.cpu_overhead;
  set_elementwise(scenario, heads, out);
  set_all_reduce(scenario, out);
  return out;
}

TokenTimes token_times(const RooflineParameters& parameters, double tokens) {
  const double layers = parameters.layers;
  TokenTimes out;
  for (const GemmShape& shape : parameters.gemms) {
    const OperatorTime time = gemm(parameters.gemm, shape, tokens);
    out.gemm_latency_ms += layers * time.latency_ms;
    out.gemm_variable_ms += layers * time.variable_ms;
    out.gemm_memory_ms += time.bound == Resource::memory ? layers * time.variable_ms : 0;
    out.gemm_floor_ms += layers * time.floor_ms;
  }
  out.elementwise =
      elementwise(parameters.elementwise, tokens * parameters.elementwise_bytes_per_token);
  out.elementwise.latency_ms *= layers * parameters.elementwise_kernels;
  out.elementwise.variable_ms *= layers;
  out.final_norm =
      elementwise(parameters.elementwise, tokens * parameters.final_norm_bytes_per_token);
  out.all_reduce =
      all_reduce(parameters.all_reduce, tokens * parameters.all_reduce_bytes_per_token);
  out.all_reduce.latency_ms *= layers * parameters.all_reduces;
  out.all_reduce.variable_ms *= layers * parameters.all_reduces;
  return out;
}

}  // namespace penstock
