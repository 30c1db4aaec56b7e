#include "tools/calibrate/kernel_model.h"

#include <algorithm>

#include "config/catalog.h"
#include "sim/step/roofline_parameters.h"

namespace penstock::calibrate {

KernelModel::KernelModel(const AcceleratorTiming& timing)
    : timing_(timing), gemm_smooth_(timing.gemm.smooth_p) {
  attention_.peak_flop_per_ms = timing.peak_tflops.at(Dtype::bf16) * 1e9;
  attention_.flop_per_ms = attention_.peak_flop_per_ms * timing.attention_prefill.flops_efficiency;
  attention_.peak_bytes_per_ms = timing.memory_gb_s * 1e6;
  attention_.bytes_per_ms =
      attention_.peak_bytes_per_ms * timing.attention_decode.bandwidth_efficiency;
  attention_.decode_latency_ms = timing.attention_decode.latency_us * 1e-3;
  attention_.prefill_latency_ms = timing.attention_prefill.latency_us * 1e-3;
  attention_.critical_ms_per_kv = timing.attention_prefill.critical_path_ns_per_kv * 1e-6;
  attention_.prefill_smooth = SmoothMaxTable(timing.attention_prefill.smooth_p);
  attention_.mixed_smooth = SmoothMaxTable(timing.attention_mixed.smooth_p);
}

double KernelModel::predicted_ms(const KernelTime& row) {
  return row.op == "gemm"         ? gemm_ms(row)
         : row.op == "all_reduce" ? all_reduce_ms(row)
                                  : attention_ms(row);
}

double KernelModel::gemm_ms(const KernelTime& row) const {
  const Dtype dtype = config::parse_dtype(row.dtype).value_or(Dtype::bf16);
  const GemmNumerics numerics = gemm_numerics(timing_, dtype);
  GemmRates rates;
  rates.latency_ms = timing_.gemm.latency_us * 1e-3;
  rates.peak_flop_per_ms = numerics.peak_tflops * 1e9;
  rates.flop_per_ms = rates.peak_flop_per_ms * numerics.flops_efficiency;
  rates.peak_bytes_per_ms = timing_.memory_gb_s * 1e6;
  rates.bytes_per_ms = rates.peak_bytes_per_ms * timing_.gemm.bandwidth_efficiency;
  rates.narrow_n0 = timing_.gemm.narrow_n0;
  rates.weight_bytes = numerics.weight_bytes;
  rates.activation_bytes = numerics.activation_bytes;
  rates.smooth = gemm_smooth_;
  return gemm(rates, {.n = row.n, .k = row.k}, row.m).total_ms();
}

double KernelModel::attention_ms(const KernelTime& row) {
  const double tiles = timing_.attention_mixed.gqa_packed ? row.kv_heads : row.q_heads;
  AttentionRates& rates = attention_;
  rates.flop_per_pair = 4 * row.q_heads * row.head_dim;
  rates.bytes_per_kv = 4 * row.kv_heads * row.head_dim;
  rates.decode_sequence_ms =
      timing_.attention_decode.per_sequence_us * 1e-3 * row.kv_heads / timing_.sm_count;
  rates.mixed_sequence_ms =
      timing_.attention_mixed.per_sequence_us * 1e-3 * tiles / timing_.sm_count;
  rates.mixed_decode_ms_per_kv =
      timing_.attention_mixed.decode_ns_per_head_kv * 1e-6 * tiles / timing_.sm_count;
  AttentionLoad load;
  load.decodes = row.decodes;
  load.kv_sum = row.decodes * row.kv_decode;
  load.pairs = row.q * row.kv_prefix + row.q * (row.q + 1) / 2;
  load.chunk_kv = row.q > 0 ? row.q + row.kv_prefix : 0;
  load.chunk_kv_max = load.chunk_kv;
  load.kv_max = std::max(row.decodes > 0 ? row.kv_decode : 0, load.chunk_kv);
  if (row.op == "attn_decode") {
    return attention_decode(rates, load).total_ms() + rates.decode_sequence_ms * row.decodes;
  }
  if (row.op == "attn_prefill") {
    return attention_prefill(rates, load).total_ms();
  }
  return attention_mixed(rates, load).total_ms() + rates.mixed_sequence_ms * row.decodes;
}

double KernelModel::all_reduce_ms(const KernelTime& row) const {
  const int gpus = static_cast<int>(row.tp);
  AllReduceRates rates;
  rates.gpus = gpus;
  rates.latency_ms = all_reduce_latency_us(timing_.all_reduce.latency_us, gpus) * 1e-3;
  rates.bytes_per_ms = timing_.all_reduce.bandwidth_gb_s * 1e6;
  return all_reduce(rates, row.m).total_ms();
}

}  // namespace penstock::calibrate
