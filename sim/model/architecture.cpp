#include "sim/model/architecture.h"

#include <algorithm>

#include "sim/core/assert.h"

namespace penstock {
namespace {

/// Weights of the attention projections of one layer: q, k, v and output.
std::int64_t attention_projections(const Architecture& model, std::int64_t kv_heads) {
  const std::int64_t q_and_o = 2 * model.num_attention_heads;
  return model.hidden_size * model.head_dim * (q_and_o + 2 * kv_heads);
}

/// Weights of the MLP of one layer: gate (if gated), up and down.
std::int64_t mlp_projections(const Architecture& model) {
  return (model.gated_mlp ? 3 : 2) * model.hidden_size * model.intermediate_size;
}

/// Biases of the q, k and v projections of one layer.
std::int64_t biases(const Architecture& model) {
  const std::int64_t heads = model.num_attention_heads + 2 * model.num_key_value_heads;
  return model.attention_bias ? heads * model.head_dim : 0;
}

/// Norm weights of the whole model: two a layer and the final one; per-head norms on q and k.
std::int64_t norms(const Architecture& model) {
  const std::int64_t per_layer = 2 * model.hidden_size + (model.qk_norm ? 2 * model.head_dim : 0);
  return model.num_hidden_layers * per_layer + model.hidden_size;
}

std::int64_t embeddings(const Architecture& model) {
  return model.vocab_size * model.hidden_size * (model.tie_word_embeddings ? 1 : 2);
}

}  // namespace

double bytes_per_element(Dtype dtype) {
  switch (dtype) {
    case Dtype::bf16:
      return 2;
    case Dtype::fp8:
    case Dtype::int8:
      return 1;
    case Dtype::nvfp4:
      return 0.5625;  // 4 bits, and an 8-bit scale per 16 elements
    case Dtype::mxfp4:
      return 0.53;  // 4 bits, and an 8-bit scale per 32 elements
  }
  PENSTOCK_ASSERT(false);
}

const char* to_string(Dtype dtype) {
  switch (dtype) {
    case Dtype::bf16:
      return "bf16";
    case Dtype::fp8:
      return "fp8";
    case Dtype::int8:
      return "int8";
    case Dtype::nvfp4:
      return "nvfp4";
    case Dtype::mxfp4:
      return "mxfp4";
  }
  PENSTOCK_ASSERT(false);
}

std::int64_t parameters(const Architecture& model) {
  return linear_parameters(model) + model.num_hidden_layers * biases(model) + norms(model) +
         embeddings(model);
}

std::int64_t linear_parameters(const Architecture& model) {
  return model.num_hidden_layers *
         (attention_projections(model, model.num_key_value_heads) + mlp_projections(model));
}

std::int64_t kv_heads_per_gpu(const Architecture& model, int tensor_parallel) {
  return std::max<std::int64_t>(1, model.num_key_value_heads / tensor_parallel);
}

double kv_bytes_per_token_per_gpu(const Architecture& model, Dtype kv, int tensor_parallel) {
  const std::int64_t elements =
      2 * kv_heads_per_gpu(model, tensor_parallel) * model.head_dim * model.num_hidden_layers;
  return static_cast<double>(elements) * bytes_per_element(kv);
}

double weight_bytes_per_gpu(const Architecture& model, Dtype weights, int tensor_parallel) {
  const double tp = tensor_parallel;
  const double layers = static_cast<double>(model.num_hidden_layers);
  // K and V heads that all GPUs hold together: more than the model's where they are replicated.
  const std::int64_t kv_heads = kv_heads_per_gpu(model, tensor_parallel) * tensor_parallel;
  const double linear =
      layers * static_cast<double>(attention_projections(model, kv_heads) + mlp_projections(model));
  const double split_in_bf16 =
      static_cast<double>(embeddings(model)) + layers * static_cast<double>(biases(model));
  const double bf16 = bytes_per_element(Dtype::bf16);
  return (linear * bytes_per_element(weights) + split_in_bf16 * bf16) / tp +
         static_cast<double>(norms(model)) * bf16;
}

}  // namespace penstock
