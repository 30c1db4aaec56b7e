#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sim/scenario.h"

/// Scenarios in plain C++, without YAML and catalogue:
///
///     Scenario s = fixtures::scenario();  // Llama-3.1-8B on one H100, vLLM 0.19, 100 requests
///     Scenario s = fixtures::scenario({.model = fixtures::llama_70b(), .tensor_parallel = 4});
///     Scenario s = fixtures::constant_step_scenario(SimTime::from_seconds(1));
///
/// The numbers are those of the catalogue on the day they were copied; tests that depend on the
/// catalogue itself load it.
namespace penstock::fixtures {

// ---- Models -------------------------------------------------------------------------------------

inline Architecture llama_8b() {
  return {.name = "llama-3.1-8b",
          .title = "Llama-3.1-8B",
          .num_hidden_layers = 32,
          .hidden_size = 4096,
          .num_attention_heads = 32,
          .num_key_value_heads = 8,
          .head_dim = 128,
          .intermediate_size = 14336,
          .vocab_size = 128256,
          .max_position_embeddings = 131072};
}

inline Architecture llama_70b() {
  return {.name = "llama-3.1-70b",
          .title = "Llama-3.1-70B",
          .num_hidden_layers = 80,
          .hidden_size = 8192,
          .num_attention_heads = 64,
          .num_key_value_heads = 8,
          .head_dim = 128,
          .intermediate_size = 28672,
          .vocab_size = 128256,
          .max_position_embeddings = 131072};
}

inline Architecture qwen3_32b() {
  return {.name = "qwen3-32b",
          .title = "Qwen3-32B",
          .num_hidden_layers = 64,
          .hidden_size = 5120,
          .num_attention_heads = 64,
          .num_key_value_heads = 8,
          .head_dim = 128,
          .intermediate_size = 25600,
          .vocab_size = 151936,
          .max_position_embeddings = 40960,
          .qk_norm = true};
}

// ---- Accelerators -------------------------------------------------------------------------------

inline Accelerator h100() {
  Accelerator gpu;
  gpu.name = "h100-sxm";
  gpu.title = "H100 SXM 80 GB";
  gpu.vendor = "nvidia";
  gpu.architecture = "hopper";
  gpu.memory_bytes = 79.65 * 1073741824.0;
  gpu.memory_gb_s = 3350;
  gpu.peak_tflops = {{Dtype::bf16, 989.4}, {Dtype::fp8, 1978.9}};
  gpu.tdp_w = 700;
  gpu.idle_w = 70;
  gpu.scaleup_domain = 8;
  gpu.timing = {
      .fit = "end-to-end",
      .peak_tflops = {{Dtype::bf16, 989.4}, {Dtype::fp8, 1979}},
      .memory_gb_s = 3352,
      .sm_count = 132,
      .gemm = {.latency_us = 5.93,
               .flops_efficiency = {{Dtype::bf16, 0.73255},
                                    {Dtype::fp8, 0.63613},
                                    {Dtype::mxfp4, 0.722}},
               .head_flops_efficiency = 0.722,
               .bandwidth_efficiency = 0.89889,
               .smooth_p = 2.33,
               .narrow_n0 = 0},
      .attention_decode = {.latency_us = 10, .bandwidth_efficiency = 0.97757, .per_sequence_us = 2},
      .attention_prefill = {.latency_us = 4,
                            .flops_efficiency = 0.65767,
                            .critical_path_ns_per_kv = 24.3,
                            .smooth_p = 2.5},
      .attention_mixed = {.decode_ns_per_head_kv = 24.3,
                          .per_sequence_us = 2,
                          .smooth_p = 2.4,
                          .gqa_packed = true},
      .elementwise = {.latency_us = 2.3, .bandwidth_efficiency = 0.55},
      .all_reduce = {.latency_us = {{2, 7}, {4, 15}, {8, 19}}, .bandwidth_gb_s = 290.01},
      .moe_flops_efficiency = {{Dtype::bf16, 0.78544},
                               {Dtype::fp8, 0.51817},
                               {Dtype::mxfp4, 0.28532}},
      .link_gb_s = 450};
  return gpu;
}

inline Accelerator h200() {
  Accelerator gpu = h100();
  gpu.name = "h200-sxm";
  gpu.title = "H200 SXM 141 GB";
  gpu.memory_bytes = 140.4 * 1073741824.0;
  gpu.memory_gb_s = 4800;
  gpu.timing.memory_gb_s = 4800;
  return gpu;
}

inline Accelerator b200() {
  Accelerator gpu;
  gpu.name = "b200";
  gpu.title = "B200 180 GB";
  gpu.vendor = "nvidia";
  gpu.architecture = "blackwell";
  gpu.memory_bytes = 179.06 * 1073741824.0;
  gpu.memory_gb_s = 8000;
  gpu.peak_tflops = {{Dtype::bf16, 2250}, {Dtype::fp8, 4500}, {Dtype::nvfp4, 9000}};
  gpu.tdp_w = 1000;
  gpu.idle_w = 140;
  gpu.scaleup_domain = 8;
  gpu.timing = {.fit = "end-to-end",
                .peak_tflops = gpu.peak_tflops,
                .memory_gb_s = 8000,
                .sm_count = 148,
                .gemm = {.latency_us = 5.63,
                         .flops_efficiency = {{Dtype::bf16, 0.90087},
                                              {Dtype::fp8, 0.6556},
                                              {Dtype::nvfp4, 0.50902},
                                              {Dtype::mxfp4, 0.6556}},
                         .head_flops_efficiency = 0.745,
                         .bandwidth_efficiency = 0.89703,
                         .smooth_p = 1.79,
                         .narrow_n0 = 44},
                .attention_decode = {.latency_us = 12,
                                     .bandwidth_efficiency = 0.64399,
                                     .per_sequence_us = 2.5},
                .attention_prefill = {.latency_us = 6,
                                      .flops_efficiency = 0.55867,
                                      .critical_path_ns_per_kv = 25,
                                      .smooth_p = 2.5},
                .attention_mixed = {.decode_ns_per_head_kv = 25,
                                    .per_sequence_us = 2.5,
                                    .smooth_p = 2.4,
                                    .gqa_packed = true},
                .elementwise = {.latency_us = 2.3, .bandwidth_efficiency = 0.55},
                .all_reduce = {.latency_us = {{2, 7}, {4, 15}, {8, 19}}, .bandwidth_gb_s = 580.02}};
  return gpu;
}

inline Accelerator a100() {
  Accelerator gpu;
  gpu.name = "a100-80-sxm";
  gpu.title = "A100 SXM 80 GB";
  gpu.vendor = "nvidia";
  gpu.architecture = "ampere";
  gpu.memory_bytes = 80.0 * 1073741824.0;
  gpu.memory_gb_s = 2039;
  gpu.peak_tflops = {{Dtype::bf16, 312}};
  gpu.tdp_w = 400;
  gpu.idle_w = 63;
  gpu.scaleup_domain = 8;
  gpu.timing = {
      .fit = "end-to-end",
      .peak_tflops = gpu.peak_tflops,
      .memory_gb_s = 2039,
      .sm_count = 108,
      .gemm = {.latency_us = 5.21,
               .flops_efficiency = {{Dtype::bf16, 0.8665}},
               .head_flops_efficiency = 0.744,
               .bandwidth_efficiency = 0.77141,
               .smooth_p = 1.39,
               .narrow_n0 = 0},
      .attention_decode = {.latency_us = 12, .bandwidth_efficiency = 0.93271, .per_sequence_us = 3},
      .attention_prefill = {.latency_us = 6,
                            .flops_efficiency = 0.55,
                            .critical_path_ns_per_kv = 30,
                            .smooth_p = 2.5},
      .attention_mixed = {.decode_ns_per_head_kv = 30,
                          .per_sequence_us = 4,
                          .smooth_p = 2.4,
                          .gqa_packed = false},
      .elementwise = {.latency_us = 2.5, .bandwidth_efficiency = 0.5},
      .all_reduce = {.latency_us = {{2, 10}, {4, 16}, {8, 25}}, .bandwidth_gb_s = 145}};
  return gpu;
}

inline Accelerator rtx_pro_6000() {
  Accelerator gpu;
  gpu.name = "rtx-pro-6000";
  gpu.title = "RTX PRO 6000 Server Edition 96 GB";
  gpu.vendor = "nvidia";
  gpu.architecture = "blackwell";
  gpu.memory_bytes = 95.59 * 1073741824.0;
  gpu.memory_gb_s = 1597;
  gpu.peak_tflops = {{Dtype::bf16, 503.8}, {Dtype::fp8, 1007.6}, {Dtype::nvfp4, 2015}};
  gpu.tdp_w = 600;
  gpu.timing = {
      .fit = "kernels",
      .peak_tflops = {{Dtype::bf16, 503.8}, {Dtype::fp8, 1007}, {Dtype::nvfp4, 2015}},
      .memory_gb_s = 1597,
      .sm_count = 188,
      .gemm = {.latency_us = 2.48,
               .flops_efficiency = {{Dtype::bf16, 0.862},
                                    {Dtype::fp8, 0.75856},
                                    {Dtype::nvfp4, 0.71907},
                                    {Dtype::mxfp4, 0.862}},
               .head_flops_efficiency = 0.862,
               .bandwidth_efficiency = 1,
               .smooth_p = 1.46,
               .narrow_n0 = 473},
      .attention_decode = {.latency_us = 12.7,
                           .bandwidth_efficiency = 0.9504,
                           .per_sequence_us = 2},
      .attention_prefill = {.latency_us = 6.74,
                            .flops_efficiency = 0.461,
                            .critical_path_ns_per_kv = 20.8,
                            .smooth_p = 2.46},
      .attention_mixed = {.decode_ns_per_head_kv = 26.8,
                          .per_sequence_us = 3.95,
                          .smooth_p = 2.37,
                          .gqa_packed = false},
      .elementwise = {.latency_us = 2.3, .bandwidth_efficiency = 1},
      .all_reduce = {.latency_us = {{2, 20}, {4, 30}, {8, 40}}, .bandwidth_gb_s = 13.647}};
  return gpu;
}

// ---- Engines ------------------------------------------------------------------------------------

/// vLLM's default captured sizes: 1, 2, 4, then by 8 to 248, then by 16 to `largest`.
inline std::vector<std::int64_t> vllm_cuda_graph_sizes(std::int64_t largest = 512) {
  std::vector<std::int64_t> sizes{1, 2, 4};
  for (std::int64_t size = 8; size <= largest; size += size < 256 ? 8 : 16) {
    sizes.push_back(size);
  }
  return sizes;
}

inline EngineTiming vllm_timing() {
  return {.gpu_time_factor = 0.98576,
          .elementwise_factor = 0.95237,
          .all_reduce_latency_factor = 0.87682};
}

/// vLLM 0.19 in process: asynchronous scheduling, no CPU time of its own.
inline EngineSpec vllm_0_19() {
  EngineSpec engine;
  engine.preset = "vllm-0.19";
  engine.gpu_memory_utilization = 0.9;
  engine.async_scheduling = true;
  engine.cuda_graph_sizes = vllm_cuda_graph_sizes();
  engine.timing = vllm_timing();
  engine.cpu_overhead.overlap = true;
  return engine;
}

/// vLLM 0.11 behind one API server, whose time adds to the GPU's.
inline EngineSpec vllm_0_11_api() {
  EngineSpec engine = vllm_0_19();
  engine.preset = "vllm-0.11-api";
  engine.async_scheduling = false;
  engine.cpu_overhead = {.per_step = SimTime::from_milliseconds(1.1876),
                         .per_sequence = SimTime::from_milliseconds(0.041808)};
  return engine;
}

/// TensorRT-LLM 1.0: separate kernels for prefill and decode, no padding.
inline EngineSpec tensorrt_llm_1_0() {
  EngineSpec engine;
  engine.preset = "tensorrt-llm-1.0";
  engine.max_num_seqs = 2048;
  engine.block_size = 32;
  engine.timing = {.gpu_time_factor = 1,
                   .gemm_latency_factor = 1.2999,
                   .decode_per_sequence_factor = 0.75112,
                   .elementwise_factor = 0.71789,
                   .all_reduce_latency_factor = 1.9349,
                   .attention = AttentionKernel::separate,
                   .moe = {.latency_us = 18.14,
                           .bandwidth_efficiency = 0.45896,
                           .imbalance = 1.0274,
                           .mxfp4_as_bf16 = false}};
  engine.cpu_overhead = {.per_step = SimTime::from_milliseconds(0.36519),
                         .per_sequence = SimTime::from_milliseconds(0.0016516)};
  return engine;
}

inline EngineSpec tensorrt_llm_0_14() {
  EngineSpec engine = tensorrt_llm_1_0();
  engine.preset = "tensorrt-llm-0.14";
  engine.timing.gpu_time_factor = 1.0863;
  engine.timing.all_reduce_latency_factor = 2.3922;
  engine.cpu_overhead.per_step = SimTime::from_milliseconds(0.74613);
  return engine;
}

// ---- Workloads and scenarios --------------------------------------------------------------------

inline LengthSpec fixed_length(std::int64_t tokens) {
  LengthSpec length;
  length.kind = LengthSpec::Kind::fixed;
  length.a = static_cast<double>(tokens);
  return length;
}

/// One class of Poisson arrivals with fixed lengths.
inline WorkloadSpec poisson_workload(double rate = 1, std::uint64_t requests = 100,
                                     std::int64_t input = 1000, std::int64_t output = 100) {
  ClassSpec requests_class;
  requests_class.rate = rate;
  requests_class.input = fixed_length(input);
  requests_class.output = fixed_length(output);
  WorkloadSpec workload;
  workload.requests = requests;
  workload.classes = {std::move(requests_class)};
  return workload;
}

struct Setup {
  Architecture model = llama_8b();
  Accelerator gpu = h100();
  EngineSpec engine = vllm_0_19();
  int tensor_parallel = 1;
  int replicas = 1;
  Dtype weights = Dtype::bf16;
  Dtype kv_cache = Dtype::bf16;
  std::optional<Dtype> dense_weights = {};
  int data_parallel = 1;
  int expert_parallel = 1;
};

/// A complete scenario. Unless the engine says so, the KV pool is what 90 % of the memory leaves
/// beside the weights and 2 GiB (at least 1,024 blocks, so that the scenario runs), and the longest
/// sequence is the model's.
inline Scenario scenario(const Setup& setup = {}) {
  Scenario s;
  s.model_name = setup.model.name;
  s.model = setup.model;
  s.weights = setup.weights;
  s.kv_cache = setup.kv_cache;
  s.dense_weights = setup.dense_weights;
  s.cluster = {.gpu = setup.gpu,
               .tensor_parallel = setup.tensor_parallel,
               .replicas = setup.replicas,
               .data_parallel = setup.data_parallel,
               .expert_parallel = setup.expert_parallel};
  s.engine = setup.engine;
  const int tp = setup.tensor_parallel;
  if (s.engine.num_gpu_blocks == 0) {
    const double free_bytes = s.engine.gpu_memory_utilization * s.cluster.gpu.memory_bytes -
                              weight_bytes_per_gpu(s.model, s.weight_dtypes(), tp) -
                              2 * 1073741824.0;
    const double block_bytes = kv_bytes_per_token_per_gpu(s.model, s.kv_cache, tp) *
                               static_cast<double>(s.engine.block_size);
    s.engine.num_gpu_blocks =
        std::max<std::int64_t>(1024, static_cast<std::int64_t>(free_bytes / block_bytes));
  }
  if (s.engine.max_model_len == 0) {
    s.engine.max_model_len = s.model.max_position_embeddings;
  }
  s.workload = poisson_workload();
  s.prices.gpu_per_hour = 2.5;
  s.prices.source = "a test";
  return s;
}

/// Every step lasts `step`; one sequence at a time by default (a single-server queue), no chunking
/// limits in the way, and far more KV blocks than anything needs.
inline Scenario constant_step_scenario(SimTime step, std::int64_t max_num_seqs = 1) {
  EngineSpec engine = vllm_0_19();
  engine.preset = "test";
  engine.async_scheduling = false;
  engine.cuda_graph_sizes.clear();
  engine.timing = {};
  engine.cpu_overhead = {};
  engine.max_num_seqs = max_num_seqs;
  engine.max_num_batched_tokens = std::int64_t{1} << 20;
  engine.num_gpu_blocks = std::int64_t{1} << 24;
  Scenario s = scenario({.engine = engine});
  s.step_model = {.kind = StepModelSpec::Kind::constant, .constant = step};
  return s;
}

}  // namespace penstock::fixtures
