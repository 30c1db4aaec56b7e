#include "sim/step/roofline_parameters.h"

#include <algorithm>
#include <cmath>

#include "sim/core/assert.h"
#include "sim/core/math.h"
#include "sim/model/stages.h"
#include "sim/step/token_mixers.h"

namespace penstock {
namespace {

constexpr double flop_per_ms = 1e9;   // of a TFLOP/s
constexpr double bytes_per_ms = 1e6;  // of a GB/s
constexpr double ms_per_us = 1e-3;

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

/// 2 (n - 1) / n: what each of n GPUs sends of what is reduced.
double sent_share(double n) { return 2 * (n - 1) / n; }

/// An all-reduce that reaches past a server: within each server first, then between those GPUs of
/// the servers that hold the same part, then within again (NCCL's way). The latency of a doubling
/// of servers is an assumption, from small NCCL all-reduces of 40 us on two servers to 60 on four.
void add_servers(const Accelerator& gpu, AllReduceRates& rates) {
  constexpr double doubling_ms = 20e-3;
  const double near = gpu.near_gpus();
  const double servers = std::ceil(rates.gpus / near);
  rates.latency_ms += doubling_ms * math::log(servers) / math::log(2.0);
  const double far_bytes_per_ms = network_efficiency * gpu.network_gb_s * bytes_per_ms;
  const double ms_per_byte =
      sent_share(near) / rates.bytes_per_ms + sent_share(servers) / (near * far_bytes_per_ms);
  rates.bytes_per_ms = sent_share(rates.gpus) / ms_per_byte;
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
  const Accelerator& gpu = scenario.cluster.gpu;
  const bool is_far = gpus > gpu.near_gpus() && gpu.network_gb_s > 0;
  const int near = is_far ? std::max(2, gpu.near_gpus()) : gpus;  // servers of one GPU: as of two
  out.all_reduce.gpus = gpus;
  out.all_reduce.latency_ms = all_reduce_latency_us(timing.latency_us, near) * ms_per_us * factor;
  out.all_reduce.bytes_per_ms = timing.bandwidth_gb_s * bytes_per_ms;
  if (is_far) {
    add_servers(gpu, out.all_reduce);
  }
  // After the token mixer's output and after the MLP; combine gathers the experts' outputs.
  const Architecture& model = scenario.model;
  const bool combines = scenario.cluster.data_parallel > 1 && !model.moe.dense_beside_experts;
  const std::int64_t combined = combines ? model.moe_layers() : 0;
  out.all_reduces =
      static_cast<double>(model.num_hidden_layers * (model.has_single_blocks() ? 1 : 2) - combined);
  out.all_reduce_bytes_per_token = 2 * static_cast<double>(scenario.model.hidden_size);
}

}  // namespace

GemmNumerics gemm_numerics(const AcceleratorTiming& timing, Dtype weights) {
  const bool has_mxfp4 = peak_of(timing, Dtype::mxfp4) > 0;
  const bool has_fp4 = has_mxfp4 || peak_of(timing, Dtype::nvfp4) > 0;
  // NVIDIA's engines widen MXFP4 to fp8 on the way; AMD's units take it as it is.
  const bool is_widened = weights == Dtype::mxfp4 && !has_mxfp4;
  const double peak = peak_of(timing, is_widened ? Dtype::fp8 : weights);
  // Units that are slower than those of bf16 (int8 on a B300) are left alone by every engine.
  const bool is_slower = weights != Dtype::bf16 && peak < peak_of(timing, Dtype::bf16);
  if (is_slower || (weights == Dtype::mxfp4 && !has_fp4)) {
    return weight_only(timing, weights);
  }
  const double bytes = bytes_per_element(weights);
  const auto& efficiencies = timing.gemm.flops_efficiency;
  const bool fitted = weights != Dtype::int8 && efficiencies.count(weights) > 0;
  const Dtype otherwise = efficiencies.count(Dtype::fp8) > 0 ? Dtype::fp8 : Dtype::bf16;
  return {.weight_bytes = bytes,
          .activation_bytes = is_widened ? 1 : bytes,
          .peak_tflops = peak,
          .flops_efficiency = efficiency_of(timing, fitted ? weights : otherwise, otherwise),
          .extrapolated = !fitted};
}

namespace {

void set_experts(const Scenario& scenario, RooflineParameters& out) {
  const Architecture& model = scenario.model;
  out.moe = make_moe_rates(scenario);
  if (out.moe.layers == 0) {
    return;
  }
  const double h = static_cast<double>(model.hidden_size);
  const double tp = scenario.cluster.tensor_parallel;
  out.dispatch = make_dispatch_rates(scenario);
  out.router_shape = {.n = out.moe.experts, .k = h};
  if (model.moe.shared_expert_intermediate_size > 0) {
    const double width = static_cast<double>(model.moe.shared_expert_intermediate_size) / tp;
    out.expert_gemms.push_back({.n = (model.gated_mlp ? 2 : 1) * width, .k = h});
    out.expert_gemms.push_back({.n = h, .k = width});
  }
  if (model.moe.latent_size > 0) {
    const auto latent = static_cast<double>(model.moe.latent_size);
    out.expert_gemms.push_back({.n = latent, .k = h});
    out.expert_gemms.push_back({.n = h, .k = latent});
  }
  out.expert_elementwise_bytes_per_token = 4 * out.moe.top_k * h;
  out.router_elementwise_bytes_per_token = 8 * out.moe.experts;
}

void set_elementwise(const Scenario& scenario, RooflineParameters& out) {
  const AcceleratorTiming& timing = scenario.cluster.gpu.timing;
  const double factor = scenario.engine.timing.elementwise_factor;
  out.elementwise.latency_ms = factor * timing.elementwise.latency_us * ms_per_us;
  out.elementwise.bytes_per_ms =
      timing.elementwise.bandwidth_efficiency * timing.memory_gb_s * bytes_per_ms / factor;
  add_mixer_elementwise(scenario, out);
  const Architecture& model = scenario.model;
  const double h = static_cast<double>(model.hidden_size);
  const auto norms = static_cast<double>(model.num_hidden_layers * model.norms_per_layer);
  const auto mlps = static_cast<double>(model.dense_mlp_layers());
  const double ff = static_cast<double>(model.intermediate_size) / scenario.cluster.tensor_parallel;
  // A norm adds the residual on the way: two reads, two writes.
  out.elementwise_kernels += norms + mlps;
  out.elementwise_bytes_per_token += norms * 8 * h + mlps * (model.gated_mlp ? 6 : 4) * ff;
  out.final_norm_bytes_per_token = 4 * h;
}

void set_stages(const Scenario& scenario, RooflineParameters& out) {
  const ClusterSpec& cluster = scenario.cluster;
  const int stages = cluster.pipeline_parallel;
  if (stages < 2) {
    return;
  }
  const Accelerator& gpu = cluster.gpu;
  const bool leaves_server = cluster.gpus_per_replica() > gpu.near_gpus();
  const double link = leaves_server
                          ? std::min(gpu.timing.all_reduce.bandwidth_gb_s, gpu.network_gb_s)
                          : gpu.timing.all_reduce.bandwidth_gb_s;
  PENSTOCK_ASSERT(link > 0);
  const double bytes = 2 * static_cast<double>(scenario.model.hidden_size);
  out.send.latency_ms = stages * scenario.engine.timing.pipeline_ms_per_stage;
  out.send.ms_per_token = stages * bytes / (link * bytes_per_ms);
  const std::int64_t layers = scenario.model.num_hidden_layers;
  out.layers_timed =
      static_cast<double>(most_stage_layers(layers, stages) * stages) / static_cast<double>(layers);
}

void add_dense_mlps(const Scenario& scenario, RooflineParameters& out) {
  const Architecture& model = scenario.model;
  const auto layers = static_cast<double>(model.dense_mlp_layers());
  if (layers == 0) {
    return;
  }
  const double h = static_cast<double>(model.hidden_size);
  const double ff = static_cast<double>(model.intermediate_size) / scenario.cluster.tensor_parallel;
  out.gemms.push_back({{.n = (model.gated_mlp ? 2 : 1) * ff, .k = h}, layers});
  out.gemms.push_back({{.n = h, .k = ff}, layers});
}

}  // namespace

RooflineParameters make_roofline_parameters(const Scenario& scenario) {
  const AcceleratorTiming& timing = scenario.cluster.gpu.timing;
  RooflineParameters out;
  out.time_factor = scenario.engine.timing.gpu_time_factor;
  out.layers = static_cast<double>(scenario.model.num_hidden_layers);
  out.gemm = gemm_rates(scenario, gemm_numerics(timing, scenario.weight_dtypes().dense));
  out.mixer_gemm = gemm_rates(scenario, gemm_numerics(timing, scenario.weight_dtypes().attention));
  add_mixer_gemms(scenario, out);
  add_dense_mlps(scenario, out);
  GemmNumerics head = gemm_numerics(timing, Dtype::bf16);
  head.flops_efficiency = timing.gemm.head_flops_efficiency;
  out.head = gemm_rates(scenario, head);
  out.head_shape = {
      .n = static_cast<double>(scenario.model.vocab_size) / scenario.cluster.tensor_parallel,
      .k = static_cast<double>(scenario.model.hidden_size)};
  set_experts(scenario, out);
  out.attention = make_attention_layers(scenario);
  out.attention_kernel = scenario.engine.timing.attention;
  out.cpu = scenario.engine.cpu_overhead.of_a_front_end();
  out.cpu_ranks = scenario.cluster.data_parallel;
  set_elementwise(scenario, out);
  set_stages(scenario, out);
  set_all_reduce(scenario, out);
  return out;
}

RooflineParameters with_fullest_stages(const RooflineParameters& parameters) {
  RooflineParameters out = parameters;
  const double more = parameters.layers_timed;
  if (more == 1) {
    return out;
  }
  for (std::vector<LayerGemm>* projections : {&out.gemms, &out.mixer_gemms}) {
    for (LayerGemm& projection : *projections) {
      projection.layers *= more;
    }
  }
  for (AttentionLayers& layers : out.attention) {
    layers.layers *= more;
  }
  out.moe.layers *= more;
  out.elementwise_kernels *= more;
  out.elementwise_bytes_per_token *= more;
  out.all_reduces *= more;
  return out;
}

void add_queries(double rows, RooflineParameters& parameters) {
  if (rows <= 1) {
    return;
  }
  for (AttentionLayers& layers : parameters.attention) {
    layers.rates.decode_flop_per_kv *= rows;
    layers.rates.decode_computes = true;
  }
}

void KernelTimes::add(const OperatorTime& time, double count) {
  latency_ms += count * time.latency_ms;
  variable_ms += count * time.variable_ms;
  memory_ms += time.bound == Resource::memory ? count * time.variable_ms : 0;
  floor_ms += count * time.floor_ms;
}

namespace {

KernelTimes expert_times(const RooflineParameters& p, double tokens) {
  KernelTimes out;
  const double layers = p.moe.layers;
  if (layers == 0) {
    return out;
  }
  out.add(grouped_gemm(p.moe, tokens), layers);
  out.add(gemm(p.head, p.router_shape, tokens), layers);
  out.add(elementwise(p.elementwise, tokens * p.expert_elementwise_bytes_per_token), layers);
  out.add(elementwise(p.elementwise, tokens * p.router_elementwise_bytes_per_token), layers);
  for (const GemmShape& shape : p.expert_gemms) {
    out.add(gemm(p.gemm, shape, tokens), layers);
  }
  return out;
}

}  // namespace

TokenTimes token_times(const RooflineParameters& parameters, double tokens) {
  TokenTimes out;
  for (const LayerGemm& projection : parameters.mixer_gemms) {
    out.gemm.add(gemm(parameters.mixer_gemm, projection.shape, tokens), projection.layers);
  }
  for (const LayerGemm& projection : parameters.gemms) {
    out.gemm.add(gemm(parameters.gemm, projection.shape, tokens), projection.layers);
  }
  out.moe = expert_times(parameters, tokens);
  out.elementwise =
      elementwise(parameters.elementwise, tokens * parameters.elementwise_bytes_per_token);
  out.elementwise.latency_ms *= parameters.elementwise_kernels;
  out.final_norm =
      elementwise(parameters.elementwise, tokens * parameters.final_norm_bytes_per_token);
  out.all_reduce =
      all_reduce(parameters.all_reduce, tokens * parameters.all_reduce_bytes_per_token);
  out.all_reduce.latency_ms *= parameters.all_reduces;
  out.all_reduce.variable_ms *= parameters.all_reduces;
  out.all_to_all = dispatch_and_combine(parameters.dispatch, tokens);
  out.all_to_all.latency_ms *= parameters.moe.layers;
  out.all_to_all.variable_ms *= parameters.moe.layers;
  return out;
}

}  // namespace penstock
