#include "sim/step/token_mixers.h"

#include <algorithm>

namespace penstock {
namespace {

constexpr double ms_of_us = 1e-3;
constexpr double ms_of_ns = 1e-6;

double to_double(std::int64_t value) { return static_cast<double>(value); }

/// Heads of one GPU.
struct GpuHeads {
  double q = 0;
  double kv = 0;
  double d = 0;
};

GpuHeads sliding_gpu_heads(const Scenario& scenario) {
  const Architecture& model = scenario.model;
  const int tp = scenario.cluster.tensor_parallel;
  return {to_double(model.num_attention_heads) / tp, to_double(kv_heads_per_gpu(model, tp)),
          to_double(model.head_dim)};
}

GpuHeads full_gpu_heads(const Scenario& scenario) {
  const Architecture& model = scenario.model;
  GpuHeads heads = sliding_gpu_heads(scenario);
  if (model.global_head_dim > 0) {
    heads.d = to_double(model.global_head_dim);
    heads.kv = to_double(full_kv_elements(model, scenario.cluster.tensor_parallel)) / (2 * heads.d);
  }
  return heads;
}

double peak_flop_per_ms(const AcceleratorTiming& timing, Dtype dtype) {
  const auto found = timing.peak_tflops.find(dtype);
  return found == timing.peak_tflops.end() ? 0 : found->second * 1e9;
}

/// The kernels' rates, without what they compute and read; `kv_heads` are thread blocks a sequence.
AttentionRates kernel_rates(const Scenario& scenario, double q_heads, double kv_heads) {
  const AcceleratorTiming& timing = scenario.cluster.gpu.timing;
  const EngineTiming& engine = scenario.engine.timing;
  // Where a kernel packs the queries that share a kv head, its decodes cost one tile per kv head.
  const double mixed_heads = timing.attention_mixed.gqa_packed ? kv_heads : q_heads;
  AttentionRates rates;
  rates.peak_flop_per_ms = peak_flop_per_ms(timing, Dtype::bf16);
  rates.flop_per_ms = rates.peak_flop_per_ms * timing.attention_prefill.flops_efficiency;
  rates.peak_bytes_per_ms = timing.memory_gb_s * 1e6;
  rates.bytes_per_ms = rates.peak_bytes_per_ms * timing.attention_decode.bandwidth_efficiency;
  rates.decode_latency_ms = timing.attention_decode.latency_us * ms_of_us;
  rates.decode_sequence_ms = timing.attention_decode.per_sequence_us * ms_of_us *
                             engine.decode_per_sequence_factor * kv_heads / timing.sm_count;
  rates.prefill_latency_ms = timing.attention_prefill.latency_us * ms_of_us;
  rates.critical_ms_per_kv = timing.attention_prefill.critical_path_ns_per_kv * ms_of_ns;
  rates.mixed_sequence_ms =
      timing.attention_mixed.per_sequence_us * ms_of_us * mixed_heads / timing.sm_count;
  rates.mixed_decode_ms_per_kv =
      timing.attention_mixed.decode_ns_per_head_kv * ms_of_ns * mixed_heads / timing.sm_count;
  rates.time_factor = engine.gpu_time_factor;
  rates.prefill_smooth = SmoothMaxTable(timing.attention_prefill.smooth_p);
  rates.mixed_smooth = SmoothMaxTable(timing.attention_mixed.smooth_p);
  return rates;
}

AttentionLayers grouped_layers(const Scenario& scenario, const GpuHeads& heads) {
  AttentionLayers out;
  out.rates = kernel_rates(scenario, heads.q, heads.kv);
  out.rates.flop_per_pair = 4 * heads.q * heads.d;
  out.rates.decode_flop_per_kv = out.rates.flop_per_pair;
  out.rates.bytes_per_kv = 2 * heads.kv * heads.d * bytes_per_element(scenario.kv_cache);
  return out;
}

/// Latent attention decodes in the latent space: all heads read the one vector, scores over
/// kv_lora_rank + rope dimensions, values over kv_lora_rank.
AttentionLayers latent_layers(const Scenario& scenario) {
  const LatentAttention& mla = scenario.model.mla;
  const double heads =
      to_double(scenario.model.num_attention_heads) / scenario.cluster.tensor_parallel;
  const std::int64_t qk = mla.qk_nope_head_dim + mla.qk_rope_head_dim;
  AttentionLayers out;
  out.own_kernels = true;
  out.rates = kernel_rates(scenario, heads, 1);
  out.rates.flop_per_pair = 2 * heads * to_double(qk + mla.v_head_dim);
  out.rates.decode_flop_per_kv = 2 * heads * to_double(2 * mla.kv_lora_rank + mla.qk_rope_head_dim);
  out.rates.decode_computes = true;
  out.rates.bytes_per_kv =
      to_double(mla.kv_lora_rank + mla.qk_rope_head_dim) * bytes_per_element(scenario.kv_cache);
  return out;
}

/// Compressed attention: `ratio` tokens are one entry, which all heads read as K and as V.
AttentionLayers compressed_layers(const Scenario& scenario, double ratio) {
  const Architecture& model = scenario.model;
  const double heads = to_double(model.num_attention_heads) / scenario.cluster.tensor_parallel;
  AttentionLayers out;
  out.own_kernels = true;
  out.rates = kernel_rates(scenario, heads, 1);
  out.rates.flop_per_pair = 4 * heads * to_double(model.head_dim) / ratio;
  out.rates.decode_flop_per_kv = out.rates.flop_per_pair;
  out.rates.decode_computes = true;
  out.rates.bytes_per_kv = to_double(model.head_dim) * bytes_per_element(scenario.kv_cache) / ratio;
  return out;
}

/// The indexer scores all keys with few narrow heads, on every GPU alike, in fp8 where its keys
/// are.
AttentionLayers indexer_layers(const Scenario& scenario, double ratio) {
  const SparseIndexer& index = scenario.model.indexer;
  AttentionLayers out;
  out.layers = to_double(index.layers);
  out.own_kernels = true;
  out.rates = kernel_rates(scenario, to_double(index.index_n_heads), 1);
  AttentionRates& rates = out.rates;
  const double fp8 = peak_flop_per_ms(scenario.cluster.gpu.timing, Dtype::fp8);
  if (index.key_bytes == 1 && fp8 > 0) {
    rates.flop_per_ms *= fp8 / rates.peak_flop_per_ms;
    rates.peak_flop_per_ms = fp8;
  }
  rates.flop_per_pair = 2 * to_double(index.index_n_heads * index.index_head_dim) / ratio;
  rates.decode_flop_per_kv = rates.flop_per_pair;
  rates.decode_computes = true;
  const double bytes = scenario.model.compressed.is_used() ? bytes_per_element(scenario.kv_cache)
                                                           : to_double(index.key_bytes);
  rates.bytes_per_kv = to_double(index.index_head_dim) * bytes / ratio;
  return out;
}

/// Linear layers read and write their state: about 6 FLOP an element and token (decay, update,
/// read), in chunks as in decode. Their kernels stream the states of all sequences alike, without
/// attention's splits a sequence: what Mamba-2 measures (docs/validation.md 2e).
AttentionLayers state_layers(const Scenario& scenario) {
  const Architecture& model = scenario.model;
  const int tp = scenario.cluster.tensor_parallel;
  AttentionLayers out;
  out.span = AttentionLayers::Span::state;
  out.layers = to_double(model.linear.layers);
  out.own_kernels = true;
  out.rates = kernel_rates(scenario, to_double(model.linear.value_heads) / tp,
                           std::max(1.0, to_double(model.linear.value_heads) / tp));
  out.rates.decode_sequence_ms = 0;
  out.rates.mixed_sequence_ms = 0;
  out.rates.flop_per_pair = 6 * to_double(state_elements(model.linear)) / tp;
  out.rates.decode_flop_per_kv = out.rates.flop_per_pair;
  out.rates.bytes_per_kv = 2 * state_bytes_per_gpu(model, tp) / out.layers;
  return out;
}

void limit(AttentionLayers& layers, std::int64_t window) {
  layers.span = AttentionLayers::Span::window;
  layers.window = window;
}

std::vector<AttentionLayers> all_compressed_layers(const Scenario& scenario) {
  const CompressedAttention& c = scenario.model.compressed;
  std::vector<AttentionLayers> groups;
  AttentionLayers near = compressed_layers(scenario, 1);
  near.layers = to_double(scenario.model.attention_layers());
  limit(near, scenario.model.sliding_window);
  near.is_full = true;
  groups.push_back(near);
  AttentionLayers fine = compressed_layers(scenario, to_double(c.fine_ratio));
  fine.layers = to_double(c.fine_layers);
  limit(fine, scenario.model.indexer.index_topk * c.fine_ratio);
  groups.push_back(fine);
  AttentionLayers coarse = compressed_layers(scenario, to_double(c.coarse_ratio));
  coarse.layers = to_double(c.coarse_layers);
  groups.push_back(coarse);
  groups.push_back(indexer_layers(scenario, to_double(c.fine_ratio)));
  return groups;
}

}  // namespace

std::vector<AttentionLayers> make_attention_layers(const Scenario& scenario) {
  const Architecture& model = scenario.model;
  if (model.compressed.is_used()) {
    return all_compressed_layers(scenario);
  }
  std::vector<AttentionLayers> groups;
  AttentionLayers full = model.mla.kv_lora_rank > 0
                             ? latent_layers(scenario)
                             : grouped_layers(scenario, full_gpu_heads(scenario));
  full.layers = to_double(model.full_layers() - model.indexer.layers);
  if (full.layers > 0) {
    groups.push_back(full);
  }
  if (model.indexer.layers > 0) {
    full.layers = to_double(model.indexer.layers);
    limit(full, model.indexer.index_topk);
    groups.push_back(full);
    groups.push_back(indexer_layers(scenario, 1));
  }
  if (model.sliding_layers > 0) {
    AttentionLayers sliding = grouped_layers(scenario, sliding_gpu_heads(scenario));
    sliding.layers = to_double(model.sliding_layers);
    limit(sliding, model.sliding_window);
    groups.push_back(sliding);
  }
  if (model.linear.layers > 0) {
    groups.push_back(state_layers(scenario));
  }
  return groups;
}

// ---- Projections --------------------------------------------------------------------------------

namespace {

void add_grouped(const Architecture& model, const GpuHeads& heads, double layers, bool k_is_v,
                 std::vector<LayerGemm>& gemms) {
  if (layers == 0) {
    return;
  }
  const double h = to_double(model.hidden_size);
  const double q = heads.q * (model.attention_output_gate ? 2 : 1);
  gemms.push_back({{.n = (q + (k_is_v ? 1 : 2) * heads.kv) * heads.d, .k = h}, layers});
  gemms.push_back({{.n = h, .k = heads.q * heads.d}, layers});
}

/// The low-rank projections into the latent spaces are one GEMM on every GPU; those out of them are
/// split by heads.
void add_latent(const Architecture& model, double tp, std::vector<LayerGemm>& gemms) {
  const LatentAttention& mla = model.mla;
  const auto layers = to_double(model.full_layers());
  const double h = to_double(model.hidden_size);
  const double heads = to_double(model.num_attention_heads) / tp;
  const double qk = to_double(mla.qk_nope_head_dim + mla.qk_rope_head_dim);
  const double v = to_double(mla.v_head_dim);
  const double latent = to_double(mla.kv_lora_rank + mla.qk_rope_head_dim);
  const double q_rank = to_double(mla.q_lora_rank);
  const double gate = model.attention_output_gate ? heads * v : 0;
  gemms.push_back({{.n = latent + (q_rank > 0 ? q_rank : heads * qk) + gate, .k = h}, layers});
  if (q_rank > 0) {
    gemms.push_back({{.n = heads * qk, .k = q_rank}, layers});
  }
  gemms.push_back(
      {{.n = heads * (to_double(mla.qk_nope_head_dim) + v), .k = to_double(mla.kv_lora_rank)},
       layers});
  gemms.push_back({{.n = h, .k = heads * v}, layers});
}

void add_compressed(const Architecture& model, double tp, std::vector<LayerGemm>& gemms) {
  const CompressedAttention& c = model.compressed;
  const auto layers = to_double(model.attention_layers());
  const double h = to_double(model.hidden_size);
  const double q = to_double(model.num_attention_heads * model.head_dim) / tp;
  const double q_rank = to_double(model.mla.q_lora_rank);
  const double kv = to_double(model.head_dim);
  const double streams = to_double(c.hyper_connections);
  const double groups = std::max(1.0, to_double(c.o_groups) / tp);
  gemms.push_back({{.n = q_rank + kv, .k = h}, layers});
  gemms.push_back({{.n = q, .k = q_rank}, layers});
  gemms.push_back({{.n = to_double(c.o_lora_rank), .k = q}, layers});
  gemms.push_back({{.n = h, .k = groups * to_double(c.o_lora_rank)}, layers});
  gemms.push_back({{.n = streams * (streams + 2), .k = streams * h}, 2 * layers});
  gemms.push_back({{.n = 4 * kv, .k = h}, to_double(c.fine_layers)});
  gemms.push_back({{.n = 2 * kv, .k = h}, to_double(c.coarse_layers)});
}

void add_indexer(const Architecture& model, std::vector<LayerGemm>& gemms) {
  const SparseIndexer& index = model.indexer;
  const auto layers = to_double(index.layers);
  if (layers == 0) {
    return;
  }
  const double h = to_double(model.hidden_size);
  const double q = to_double(index.index_n_heads * index.index_head_dim);
  const double keys = to_double(index.index_head_dim + index.index_n_heads);
  const double q_rank = to_double(model.mla.q_lora_rank);
  gemms.push_back({{.n = keys + (q_rank > 0 ? 0 : q), .k = h}, layers});
  if (q_rank > 0) {
    gemms.push_back({{.n = q, .k = q_rank}, layers});
  }
}

void add_linear(const Architecture& model, double tp, std::vector<LayerGemm>& gemms) {
  using Kind = LinearAttention::Kind;
  const LinearAttention& l = model.linear;
  const auto layers = to_double(l.layers);
  if (layers == 0) {
    return;
  }
  const double h = to_double(model.hidden_size);
  const double keys = to_double(l.key_heads * l.key_head_dim) / tp;
  const double values = to_double(l.value_heads * l.value_head_dim) / tp;
  const double heads = to_double(l.value_heads) / tp;
  const double d = to_double(l.value_head_dim);
  const double in = l.kind == Kind::gated_delta_net ? 2 * keys + 2 * values + 2 * heads
                    : l.kind == Kind::mamba2        ? 2 * values + 2 * keys + heads
                    : l.kind == Kind::mamba1        ? 2 * values
                    : l.kind == Kind::short_conv    ? 3 * values
                    : l.kind == Kind::lightning     ? 4 * values
                    : l.full_rank_gate              ? 4 * values + heads + d
                                                    : 3 * values + heads + 2 * d;
  gemms.push_back({{.n = in, .k = h}, layers});
  if (l.kind == Kind::kimi_delta) {
    gemms.push_back({{.n = (l.full_rank_gate ? 1 : 2) * values, .k = d}, layers});
  }
  if (l.kind == Kind::mamba1) {
    gemms.push_back({{.n = to_double(l.dt_rank + 2 * l.key_head_dim), .k = values}, layers});
    gemms.push_back({{.n = values, .k = to_double(l.dt_rank)}, layers});
  }
  gemms.push_back({{.n = h, .k = values}, layers});
}

}  // namespace

void add_mixer_gemms(const Scenario& scenario, RooflineParameters& out) {
  const Architecture& model = scenario.model;
  const double tp = scenario.cluster.tensor_parallel;
  if (model.compressed.is_used()) {
    add_compressed(model, tp, out.mixer_gemms);
  } else if (model.mla.kv_lora_rank > 0) {
    add_latent(model, tp, out.mixer_gemms);
  } else {
    add_grouped(model, full_gpu_heads(scenario), to_double(model.full_layers()),
                model.global_k_eq_v, out.mixer_gemms);
    add_grouped(model, sliding_gpu_heads(scenario), to_double(model.sliding_layers), false,
                out.mixer_gemms);
  }
  add_indexer(model, out.mixer_gemms);
  add_linear(model, tp, out.mixer_gemms);
}

void add_mixer_elementwise(const Scenario& scenario, RooflineParameters& out) {
  const Architecture& model = scenario.model;
  const double tp = scenario.cluster.tensor_parallel;
  const auto add = [&out](double layers, double bytes) {
    out.elementwise_kernels += bytes > 0 ? layers : 0;
    out.elementwise_bytes_per_token += layers * bytes;
  };
  const auto add_heads = [&](const GpuHeads& heads, std::int64_t layers) {
    add(to_double(layers), 4 * (heads.q + 2 * heads.kv) * heads.d);  // rope and KV write
    add(to_double(layers), model.qk_norm ? 4 * (heads.q + heads.kv) * heads.d : 0);
  };
  if (model.mla.q_lora_rank > 0 || model.mla.kv_lora_rank > 0) {
    const LatentAttention& mla = model.mla;
    const double ranks = to_double(mla.q_lora_rank + mla.kv_lora_rank);
    const double qk = model.compressed.is_used()
                          ? to_double(model.head_dim)
                          : to_double(mla.qk_nope_head_dim + mla.qk_rope_head_dim);
    const double entry = to_double(full_kv_elements(model, 1));
    const auto layers =
        to_double(model.compressed.is_used() ? model.attention_layers() : model.full_layers());
    add(layers, 4 * ranks);  // norms of the latent vectors
    add(layers, 4 * (to_double(model.num_attention_heads) / tp * qk + entry));
  } else {
    add_heads(full_gpu_heads(scenario), model.full_layers());
    add_heads(sliding_gpu_heads(scenario), model.sliding_layers);
  }
  const LinearAttention& linear = model.linear;
  const double values = to_double(linear.value_heads * linear.value_head_dim) / tp;
  const double keys = to_double(linear.key_heads * linear.key_head_dim) / tp;
  add(to_double(linear.layers), 4 * (2 * keys + values));  // convolution, decay
  add(to_double(linear.layers), 4 * 2 * values);           // gated norm
}

}  // namespace penstock
