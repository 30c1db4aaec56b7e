#include "sim/model/architecture.h"

#include <algorithm>
#include <cmath>

#include "sim/core/assert.h"

namespace penstock {
namespace {

/// Adds `count` layers that are alike.
void add(ParameterCounts& sum, const ParameterCounts& layer, std::int64_t count) {
  sum.attention += count * layer.attention;
  sum.latent += count * layer.latent;
  sum.vectors += count * layer.vectors;
  sum.norms += count * layer.norms;
}

/// KvHeads of an attention layer.
struct KvHeads {
  std::int64_t kv = 0;
  std::int64_t dim = 0;
  bool k_is_v = false;
};

KvHeads sliding_heads(const Architecture& model) {
  return {model.num_key_value_heads, model.head_dim, false};
}

KvHeads full_heads(const Architecture& model) {
  if (model.global_head_dim == 0) {
    return sliding_heads(model);
  }
  return {model.num_global_key_value_heads, model.global_head_dim, model.global_k_eq_v};
}

std::int64_t kv_heads_of(const KvHeads& heads, int tensor_parallel) {
  return std::max<std::int64_t>(1, heads.kv / tensor_parallel);
}

/// Grouped-query attention: q, k, v and output, an output gate as wide as the queries.
ParameterCounts grouped_layer(const Architecture& model, const KvHeads& heads) {
  const std::int64_t h = model.hidden_size;
  const std::int64_t q = model.num_attention_heads * heads.dim;
  const std::int64_t kv = heads.kv * heads.dim;
  ParameterCounts layer;
  layer.attention =
      h * q * (model.attention_output_gate ? 2 : 1) + h * kv * (heads.k_is_v ? 1 : 2) + q * h;
  layer.vectors += model.attention_bias ? q + 2 * kv : 0;
  layer.vectors += model.attention_sinks ? model.num_attention_heads : 0;
  layer.norms += model.attention_output_bias ? h : 0;
  layer.norms += model.qk_norm ? (model.qk_norm_full_width ? q + kv : 2 * heads.dim) : 0;
  return layer;
}

/// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434): queries and K/V each through a
/// low-rank projection with a norm; the rotary part of the key beside the latent vector.
ParameterCounts latent_layer(const Architecture& model) {
  const LatentAttention& mla = model.mla;
  const std::int64_t h = model.hidden_size;
  const std::int64_t nq = model.num_attention_heads;
  const std::int64_t qk = mla.qk_nope_head_dim + mla.qk_rope_head_dim;
  ParameterCounts layer;
  layer.latent = h * mla.q_lora_rank + h * (mla.kv_lora_rank + mla.qk_rope_head_dim);
  layer.attention = (mla.q_lora_rank > 0 ? mla.q_lora_rank : h) * nq * qk +
                    mla.kv_lora_rank * nq * (mla.qk_nope_head_dim + mla.v_head_dim) +
                    nq * mla.v_head_dim * h * (model.attention_output_gate ? 2 : 1);
  layer.norms = mla.q_lora_rank + mla.kv_lora_rank;
  return layer;
}

/// The indexer of sparse attention: queries from the latent ones where there are any, one key and
/// a LayerNorm on it; DeepSeek's also weighs the heads.
ParameterCounts indexer_layer(const Architecture& model) {
  const SparseIndexer& index = model.indexer;
  const std::int64_t h = model.hidden_size;
  const std::int64_t q = index.index_n_heads * index.index_head_dim;
  ParameterCounts layer;
  if (model.compressed.is_used()) {
    // Keys are compressed as the entries are: key and gate, each from two overlapping windows.
    layer.latent =
        model.mla.q_lora_rank * q + h * index.index_n_heads + h * 4 * index.index_head_dim;
  } else if (model.mla.q_lora_rank > 0) {
    layer.latent = model.mla.q_lora_rank * q + h * index.index_head_dim + h * index.index_n_heads;
    layer.norms = 2 * index.index_head_dim;
  } else {
    layer.latent = h * q + h * index.index_head_dim;
    layer.norms = 2 * index.index_head_dim;
  }
  return layer;
}

/// DeepSeek-V4: low-rank queries, one shared K = V projection, a grouped low-rank output, and the
/// projections of its hyper-connections (two a layer, each from all streams to their mixing
/// matrix).
ParameterCounts compressed_layer(const Architecture& model) {
  const CompressedAttention& c = model.compressed;
  const std::int64_t h = model.hidden_size;
  const std::int64_t q = model.num_attention_heads * model.head_dim;
  const std::int64_t streams = c.hyper_connections;
  ParameterCounts layer;
  layer.attention = model.mla.q_lora_rank * q + q * c.o_lora_rank + c.o_groups * c.o_lora_rank * h;
  layer.latent =
      h * model.mla.q_lora_rank + h * model.head_dim + 2 * streams * h * streams * (streams + 2);
  layer.vectors = model.attention_sinks ? model.num_attention_heads : 0;
  layer.norms = model.mla.q_lora_rank + model.head_dim;
  return layer;
}

/// Key and gate of a compressor; the fine one reads two overlapping windows.
std::int64_t compressors(const Architecture& model) {
  const CompressedAttention& c = model.compressed;
  return 2 * model.hidden_size * model.head_dim * (2 * c.fine_layers + c.coarse_layers);
}

ParameterCounts linear_layer(const Architecture& model) {
  const LinearAttention& l = model.linear;
  const std::int64_t h = model.hidden_size;
  const std::int64_t keys = l.key_heads * l.key_head_dim;
  const std::int64_t values = l.value_heads * l.value_head_dim;
  ParameterCounts layer;
  switch (l.kind) {
    case LinearAttention::Kind::none:
      break;
    case LinearAttention::Kind::gated_delta_net:  // q, k, v, gate; beta and decay per head; output
      layer.attention = h * (2 * keys + 2 * values) + 2 * h * l.value_heads + values * h;
      layer.vectors = (2 * keys + values) * l.conv_kernel + 2 * l.value_heads;
      layer.norms = l.value_head_dim;
      break;
    case LinearAttention::Kind::kimi_delta: {  // q, k, v, output; decay and gate of low rank
      const std::int64_t low_rank = h * l.value_head_dim + l.value_head_dim * values;
      layer.attention = 4 * h * values + low_rank + h * l.value_heads +
                        (l.full_rank_gate ? h * values : low_rank);
      layer.vectors = 3 * values * l.conv_kernel + l.value_heads + values;
      layer.norms = l.value_head_dim;
      break;
    }
    case LinearAttention::Kind::mamba1: {  // x, gate; dt, B, C of them; dt; output
      const std::int64_t mixed = l.dt_rank + 2 * l.key_head_dim;
      layer.attention = 2 * h * values + values * mixed + l.dt_rank * values + values * h;
      layer.vectors = values * (l.conv_kernel + 1) + values * (l.key_head_dim + 2);
      layer.norms = mixed;
      break;
    }
    case LinearAttention::Kind::mamba2: {  // gate, x, B, C, dt; output
      const std::int64_t mixed = values + 2 * keys;
      layer.attention = h * (2 * values + 2 * keys + l.value_heads) + values * h;
      layer.vectors = mixed * (l.conv_kernel + 1) + 3 * l.value_heads + values;
      break;
    }
    case LinearAttention::Kind::lightning:  // q, k, v, gate; output
      layer.attention = 5 * h * values;
      layer.norms = values;
      break;
    case LinearAttention::Kind::short_conv:  // two gates, x; output
      layer.attention = 4 * h * values;
      layer.vectors = values * l.conv_kernel;
      break;
  }
  return layer;
}

void add_attention(const Architecture& model, ParameterCounts& sum) {
  if (model.compressed.is_used()) {
    add(sum, compressed_layer(model), model.attention_layers());
    sum.latent += compressors(model);
  } else {
    add(sum, grouped_layer(model, sliding_heads(model)), model.sliding_layers);
    add(sum,
        model.mla.kv_lora_rank > 0 ? latent_layer(model) : grouped_layer(model, full_heads(model)),
        model.full_layers());
  }
  add(sum, indexer_layer(model), model.indexer.layers);
  add(sum, linear_layer(model), model.linear.layers);
}

void add_mlps(const Architecture& model, ParameterCounts& sum) {
  const MoeLayers& moe = model.moe;
  const std::int64_t h = model.hidden_size;
  const std::int64_t matrices = model.gated_mlp ? 3 : 2;
  const std::int64_t dense = model.dense_mlp_layers();
  sum.dense_mlp += dense * matrices * h * model.intermediate_size;
  sum.norms += model.mlp_bias ? dense * ((matrices - 1) * model.intermediate_size + h) : 0;
  const std::int64_t layers = model.moe_layers();
  if (layers == 0) {
    return;
  }
  const std::int64_t width = moe.latent_size > 0 ? moe.latent_size : h;
  const std::int64_t up_biases = (matrices - 1) * moe.moe_intermediate_size;
  const std::int64_t expert =
      matrices * width * moe.moe_intermediate_size + (moe.expert_bias ? up_biases + width : 0);
  sum.experts += layers * moe.num_experts * expert;
  sum.active_experts += layers * moe.num_experts_per_tok * expert;
  sum.routers += layers * moe.num_experts * (h + (moe.router_bias ? 1 : 0));
  sum.shared_experts += layers * matrices * h * moe.shared_expert_intermediate_size;
  sum.routers += moe.shared_expert_gate ? layers * h : 0;
  sum.latent += moe.latent_size > 0 ? layers * 2 * h * moe.latent_size : 0;
}

/// An attention layer's K and V vectors, on one GPU.
std::int64_t kv_elements(const KvHeads& heads, int tensor_parallel) {
  return 2 * kv_heads_of(heads, tensor_parallel) * heads.dim;
}

}  // namespace

std::int64_t Architecture::moe_layers() const {
  if (moe.num_experts == 0) {
    return 0;
  }
  return has_single_blocks() ? moe_only_layers
                             : (num_hidden_layers - moe.first_k_dense_replace) / moe.moe_layer_freq;
}

std::int64_t Architecture::dense_mlp_layers() const {
  if (has_single_blocks()) {
    return mlp_only_layers;
  }
  return moe.dense_beside_experts ? num_hidden_layers : num_hidden_layers - moe_layers();
}

ParameterCounts count_parameters(const Architecture& model) {
  ParameterCounts sum;
  const std::int64_t h = model.hidden_size;
  add_attention(model, sum);
  add_mlps(model, sum);
  const std::int64_t norms =
      model.num_hidden_layers * model.norms_per_layer + model.extra_norms + 1;
  sum.norms += norms * h * (model.norm_bias ? 2 : 1);
  sum.embedding = (model.vocab_size + model.position_embeddings) * h;
  sum.head = model.tie_word_embeddings ? 0 : model.vocab_size * h;
  return sum;
}

std::int64_t parameters(const Architecture& model) { return count_parameters(model).total(); }

std::int64_t active_parameters(const Architecture& model) {
  const ParameterCounts counts = count_parameters(model);
  return counts.active() - (model.tie_word_embeddings ? 0 : counts.embedding);
}

std::int64_t linear_parameters(const Architecture& model) {
  const ParameterCounts counts = count_parameters(model);
  return counts.attention + counts.latent + counts.dense_mlp + counts.shared_experts +
         counts.experts;
}

std::int64_t kv_heads_per_gpu(const Architecture& model, int tensor_parallel) {
  return kv_heads_of(sliding_heads(model), tensor_parallel);
}

std::int64_t full_kv_elements(const Architecture& model, int tensor_parallel) {
  if (model.compressed.is_used()) {
    return model.head_dim;
  }
  return model.mla.kv_lora_rank > 0 ? model.mla.kv_lora_rank + model.mla.qk_rope_head_dim
                                    : kv_elements(full_heads(model), tensor_parallel);
}

std::int64_t sliding_kv_elements(const Architecture& model, int tensor_parallel) {
  return model.compressed.is_used() ? model.head_dim
                                    : kv_elements(sliding_heads(model), tensor_parallel);
}

double kv_bytes_per_token_per_gpu(const Architecture& model, Dtype kv, int tensor_parallel) {
  const double bytes = bytes_per_element(kv);
  const auto entry = static_cast<double>(full_kv_elements(model, tensor_parallel)) * bytes;
  const SparseIndexer& index = model.indexer;
  const CompressedAttention& c = model.compressed;
  if (c.is_used()) {
    const double key = static_cast<double>(index.index_head_dim) * bytes;
    return static_cast<double>(c.fine_layers) * (entry + key) / static_cast<double>(c.fine_ratio) +
           static_cast<double>(c.coarse_layers) * entry / static_cast<double>(c.coarse_ratio);
  }
  return static_cast<double>(model.full_layers()) * entry +
         static_cast<double>(index.layers * index.index_head_dim * index.key_bytes);
}

double window_bytes_per_token_per_gpu(const Architecture& model, Dtype kv, int tensor_parallel) {
  const std::int64_t layers =
      model.compressed.is_used() ? model.attention_layers() : model.sliding_layers;
  return static_cast<double>(layers * sliding_kv_elements(model, tensor_parallel)) *
         bytes_per_element(kv);
}

std::int64_t kv_window(const Architecture& model) {
  return model.sliding_layers > 0 || model.compressed.is_used() ? model.sliding_window : 0;
}

std::int64_t state_elements(const LinearAttention& linear) {
  const std::int64_t values = linear.value_heads * linear.value_head_dim;
  switch (linear.kind) {
    case LinearAttention::Kind::none:
    case LinearAttention::Kind::short_conv:
      return 0;
    case LinearAttention::Kind::gated_delta_net:
    case LinearAttention::Kind::mamba1:
    case LinearAttention::Kind::mamba2:
      return values * linear.key_head_dim;
    case LinearAttention::Kind::kimi_delta:
    case LinearAttention::Kind::lightning:
      return values * linear.value_head_dim;
  }
  PENSTOCK_ASSERT(false);
}

double state_bytes_per_gpu(const Architecture& model, int tensor_parallel) {
  const LinearAttention& l = model.linear;
  const std::int64_t keys = l.key_heads * l.key_head_dim;
  const std::int64_t values = l.value_heads * l.value_head_dim;
  const std::int64_t channels =
      l.kind == LinearAttention::Kind::kimi_delta ? 3 * values : 2 * keys + values;
  const std::int64_t conv = channels * std::max<std::int64_t>(0, l.conv_kernel - 1);
  return static_cast<double>(l.layers * (l.element_bytes * state_elements(l) + 2 * conv)) /
         tensor_parallel;
}

double weight_bytes_per_gpu(const Architecture& model, const WeightDtypes& weights,
                            int tensor_parallel, int expert_parallel) {
  // K and V heads that all GPUs hold together: more than the model's where they are replicated.
  Architecture spread = model;
  spread.num_key_value_heads = kv_heads_per_gpu(model, tensor_parallel) * tensor_parallel;
  spread.num_global_key_value_heads =
      kv_heads_of(full_heads(model), tensor_parallel) * static_cast<std::int64_t>(tensor_parallel);
  const ParameterCounts all = count_parameters(model);
  const double tp = tensor_parallel;
  const double dense = bytes_per_element(weights.dense);
  const double attention = bytes_per_element(weights.attention);
  const double bf16 = bytes_per_element(Dtype::bf16);
  const auto mixers = static_cast<double>(count_parameters(spread).attention);
  const auto mlps = static_cast<double>(all.dense_mlp + all.shared_experts);
  const auto experts = static_cast<double>(all.experts) * bytes_per_element(weights.experts);
  const auto split_in_bf16 = static_cast<double>(all.embedding + all.head + all.vectors);
  const std::int64_t whole = model.moe.num_experts;
  const double spread_share =
      whole > 0 && expert_parallel > 1
          ? std::ceil(static_cast<double>(whole) / expert_parallel) / static_cast<double>(whole)
          : 1;
  return (mixers * attention + mlps * dense + split_in_bf16 * bf16) / tp +
         experts * std::min(1 / tp, spread_share) + static_cast<double>(all.latent) * attention +
         static_cast<double>(all.norms + all.routers) * bf16;
}

}  // namespace penstock
