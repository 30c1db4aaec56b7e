#pragma once

#include <cstdint>

#include "sim/core/units.h"

/// What makes an engine faster or slower than its kernels: part of its preset.
namespace penstock {

enum class AttentionKernel { mixed, separate };

/// Factors by which an engine's kernels differ from bare ones (step-model.md §1, f_...).
struct EngineTiming {
  double gpu_time_factor = 1;
  double gemm_latency_factor = 1;
  double decode_per_sequence_factor = 1;
  double elementwise_factor = 1;
  double all_reduce_latency_factor = 1;
  AttentionKernel attention = AttentionKernel::mixed;
  /// The grouped GEMM of routed experts.
  struct Moe {
    double latency_us = 28.806;
    /// With weights in fp8: quantising what goes in and out too. Negative: `latency_us`.
    double fp8_latency_us = -1;
    /// With weights in fp8 on GPUs with FP4 units, where newer vLLM takes DeepGEMM instead of
    /// Marlin.
    double deep_gemm_latency_us = -1;
    double bandwidth_efficiency = 0.83143;
    double imbalance = 0.16543;  ///< the busiest of many GPUs has so much more than the mean
    /// Without FP4 units, experts in MXFP4 are computed as efficiently as in bf16 (Marlin, Triton);
    /// else as the GPU's own figure says, which was fitted to TensorRT-LLM.
    bool mxfp4_as_bf16 = true;
  } moe = {};
  double comm_overlap = 0;           ///< share of dispatch and combine that hides behind computing
  double pipeline_ms_per_stage = 0;  ///< beside what a stage computes and sends
};

/// CPU time of an engine's steps.
struct CpuOverhead {
  SimTime per_step;
  SimTime per_sequence;
  bool overlap = false;  ///< the GPU works meanwhile: max(GPU, CPU) instead of the sum
  /// Processes of a replica that stream its sequences, each an equal share of them.
  std::int64_t front_ends = 1;

  /// What a step waits for, as one front end has it, if it is asked about the sequences of all.
  CpuOverhead of_a_front_end() const {
    return {per_step, SimTime{per_sequence.ps / front_ends}, overlap, 1};
  }
};

}  // namespace penstock
