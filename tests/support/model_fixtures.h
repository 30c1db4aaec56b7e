#pragma once

#include "tests/support/fixtures.h"

/// Models with layers of other kinds, as the catalogue has them.
namespace penstock::fixtures {

inline Architecture qwen3_moe(std::string name, std::int64_t layers, std::int64_t hidden,
                              std::int64_t heads, std::int64_t expert_width) {
  Architecture m;
  m.name = std::move(name);
  m.title = m.name;
  m.num_hidden_layers = layers;
  m.hidden_size = hidden;
  m.num_attention_heads = heads;
  m.num_key_value_heads = 4;
  m.head_dim = 128;
  m.intermediate_size = 6144;
  m.vocab_size = 151936;
  m.max_position_embeddings = 40960;
  m.qk_norm = true;
  m.moe.num_experts = 128;
  m.moe.num_experts_per_tok = 8;
  m.moe.moe_intermediate_size = expert_width;
  return m;
}
inline Architecture qwen3_30b_a3b() { return qwen3_moe("qwen3-30b-a3b", 48, 2048, 32, 768); }
inline Architecture qwen3_235b_a22b() { return qwen3_moe("qwen3-235b-a22b", 94, 4096, 64, 1536); }

/// Experts, and a window of 128 tokens in every other layer.
inline Architecture gpt_oss_20b() {
  Architecture m;
  m.name = "gpt-oss-20b";
  m.title = m.name;
  m.num_hidden_layers = 24;
  m.hidden_size = 2880;
  m.num_attention_heads = 64;
  m.num_key_value_heads = 8;
  m.head_dim = 64;
  m.intermediate_size = 2880;
  m.vocab_size = 201088;
  m.max_position_embeddings = 131072;
  m.attention_bias = true;
  m.attention_output_bias = true;
  m.attention_sinks = true;
  m.sliding_layers = 12;
  m.sliding_window = 128;
  m.moe.num_experts = 32;
  m.moe.num_experts_per_tok = 4;
  m.moe.moe_intermediate_size = 2880;
  m.moe.router_bias = true;
  m.moe.expert_bias = true;
  m.weights = Dtype::mxfp4;
  m.dense_weights = Dtype::bf16;
  return m;
}

/// A small latent-attention model with experts, a shared one and a dense first layer.
inline Architecture deepseek_v2_lite() {
  Architecture m;
  m.name = "deepseek-v2-lite";
  m.title = m.name;
  m.num_hidden_layers = 27;
  m.hidden_size = 2048;
  m.num_attention_heads = 16;
  m.num_key_value_heads = 16;
  m.head_dim = 192;
  m.intermediate_size = 10944;
  m.vocab_size = 102400;
  m.max_position_embeddings = 163840;
  m.mla = {.kv_lora_rank = 512,
           .q_lora_rank = 0,
           .qk_rope_head_dim = 64,
           .qk_nope_head_dim = 128,
           .v_head_dim = 128};
  m.moe.num_experts = 64;
  m.moe.num_experts_per_tok = 6;
  m.moe.moe_intermediate_size = 1408;
  m.moe.shared_expert_intermediate_size = 2816;
  m.moe.first_k_dense_replace = 1;
  return m;
}

/// Three gated delta nets to one attention layer, and experts.
inline Architecture qwen3_next() {
  Architecture m = qwen3_moe("qwen3-next-80b-a3b", 48, 2048, 16, 512);
  m.num_key_value_heads = 2;
  m.head_dim = 256;
  m.attention_output_gate = true;
  m.moe.num_experts = 512;
  m.moe.num_experts_per_tok = 10;
  m.moe.shared_expert_intermediate_size = 512;
  m.moe.shared_expert_gate = true;
  m.linear = {.kind = LinearAttention::Kind::gated_delta_net,
              .layers = 36,
              .key_heads = 16,
              .value_heads = 32,
              .key_head_dim = 128,
              .value_head_dim = 128,
              .conv_kernel = 4};
  return m;
}

}  // namespace penstock::fixtures
