#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "sim/model/architecture.h"

namespace penstock {

/// The parameters with which the step model times one GPU (units: FLOP/ms and bytes/ms at peaks,
/// ms for latencies: see step-model formulas in step/roofline.h). Missing dtypes are absent.
struct AcceleratorTiming {
  std::string fit;                      ///< kernels | end-to-end | assumed | datasheet | calibrated
  std::map<Dtype, double> peak_tflops;  ///< dense
  double memory_gb_s = 0;
  double sm_count = 0;
  struct Gemm {
    double latency_us = 0;
    std::map<Dtype, double> flops_efficiency;
    double head_flops_efficiency = 0;
    double bandwidth_efficiency = 0;
    double smooth_p = 0;
    double narrow_n0 = 0;
  } gemm;
  struct AttentionDecode {
    double latency_us = 0;
    double bandwidth_efficiency = 0;
    double per_sequence_us = 0;
  } attention_decode;
  struct AttentionPrefill {
    double latency_us = 0;
    double flops_efficiency = 0;
    double critical_path_ns_per_kv = 0;
    double smooth_p = 0;
  } attention_prefill;
  struct AttentionMixed {
    double decode_ns_per_head_kv = 0;
    double per_sequence_us = 0;
    double smooth_p = 0;
    bool gqa_packed = false;
  } attention_mixed;
  struct Elementwise {
    double latency_us = 0;
    double bandwidth_efficiency = 0;
  } elementwise;
  struct AllReduce {
    std::map<int, double> latency_us;  ///< by number of GPUs
    double bandwidth_gb_s = 0;
  } all_reduce;
  std::map<Dtype, double> moe_flops_efficiency = {};  ///< of routed experts' grouped GEMMs
  double link_gb_s = 0;  ///< one direction of the fast link, for dispatch and combine
};

/// One accelerator of the catalogue: what capacity planning and power need, and its timing.
struct Accelerator {
  std::string name;
  std::string title;
  std::string vendor;
  std::string architecture;
  double memory_bytes = 0;              ///< what the driver shows, not the vendor's GB
  double memory_gb_s = 0;               ///< datasheet
  std::map<Dtype, double> peak_tflops;  ///< datasheet, dense
  double tdp_w = 0;                     ///< 0 = unknown
  double idle_w = 0;                    ///< 0 = unknown
  int scaleup_domain = 1;               ///< GPUs joined by the fast link; 1 = none
  int server_gpus = 8;                  ///< beyond these, or the fast link, there is the network
  double network_gb_s = 0;              ///< one GPU's share of it, one direction; 0 = unknown
  AcceleratorTiming timing;

  /// Of one server, or of a fast link that joins more.
  int near_gpus() const { return server_gpus > scaleup_domain ? server_gpus : scaleup_domain; }
};

}  // namespace penstock
