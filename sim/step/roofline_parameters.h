#pragma once

#include <cstdint>
#include <vector>

#include "sim/hardware/accelerator.h"
#include "sim/scenario.h"
#include "sim/step/moe.h"
#include "sim/step/operators.h"

namespace penstock {

/// How a GPU computes with weights of a dtype.
struct GemmNumerics {
  double weight_bytes = 2;      ///< per element, scales included
  double activation_bytes = 2;  ///< per element
  double peak_tflops = 0;
  double flops_efficiency = 0;
  /// No measurement stands behind it: int8, or a dtype that the GPU can only store (weight-only:
  /// the GEMM then runs at the bf16 peak with activations of two bytes).
  bool extrapolated = false;
};

/// bf16, fp8 and nvfp4 compute natively where the GPU has a peak for them. mxfp4 weights run on
/// GPUs with fp4 units at the fp8 peak with one-byte activations, elsewhere weight-only. int8 runs
/// at the int8 peak with fp8's efficiency. A dtype that the GPU lacks is weight-only.
GemmNumerics gemm_numerics(const AcceleratorTiming& timing, Dtype weights);

/// The weight matrix of a projection, and how many layers have one.
struct LayerGemm {
  GemmShape shape;
  double layers = 0;
};

/// What goes from stage to stage of a pipeline, all stages together: not scaled by time_factor.
struct SendRates {
  double latency_ms = 0;
  double ms_per_token = 0;
};

/// A scenario's step flattened to numbers: no map, no name, no division of heads is left for later.
struct RooflineParameters {
  double time_factor = 1;  ///< on all GPU time
  double layers = 0;
  GemmRates gemm;
  std::vector<LayerGemm> gemms;  ///< projections of dense MLPs
  GemmRates mixer_gemm;
  std::vector<LayerGemm> mixer_gemms;  ///< projections of token mixers
  GemmRates head;                      ///< LM head and routers, always bf16
  GemmShape head_shape;
  MoeRates moe;
  GemmShape router_shape;
  std::vector<GemmShape> expert_gemms;  ///< of a layer with experts: shared expert, projections
  double expert_elementwise_bytes_per_token = 0;  ///< permutation of tokens, in such a layer
  double router_elementwise_bytes_per_token = 0;  ///< choice of experts
  DispatchRates dispatch;
  ElementwiseRates elementwise;
  double elementwise_kernels = 0;          ///< whole model
  double elementwise_bytes_per_token = 0;  ///< whole model
  double final_norm_bytes_per_token = 0;   ///< once a step
  AllReduceRates all_reduce;
  double all_reduces = 0;  ///< whole model
  double all_reduce_bytes_per_token = 0;
  std::vector<AttentionLayers> attention;
  AttentionKernel attention_kernel = AttentionKernel::mixed;
  SendRates send;
  /// Layers that a step takes the time of over those of the model: above 1 where stages have unlike
  /// numbers of them, and the fullest decides.
  double layers_timed = 1;
  CpuOverhead cpu;
  double cpu_ranks = 1;  ///< whose sequences the front ends stream
};
RooflineParameters make_roofline_parameters(const Scenario& scenario);
/// Each decoding sequence attends with so many rows, which share one reading of its KV.
void add_queries(double rows, RooflineParameters& parameters);

/// True if a step with chunks and decodes computes them in two kernels in these layers.
inline bool has_own_kernels(const RooflineParameters& p, const AttentionLayers& layers) {
  return layers.own_kernels || p.attention_kernel == AttentionKernel::separate;
}

/// The parameters of a step as stages take it: where they are unlike, each has as many layers as
/// the fullest.
RooflineParameters with_fullest_stages(const RooflineParameters& parameters);

/// Times of kernels, added up.
struct KernelTimes {
  double latency_ms = 0;
  double variable_ms = 0;
  double memory_ms = 0;  ///< of the variable time: kernels bound by memory
  double floor_ms = 0;

  void add(const OperatorTime& time, double count);
};

/// Times of the parts of one step that depend on the token count alone, whole model, before
/// time_factor.
struct TokenTimes {
  KernelTimes gemm;
  KernelTimes moe;
  OperatorTime elementwise;  ///< of the layers
  OperatorTime final_norm;
  OperatorTime all_reduce;
  OperatorTime all_to_all;
};
TokenTimes token_times(const RooflineParameters& parameters, double tokens);

/// Useful work at the peaks; the window is left to the step model.
PeakTimes useful_times(const RooflineParameters& parameters);

}  // namespace penstock
