#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "tests/support/huggingface_text.h"
#include "tests/support/step_weights.h"

// Families whose layers are not one attention and one MLP: against the totals that their publishers
// state, and the KV cache that follows from the number of layers of attention.

namespace penstock::config {
namespace {

struct Mixed {
  std::string_view name;
  double parameters;
  double active;          ///< 0: all
  double kv_bytes;        ///< of one token, bf16, one GPU
  double state_bytes;     ///< of one sequence, in fp32
  std::string_view note;  ///< what is said of it, from its beginning; empty: nothing is
  std::string_view json;
};

constexpr Mixed mixed[] = {
    {"jamba-1.5-mini", 51.6e9, 12e9, 4 * 4096, 28 * 8192 * (16 * 4 + 3 * 2), "",
     R"({"attn_layer_offset": 4, "attn_layer_period": 8, "expert_layer_offset": 1,
     "expert_layer_period": 2, "hidden_size": 4096, "intermediate_size": 14336,
     "mamba_conv_bias": true, "mamba_d_conv": 4, "mamba_d_state": 16, "mamba_dt_rank": 256,
     "mamba_expand": 2, "mamba_proj_bias": false, "max_position_embeddings": 262144,
     "model_type": "jamba", "num_attention_heads": 32, "num_experts": 16,
     "num_experts_per_tok": 2, "num_hidden_layers": 32, "num_key_value_heads": 8,
     "num_logits_to_keep": 1, "sliding_window": null, "tie_word_embeddings": false,
     "use_mamba_kernels": true, "vocab_size": 65536})"},
    {"jamba-1.5-large", 398e9, 94e9, 9 * 4096, 63 * 16384 * (16 * 4 + 3 * 2), "",
     R"({"attn_layer_offset": 4, "attn_layer_period": 8, "expert_layer_offset": 1,
     "expert_layer_period": 2, "hidden_size": 8192, "intermediate_size": 24576,
     "mamba_d_conv": 4, "mamba_d_state": 16, "mamba_dt_rank": 512, "mamba_expand": 2,
     "max_position_embeddings": 262144, "model_type": "jamba", "num_attention_heads": 64,
     "num_experts": 16, "num_experts_per_tok": 2, "num_hidden_layers": 72,
     "num_key_value_heads": 8, "tie_word_embeddings": false, "vocab_size": 65536})"},
    {"falcon-h1-34b", 33.6e9, 0, 72 * 2048,
     72 * (32 * 128 * 256 * 4 + (32 * 128 + 2 * 2 * 256) * 3 * 2),
     "each of the 72 layers counts as 3 blocks: attention, Mamba-2, MLP",
     R"({"attention_bias": false, "attention_in_multiplier": 1.0, "attn_layer_indices": null,
     "head_dim": 128, "hidden_size": 5120, "intermediate_size": 21504, "mamba_chunk_size": 256,
     "mamba_conv_bias": true, "mamba_d_conv": 4, "mamba_d_head": 128, "mamba_d_ssm": 4096,
     "mamba_d_state": 256, "mamba_expand": 2, "mamba_n_groups": 2, "mamba_n_heads": 32,
     "mamba_norm_before_gate": false, "mamba_proj_bias": false, "mamba_rms_norm": false,
     "mamba_use_mlp": true, "max_position_embeddings": 262144, "mlp_bias": false,
     "mlp_expansion_factor": 8, "mlp_multipliers": [0.18, 0.02], "model_type": "falcon_h1",
     "num_attention_heads": 20, "num_hidden_layers": 72, "num_key_value_heads": 4,
     "projectors_bias": false, "ssm_in_multiplier": 0.25, "ssm_out_multiplier": 0.08,
     "ssm_multipliers": [0.35, 0.25, 0.18, 0.5, 0.31], "tie_word_embeddings": false,
     "vocab_size": 261120})"},
    {"lfm2-1.2b", 1.17e9, 0, 6 * 2048, 10 * 2048 * 2 * 2, "",
     R"({"block_auto_adjust_ff_dim": true, "block_dim": 2048, "block_ff_dim": 12288,
     "block_ffn_dim_multiplier": 1.0, "block_multiple_of": 256, "block_norm_eps": 1e-05,
     "block_use_swiglu": true, "conv_L_cache": 3, "conv_bias": false, "conv_dim": 2048,
     "conv_dim_out": 2048, "full_attn_idxs": [2, 5, 8, 10, 12, 14], "hidden_size": 2048,
     "max_position_embeddings": 128000, "model_type": "lfm2", "num_attention_heads": 32,
     "num_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8, "use_pos_enc": true,
     "vocab_size": 65536})"},
    {"lfm2-8b-a1b", 8.34e9, 1.5e9, 6 * 2048, 18 * 2048 * 2 * 2, "",
     R"({"conv_L_cache": 3, "conv_bias": false, "hidden_size": 2048, "intermediate_size": 7168,
     "layer_types": ["conv", "conv", "full_attention", "conv", "conv", "conv",
     "full_attention", "conv", "conv", "conv", "full_attention", "conv", "conv", "conv",
     "full_attention", "conv", "conv", "conv", "full_attention", "conv", "conv",
     "full_attention", "conv", "conv"], "max_position_embeddings": 128000,
     "model_type": "lfm2_moe", "moe_intermediate_size": 1792, "norm_topk_prob": true,
     "num_attention_heads": 32, "num_dense_layers": 2, "num_experts": 32,
     "num_experts_per_tok": 4, "num_hidden_layers": 24, "num_key_value_heads": 8,
     "routed_scaling_factor": 1.0, "use_expert_bias": true, "vocab_size": 65536})"},
    {"longcat-flash", 560e9, 27e9, 56 * 576 * 2, 0, "of 12 experts of a token 8 compute on average",
     R"({"attention_bias": false, "attention_method": "MLA", "expert_ffn_hidden_size": 2048,
     "ffn_hidden_size": 12288, "hidden_size": 6144, "kv_lora_rank": 512,
     "max_position_embeddings": 131072, "mla_scale_kv_lora": true, "mla_scale_q_lora": true,
     "model_type": "longcat_flash", "moe_topk": 12, "n_routed_experts": 512,
     "num_attention_heads": 64, "num_layers": 28, "q_lora_rank": 1536, "qk_nope_head_dim": 128,
     "qk_rope_head_dim": 64, "routed_scaling_factor": 6.0, "router_bias": false,
     "v_head_dim": 128, "vocab_size": 131072, "zero_expert_num": 256,
     "zero_expert_type": "identity"})"},
    {"dbrx-instruct", 131.6e9, 36e9, 40 * 4096, 0, "",
     R"({"attn_config": {"clip_qkv": 8, "kv_n_heads": 8, "model_type": "",
     "rope_theta": 500000}, "d_model": 6144, "ffn_config": {"ffn_hidden_size": 10752,
     "model_type": "", "moe_jitter_eps": 0.01, "moe_num_experts": 16, "moe_top_k": 4},
     "max_seq_len": 32768, "model_type": "dbrx", "n_heads": 48, "n_layers": 40,
     "tie_word_embeddings": false, "vocab_size": 100352})"},
    {"mpt-7b", 6.65e9, 0, 32 * 16384, 0, "",
     R"({"attn_config": {"alibi": true, "attn_type": "multihead_attention", "clip_qkv": null,
     "prefix_lm": false, "qk_ln": false}, "d_model": 4096, "expansion_ratio": 4,
     "learned_pos_emb": true, "max_seq_len": 2048, "model_type": "mpt", "n_heads": 32,
     "n_layers": 32, "no_bias": true, "norm_type": "low_precision_layernorm",
     "vocab_size": 50432})"},
    {"gpt-j-6b", 6.05e9, 0, 28 * 16384, 0, "",
     R"({"model_type": "gptj", "n_embd": 4096, "n_head": 16, "n_inner": null, "n_layer": 28,
     "n_positions": 2048, "rotary": true, "rotary_dim": 64, "tie_word_embeddings": false,
     "vocab_size": 50400})"},
};

/// Nemotron Super's list of blocks (Llama-3.3-Nemotron-Super-49B-v1's), from its runs.
std::string nemotron_super() {
  struct Run {
    int count;
    bool has_attention;
    const char* ffn_mult;
  };
  constexpr Run runs[] = {
      {1, true, "2.625"},   {5, true, "5.25"},  {2, false, "2.625"},  {3, true, "5.25"},
      {1, false, "3.2812"}, {30, true, "5.25"}, {1, false, "1.3125"}, {2, false, "2.625"},
      {1, false, "1.3125"}, {1, false, "5.25"}, {1, false, "1.3125"}, {1, false, "2.625"},
      {3, false, "1.3125"}, {1, true, "5.25"},  {1, false, "1.3125"}, {2, false, "1.0"},
      {1, false, "1.3125"}, {3, false, "1.0"},  {2, false, "1.3125"}, {2, false, "0.5"},
      {2, false, "1.0"},    {2, false, "0.5"},  {1, false, "1.0"},    {2, false, "0.5"},
      {9, true, "5.25"}};
  std::string blocks;
  for (const Run& run : runs) {
    for (int i = 0; i < run.count; ++i) {
      blocks += blocks.empty() ? "" : ", ";
      blocks += std::string(R"({"attention": {"n_heads_in_group": )") +
                (run.has_attention ? R"(8, "no_op": false)" : R"(null, "no_op": true)") +
                R"(, "replace_with_linear": false, "sparsify": null, "window_length": null}, )" +
                R"("ffn": {"ffn_mult": )" + run.ffn_mult +
                R"(, "no_op": false, "replace_with_linear": false, "sparsify": null}})";
    }
  }
  return R"({"block_configs": [)" + blocks + R"(], "hidden_size": 8192,
    "intermediate_size": null, "max_position_embeddings": 131072, "model_type": "nemotron-nas",
    "num_attention_heads": 64, "num_hidden_layers": 80, "num_key_value_heads": null,
    "tie_word_embeddings": false, "vocab_size": 128256})";
}

}  // namespace

TEST_CASE("models of several token mixers have their published parameters and KV cache") {
  for (const Mixed& one : mixed) {
    CAPTURE(one.name);
    const test::Parsed p = test::parse_config(std::string(one.json));
    CHECK(p.text == "");
    REQUIRE(p.model);
    const std::string_view last = p.notes.empty() ? "" : std::string_view(p.notes.back());
    CHECK(last.starts_with(one.note));
    CHECK(last.empty() == one.note.empty());
    const Architecture& m = p.model->architecture;
    const auto total = static_cast<double>(parameters(m));
    CHECK(total == doctest::Approx(one.parameters).epsilon(0.005));
    CHECK(static_cast<double>(active_parameters(m)) ==
          doctest::Approx(one.active > 0 ? one.active : total).epsilon(0.05));
    CHECK(kv_bytes_per_token_per_gpu(m, Dtype::bf16, 1) == one.kv_bytes);
    CHECK(state_bytes_per_gpu(m, 1) == one.state_bytes);
    test::check_step_weights(m);
  }
}

TEST_CASE("layers that were pruned one by one are counted as blocks with the mean MLP") {
  const test::Parsed p = test::parse_config(nemotron_super());
  CHECK(p.text == "");
  REQUIRE(p.model);
  const Architecture& m = p.model->architecture;
  CHECK(static_cast<double>(parameters(m)) == doctest::Approx(49.87e9).epsilon(0.005));
  CHECK(kv_bytes_per_token_per_gpu(m, Dtype::bf16, 1) == 49 * 4096);
  test::check_step_weights(m);
  CHECK(m.intermediate_size == 20544);  // mean 20531, in steps of 64
}

TEST_CASE("blocks of a kind that is not modelled are refused by name") {
  std::string json = nemotron_super();
  json.replace(json.find(R"("replace_with_linear": false)"), 28, R"("replace_with_linear": true)");
  const test::Parsed p = test::parse_config(json);
  CHECK_FALSE(p.model);
  CHECK(p.text.find("block_configs") != std::string::npos);
  CHECK(p.text.find("none of them replaced") != std::string::npos);
}

}  // namespace penstock::config
