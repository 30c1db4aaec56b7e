#pragma once

#include <array>
#include <cstdint>

#include "sim/hardware/accelerator.h"
#include "sim/scenario.h"
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

/// A scenario's step flattened to numbers: no map, no name, no division of heads is left for later.
struct RooflineParameters {
  double time_factor = 1;  ///< on all GPU time
  double layers = 0;
  GemmRates gemm;
  std::array<GemmShape, 4> gemms;  ///< qkv, o, gate + up, down
  GemmRates head;                  ///< LM head, always bf16
  GemmShape head_shape;
  ElementwiseRates elementwise;
  double elementwise_kernels = 0;          ///< a layer
  double elementwise_bytes_per_token = 0;  ///< a layer
  double final_norm_bytes_per_token = 0;   ///< once a step
  AllReduceRates all_reduce;
  double all_reduces = 0;  ///< a layer
  double all_reduce_bytes_per_token = 0;
  AttentionRates attention;
  AttentionKernel attention_kernel = AttentionKernel::mixed;
  CpuOverhead cpu;
};
RooflineParameters make_roofline_parameters(const Scenario& scenario);

/// Times of the parts of one step that depend on the token count alone, whole model, before
/// time_factor.
struct TokenTimes {
  double gemm_latency_ms = 0;
  double gemm_variable_ms = 0;
  double gemm_memory_ms = 0;  ///< of the variable time: GEMMs bound by memory
  double gemm_floor_ms = 0;
  OperatorTime elementwise;  ///< of the layers
  OperatorTime final_norm;
  OperatorTime all_reduce;
};
TokenTimes token_times(const RooflineParameters& parameters, double tokens);

}  // namespace penstock
