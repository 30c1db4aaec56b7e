#pragma once

#include <cstdint>
#include <string>

namespace penstock {

/// How weights or the KV cache are stored.
enum class Dtype { bf16, fp8, int8, nvfp4, mxfp4 };

/// Bytes of one stored element, block scales included: nvfp4 0.5625, mxfp4 0.53.
double bytes_per_element(Dtype dtype);
const char* to_string(Dtype dtype);

/// A dense, decoder-only transformer with full attention, field names as in a Hugging Face
/// config.json. Room is left for other families; they are refused by name until they are built.
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
  bool attention_bias = false;  ///< biases on q, k, v
  bool qk_norm = false;         ///< per-head norms on q and k
  bool gated_mlp = true;        ///< gate and up projections; else one up projection
};

/// Parameters stored in the checkpoint of a text-only engine (embedding once if tied).
std::int64_t parameters(const Architecture& model);
/// Parameters of the linear layers that take the weights' dtype (all layers' projections).
std::int64_t linear_parameters(const Architecture& model);
/// KV heads that one of `tensor_parallel` GPUs holds: max(1, heads / tp), replicated beyond.
std::int64_t kv_heads_per_gpu(const Architecture& model, int tensor_parallel);
/// Bytes of KV cache of one token on one GPU (2 · heads · head_dim · layers · bytes).
double kv_bytes_per_token_per_gpu(const Architecture& model, Dtype kv, int tensor_parallel);
/// Bytes of weights on one GPU: linear layers in `weights`, embedding, head and norms in bf16,
/// all split over tp (norms excepted), K/V projections replicated where tp exceeds the KV heads.
double weight_bytes_per_gpu(const Architecture& model, Dtype weights, int tensor_parallel);

}  // namespace penstock
