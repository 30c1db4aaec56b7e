#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/model/dtype.h"

namespace penstock {

/// Routed experts (mixture of experts). Field names as in a Hugging Face config.json.
struct MoeLayers {
  std::int64_t num_experts = 0;  ///< 0 = the model has none
  std::int64_t num_experts_per_tok = 0;
  std::int64_t moe_intermediate_size = 0;  ///< width of one expert
  /// Experts work on a projection of the hidden state to this width; 0 = on the hidden state.
  std::int64_t latent_size = 0;
  std::int64_t shared_expert_intermediate_size = 0;  ///< of all shared experts; 0 = none
  bool shared_expert_gate = false;         ///< the shared expert is weighted by a gate of its own
  std::int64_t first_k_dense_replace = 0;  ///< leading layers with a dense MLP instead
  std::int64_t moe_layer_freq = 1;         ///< of the rest, every so many-th has experts
  bool dense_beside_experts = false;       ///< each layer has its dense MLP and the experts
  bool router_bias = false;
  bool expert_bias = false;  ///< biases in every expert
};

/// Multi-head latent attention (DeepSeek-V2): K and V are one compressed vector per token.
struct LatentAttention {
  std::int64_t kv_lora_rank = 0;  ///< 0 = not used
  std::int64_t q_lora_rank = 0;   ///< 0 = queries are projected directly
  std::int64_t qk_rope_head_dim = 0;
  std::int64_t qk_nope_head_dim = 0;
  std::int64_t v_head_dim = 0;
};

/// A lightning indexer (DeepSeek sparse attention): it scores the whole context with few narrow
/// heads, and attention reads the best `index_topk` entries only.
struct SparseIndexer {
  std::int64_t layers = 0;  ///< with an indexer; 0 = the model has none
  std::int64_t index_n_heads = 0;
  std::int64_t index_head_dim = 0;
  std::int64_t index_topk = 0;
  std::int64_t key_bytes = 1;  ///< of an element of its cached keys
};

/// DeepSeek-V4: one shared K = V vector per entry, an entry per token in a local window and one per
/// `ratio` tokens beyond it; the indexer's layers are those of the fine ratio.
struct CompressedAttention {
  std::int64_t fine_layers = 0;
  std::int64_t fine_ratio = 0;
  std::int64_t coarse_layers = 0;
  std::int64_t coarse_ratio = 0;
  std::int64_t o_lora_rank = 0;
  std::int64_t o_groups = 0;
  std::int64_t hyper_connections = 0;  ///< residual streams

  bool is_used() const { return o_lora_rank > 0; }
};

/// Layers with a state of constant size instead of a KV cache.
struct LinearAttention {
  enum class Kind {
    none,
    gated_delta_net,
    kimi_delta,
    mamba1,
    mamba2,
    lightning,
    short_conv  ///< no state but that of its convolution
  } kind = Kind::none;
  std::int64_t layers = 0;
  std::int64_t key_heads = 0;       ///< gated_delta_net; mamba2: groups
  std::int64_t value_heads = 0;     ///< heads, of the other kinds; mamba1, short_conv: channels
  std::int64_t key_head_dim = 0;    ///< mamba1, mamba2: size of the state
  std::int64_t value_head_dim = 0;  ///< head size, of the other kinds; mamba1, short_conv: 1
  std::int64_t conv_kernel = 0;     ///< width of the short convolution; 0 = none
  std::int64_t element_bytes = 4;   ///< of the state, as the engine keeps it
  std::int64_t dt_rank = 0;         ///< mamba1
  bool full_rank_gate = false;      ///< kimi_delta

  bool is_mamba() const { return kind == Kind::mamba1 || kind == Kind::mamba2; }
};

/// A decoder-only transformer, field names as in a Hugging Face config.json. Layers are told apart
/// by kind and count; their order does not matter to cost or memory. Of num_hidden_layers,
/// sliding_layers and linear.layers are what their names say, moe_only_layers and mlp_only_layers
/// have no token mixer, and the rest attend to the whole context.
struct Architecture {
  std::string name;
  std::string title;
  std::int64_t num_hidden_layers = 0;
  std::int64_t hidden_size = 0;
  std::int64_t num_attention_heads = 0;
  std::int64_t num_key_value_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t vocab_size = 0;
  std::int64_t max_position_embeddings = 0;
  bool tie_word_embeddings = false;
  bool attention_bias = false;      ///< biases on q, k, v
  bool qk_norm = false;             ///< norms on q and k: per head
  bool gated_mlp = true;            ///< gate and up projections; else one up projection
  bool qk_norm_full_width = false;  ///< those norms span all heads
  bool attention_output_bias = false;
  bool attention_output_gate = false;  ///< the heads' output is gated by a projection of the input
  bool attention_sinks = false;        ///< a learned scalar per head, without a KV entry
  bool mlp_bias = false;
  bool norm_bias = false;                ///< LayerNorm
  std::int64_t norms_per_layer = 2;      ///< of the hidden width
  std::int64_t extra_norms = 0;          ///< once in the model, beside the final one
  std::int64_t position_embeddings = 0;  ///< rows of a learned table

  std::int64_t sliding_layers = 0;
  std::int64_t sliding_window = 0;  ///< of those layers, in tokens
  /// Those layers attend within chunks of that size: on average to half of it, which is not
  /// modelled (an upper bound).
  bool chunked = false;
  /// Layers of the whole context that have other heads than the sliding ones; 0 = the same.
  std::int64_t global_head_dim = 0;
  std::int64_t num_global_key_value_heads = 0;
  bool global_k_eq_v = false;  ///< and one projection for K and V

  /// Blocks of experts or of a dense MLP alone (Nemotron-H): then no other block has an MLP.
  std::int64_t moe_only_layers = 0;
  std::int64_t mlp_only_layers = 0;
  MoeLayers moe = {};
  LatentAttention mla = {};
  SparseIndexer indexer = {};
  CompressedAttention compressed = {};
  LinearAttention linear = {};

  /// How the checkpoint is published, if not in bf16: the weights that are quantised, and, where
  /// only the routed experts are, all the others; where attention is left out, its own.
  std::optional<Dtype> weights = {};
  std::optional<Dtype> dense_weights = {};
  std::optional<Dtype> attention_weights = {};
  std::optional<Dtype> kv_cache = {};  ///< for which it has scales, if not for bf16

  std::int64_t full_layers() const {
    return num_hidden_layers - sliding_layers - linear.layers - moe_only_layers - mlp_only_layers;
  }
  /// True if a layer is a token mixer or an MLP, not both.
  bool has_single_blocks() const { return moe_only_layers + mlp_only_layers > 0; }
  std::int64_t attention_layers() const { return full_layers() + sliding_layers; }
  std::int64_t moe_layers() const;
  /// Layers with a dense MLP.
  std::int64_t dense_mlp_layers() const;
};

/// Parameters of a text-only engine, by what decides their bytes and their place (catalog.md §4).
/// Multi-token-prediction layers and vision towers are not counted.
struct ParameterCounts {
  std::int64_t attention = 0;  ///< projections of attention and linear layers, split by heads
  std::int64_t latent = 0;     ///< projections that have no heads: each GPU holds them
  std::int64_t dense_mlp = 0;
  std::int64_t shared_experts = 0;
  std::int64_t experts = 0;         ///< routed, all of them
  std::int64_t active_experts = 0;  ///< routed, of one token
  std::int64_t routers = 0;
  std::int64_t vectors = 0;  ///< biases of projections: split as these are
  std::int64_t norms = 0;    ///< and other small tensors that each GPU holds
  std::int64_t embedding = 0;
  std::int64_t head = 0;  ///< 0 if tied

  std::int64_t total() const {
    return attention + latent + dense_mlp + shared_experts + experts + routers + vectors + norms +
           embedding + head;
  }
  /// Of one token, the input embedding included (one of the three published conventions).
  std::int64_t active() const { return total() - experts + active_experts; }
};
ParameterCounts count_parameters(const Architecture& model);

/// Parameters stored in the checkpoint of a text-only engine (embedding once if tied).
std::int64_t parameters(const Architecture& model);
/// Parameters that take part in one token's computation: all but the experts that it is not routed
/// to, and but the input embedding where the head has a table of its own. Twice this many FLOP.
std::int64_t active_parameters(const Architecture& model);
/// Parameters of the linear layers that take the weights' dtype (all layers' projections).
std::int64_t linear_parameters(const Architecture& model);
/// KV heads that one of `tensor_parallel` GPUs holds: max(1, heads / tp), replicated beyond.
std::int64_t kv_heads_per_gpu(const Architecture& model, int tensor_parallel);

/// Elements of the K and V vectors (or of the latent one) of a token in one layer of full attention
/// and in one sliding layer, on one GPU.
std::int64_t full_kv_elements(const Architecture& model, int tensor_parallel);
std::int64_t sliding_kv_elements(const Architecture& model, int tensor_parallel);

/// Bytes of KV cache on one GPU that each further token of a sequence needs, however long it is:
/// 2 · heads · head_dim · layers · bytes; latent: (kv_lora_rank + rope) · layers · bytes on every
/// GPU, and an indexer's keys.
double kv_bytes_per_token_per_gpu(const Architecture& model, Dtype kv, int tensor_parallel);
/// Bytes that each of the first kv_window() tokens needs on top, in layers with a window.
double window_bytes_per_token_per_gpu(const Architecture& model, Dtype kv, int tensor_parallel);
/// 0 = no layer has a window.
std::int64_t kv_window(const Architecture& model);
/// Elements of the state that one linear layer keeps for a sequence.
std::int64_t state_elements(const LinearAttention& linear);
/// Bytes that each sequence needs on one GPU, however short: states of linear layers, and of their
/// convolutions, in bf16.
double state_bytes_per_gpu(const Architecture& model, int tensor_parallel);

/// Dtypes of the weights of one deployment.
struct WeightDtypes {
  Dtype experts = Dtype::bf16;  ///< routed ones
  Dtype dense = Dtype::bf16;    ///< all other projections
  Dtype attention = dense;      ///< those of token mixers
};
/// Bytes of weights on one GPU: projections in their dtype, embedding, head, routers, biases and
/// norms in bf16, all split over tp (routers and norms excepted), K/V projections replicated where
/// tp exceeds the KV heads. Experts are split over `expert_parallel` GPUs, or else as the rest;
/// where they cannot be split evenly, it is the fullest GPU.
double weight_bytes_per_gpu(const Architecture& model, const WeightDtypes& weights,
                            int tensor_parallel, int expert_parallel = 1);

/// One dtype for all projections.
inline double weight_bytes_per_gpu(const Architecture& model, Dtype weights, int tensor_parallel) {
  return weight_bytes_per_gpu(model, WeightDtypes{weights, weights, weights}, tensor_parallel);
}

}  // namespace penstock
