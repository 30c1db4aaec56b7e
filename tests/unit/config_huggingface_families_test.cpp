#include <doctest/doctest.h>

#include <string_view>

#include "config/catalog.h"
#include "config/huggingface.h"
#include "config/render.h"
#include "tests/support/huggingface_text.h"

// One config.json of each family, shortened to the keys that say something of the layers, against
// the catalogue's entry of the same model.

namespace penstock::config {
namespace {

struct Published {
  std::string_view name;  ///< of the catalogue
  std::string_view json;
};

constexpr Published published[] = {
    {"qwen3-30b-a3b", R"({"model_type": "qwen3_moe", "hidden_size": 2048, "intermediate_size": 6144,
     "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128,
     "num_hidden_layers": 48, "vocab_size": 151936, "max_position_embeddings": 40960,
     "num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768,
     "decoder_sparse_step": 1, "mlp_only_layers": [], "norm_topk_prob": true,
     "router_aux_loss_coef": 0.001, "use_sliding_window": false, "sliding_window": null,
     "max_window_layers": 48, "tie_word_embeddings": false, "attention_bias": false})"},
    {"mixtral-8x7b", R"({"model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336,
     "num_attention_heads": 32, "num_key_value_heads": 8, "num_hidden_layers": 32,
     "vocab_size": 32000, "max_position_embeddings": 32768, "num_local_experts": 8,
     "num_experts_per_tok": 2, "sliding_window": null, "router_aux_loss_coef": 0.02,
     "output_router_logits": false})"},
    {"deepseek-v3",
     R"({"model_type": "deepseek_v3", "hidden_size": 7168, "intermediate_size": 18432,
     "num_attention_heads": 128, "num_key_value_heads": 128, "num_hidden_layers": 61,
     "vocab_size": 129280, "max_position_embeddings": 163840, "q_lora_rank": 1536,
     "kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128,
     "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8,
     "moe_intermediate_size": 2048, "first_k_dense_replace": 3, "moe_layer_freq": 1,
     "n_group": 8, "topk_group": 4, "topk_method": "noaux_tc", "ep_size": 1,
     "num_nextn_predict_layers": 1, "tie_word_embeddings": false, "quantization_config":
     {"quant_method": "fp8", "weight_block_size": [128, 128]}})"},
    {"deepseek-v2-lite",
     R"({"model_type": "deepseek_v2", "hidden_size": 2048, "intermediate_size": 10944,
     "num_attention_heads": 16, "num_key_value_heads": 16, "num_hidden_layers": 27,
     "vocab_size": 102400, "max_position_embeddings": 163840, "q_lora_rank": null,
     "kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128,
     "n_routed_experts": 64, "n_shared_experts": 2, "num_experts_per_tok": 6,
     "moe_intermediate_size": 1408, "first_k_dense_replace": 1, "moe_layer_freq": 1})"},
    {"deepseek-v3.2",
     R"({"model_type": "deepseek_v32", "hidden_size": 7168, "intermediate_size": 18432,
     "num_attention_heads": 128, "num_key_value_heads": 128, "num_hidden_layers": 61,
     "vocab_size": 129280, "max_position_embeddings": 163840, "q_lora_rank": 1536,
     "kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128,
     "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8,
     "moe_intermediate_size": 2048, "first_k_dense_replace": 3, "moe_layer_freq": 1,
     "index_n_heads": 64, "index_head_dim": 128, "index_topk": 2048})"},
    {"kimi-k2.5",
     R"({"model_type": "kimi_k25", "text_config": {"model_type": "kimi_k2", "hidden_size": 7168,
     "intermediate_size": 18432, "num_attention_heads": 64, "num_key_value_heads": 64,
     "num_hidden_layers": 61, "vocab_size": 163840, "max_position_embeddings": 262144,
     "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim":
     128, "v_head_dim": 128, "n_routed_experts": 384, "n_shared_experts": 1,
     "num_experts_per_tok": 8, "moe_intermediate_size": 2048, "first_k_dense_replace": 1,
     "moe_layer_freq": 1}, "vision_config": {"hidden_size": 1152}})"},
    {"glm-4.5", R"({"model_type": "glm4_moe", "hidden_size": 5120, "intermediate_size": 12288,
     "num_attention_heads": 96, "num_key_value_heads": 8, "head_dim": 128,
     "num_hidden_layers": 92, "vocab_size": 151552, "max_position_embeddings": 131072,
     "attention_bias": true, "use_qk_norm": true, "n_routed_experts": 160,
     "n_shared_experts": 1, "num_experts_per_tok": 8, "moe_intermediate_size": 1536,
     "first_k_dense_replace": 3, "partial_rotary_factor": 0.5})"},
    {"gpt-oss-20b", R"({"model_type": "gpt_oss", "hidden_size": 2880, "intermediate_size": 2880,
     "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64,
     "num_hidden_layers": 24, "vocab_size": 201088, "max_position_embeddings": 131072,
     "attention_bias": true, "num_local_experts": 32, "num_experts_per_tok": 4,
     "experts_per_token": 4, "sliding_window": 128, "swiglu_limit": 7.0, "layer_types":
     ["sliding_attention", "full_attention", "sliding_attention", "full_attention",
     "sliding_attention", "full_attention", "sliding_attention", "full_attention",
     "sliding_attention", "full_attention", "sliding_attention", "full_attention",
     "sliding_attention", "full_attention", "sliding_attention", "full_attention",
     "sliding_attention", "full_attention", "sliding_attention", "full_attention",
     "sliding_attention", "full_attention", "sliding_attention", "full_attention"],
     "quantization_config": {"quant_method": "mxfp4"}})"},
    {"gemma-3-27b",
     R"({"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "hidden_size":
     5376, "intermediate_size": 21504, "num_attention_heads": 32, "num_key_value_heads": 16,
     "head_dim": 128, "num_hidden_layers": 62, "vocab_size": 262144,
     "max_position_embeddings": 131072, "sliding_window": 1024, "sliding_window_pattern": 6}})"},
    {"gemma-2-27b", R"({"model_type": "gemma2", "hidden_size": 4608, "intermediate_size": 36864,
     "num_attention_heads": 32, "num_key_value_heads": 16, "head_dim": 128,
     "num_hidden_layers": 46, "vocab_size": 256000, "max_position_embeddings": 8192,
     "sliding_window": 4096})"},
    {"qwen3-next-80b-a3b",
     R"({"model_type": "qwen3_next", "hidden_size": 2048, "intermediate_size": 5120,
     "num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 256,
     "num_hidden_layers": 48, "vocab_size": 151936, "max_position_embeddings": 262144,
     "full_attention_interval": 4, "linear_num_key_heads": 16, "linear_num_value_heads": 32,
     "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4,
     "num_experts": 512, "num_experts_per_tok": 10, "moe_intermediate_size": 512,
     "shared_expert_intermediate_size": 512, "decoder_sparse_step": 1, "mlp_only_layers": []})"},
    {"nemotron-3-nano-30b-a3b",
     R"({"model_type": "nemotron_h", "hidden_size": 2688, "intermediate_size": 1856,
     "num_attention_heads": 32, "num_key_value_heads": 2, "head_dim": 128,
     "num_hidden_layers": 52, "vocab_size": 131072, "max_position_embeddings": 262144,
     "hybrid_override_pattern": "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
     "mamba_num_heads": 64, "mamba_head_dim": 64, "n_groups": 8, "ssm_state_size": 128,
     "conv_kernel": 4, "chunk_size": 128, "n_routed_experts": 128, "num_experts_per_tok": 6,
     "moe_intermediate_size": 1856, "n_shared_experts": 1,
     "moe_shared_expert_intermediate_size": 3712})"},
    {"minimax-m2", R"({"model_type": "minimax_m2", "hidden_size": 3072, "intermediate_size": 1536,
     "num_attention_heads": 48, "num_key_value_heads": 8, "head_dim": 128,
     "num_hidden_layers": 62, "vocab_size": 200064, "max_position_embeddings": 196608,
     "num_local_experts": 256, "num_experts_per_tok": 8, "use_qk_norm": true})"},
    {"llama-4-scout-17b-16e",
     R"({"model_type": "llama4", "text_config": {"model_type": "llama4_text", "hidden_size":
     5120, "intermediate_size": 8192, "intermediate_size_mlp": 16384, "num_attention_heads":
     40, "num_key_value_heads": 8, "head_dim": 128, "num_hidden_layers": 48, "vocab_size":
     202048, "max_position_embeddings": 10485760, "attention_chunk_size": 8192,
     "num_local_experts": 16, "num_experts_per_tok": 1, "interleave_moe_layer_step": 1}})"},
    {"falcon-40b", R"({"model_type": "falcon", "hidden_size": 8192, "num_attention_heads": 128,
     "num_kv_heads": 8, "num_hidden_layers": 60, "vocab_size": 65024,
     "new_decoder_architecture": true, "multi_query": true, "parallel_attn": true, "bias":
     false})"},
    {"falcon-7b", R"({"model_type": "falcon", "hidden_size": 4544, "num_attention_heads": 71,
     "num_hidden_layers": 32, "vocab_size": 65024, "new_decoder_architecture": false,
     "multi_query": true, "parallel_attn": true, "bias": false})"},
    {"opt-66b",
     R"({"model_type": "opt", "hidden_size": 9216, "ffn_dim": 36864, "num_attention_heads": 72,
     "num_hidden_layers": 64, "vocab_size": 50272, "max_position_embeddings": 2048})"},
    {"bloom-176b",
     R"({"model_type": "bloom", "n_embed": 14336, "n_head": 112, "n_layer": 70, "vocab_size":
     250880, "seq_length": 2048})"},
    {"nemotron-4-340b",
     R"({"model_type": "nemotron", "hidden_size": 18432, "intermediate_size": 73728,
     "num_attention_heads": 96, "num_key_value_heads": 8, "head_dim": 192,
     "num_hidden_layers": 96, "vocab_size": 256000, "max_position_embeddings": 4096})"},
    {"kimi-linear-48b-a3b",
     R"({"model_type": "kimi_linear", "hidden_size": 2304, "intermediate_size": 9216,
     "num_attention_heads": 32, "num_key_value_heads": 32, "num_hidden_layers": 27,
     "vocab_size": 163840, "max_position_embeddings": 1048576, "kv_lora_rank": 512,
     "q_lora_rank": null, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128,
     "num_experts": 256, "num_experts_per_token": 8, "moe_intermediate_size": 1024,
     "num_shared_experts": 1, "first_k_dense_replace": 1, "moe_layer_freq": 1,
     "linear_attn_config": {"kda_layers": [1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15, 17, 18,
     19, 21, 22, 23, 25, 26], "full_attn_layers": [4, 8, 12, 16, 20, 24, 27], "head_dim":
     128, "num_heads": 32, "short_conv_kernel_size": 4}})"},
    {"glm-5", R"({"model_type": "glm_moe_dsa", "hidden_size": 6144, "intermediate_size": 12288,
     "num_attention_heads": 64, "num_key_value_heads": 64, "num_hidden_layers": 78,
     "vocab_size": 154880, "max_position_embeddings": 202752, "q_lora_rank": 2048,
     "kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 192, "v_head_dim": 256,
     "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8,
     "moe_intermediate_size": 2048, "first_k_dense_replace": 3, "index_n_heads": 32,
     "index_head_dim": 128, "index_topk": 2048})"},
    {"deepseek-v4-flash",
     R"({"model_type": "deepseek_v4", "hidden_size": 4096, "num_attention_heads": 64,
     "num_key_value_heads": 1, "head_dim": 512, "num_hidden_layers": 43, "vocab_size":
     129280, "max_position_embeddings": 1048576, "q_lora_rank": 1024, "o_lora_rank": 1024,
     "o_groups": 8, "qk_rope_head_dim": 64, "index_n_heads": 64, "index_head_dim": 128,
     "index_topk": 512, "n_routed_experts": 256, "n_shared_experts": 1,
     "num_experts_per_tok": 6, "moe_intermediate_size": 2048, "num_hash_layers": 3,
     "hc_mult": 4, "hc_sinkhorn_iters": 20, "hc_eps": 1e-06, "sliding_window": 128,
     "compress_rope_theta": 160000, "num_nextn_predict_layers": 1, "scoring_func":
     "sqrtsoftplus", "topk_method": "noaux_tc", "tie_word_embeddings": false,
     "attention_bias": false, "rope_scaling": {"type": "yarn", "factor": 16,
     "original_max_position_embeddings": 65536}, "expert_dtype": "fp4",
     "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
     "compress_ratios": [0, 0, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4,
     128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4,
     128, 4, 128, 4, 0]})"},
    {"deepseek-v4-pro",
     R"({"model_type": "deepseek_v4", "hidden_size": 7168, "num_attention_heads": 128,
     "num_key_value_heads": 1, "head_dim": 512, "num_hidden_layers": 61, "vocab_size":
     129280, "max_position_embeddings": 1048576, "q_lora_rank": 1536, "o_lora_rank": 1024,
     "o_groups": 16, "qk_rope_head_dim": 64, "index_n_heads": 64, "index_head_dim": 128,
     "index_topk": 1024, "n_routed_experts": 384, "n_shared_experts": 1,
     "num_experts_per_tok": 6, "moe_intermediate_size": 3072, "num_hash_layers": 3,
     "hc_mult": 4, "hc_sinkhorn_iters": 20, "hc_eps": 1e-06, "sliding_window": 128,
     "compress_rope_theta": 160000, "num_nextn_predict_layers": 1, "scoring_func":
     "sqrtsoftplus", "topk_method": "noaux_tc", "tie_word_embeddings": false,
     "attention_bias": false, "rope_scaling": {"type": "yarn", "factor": 16,
     "original_max_position_embeddings": 65536}, "expert_dtype": "fp4",
     "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
     "compress_ratios": [128, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4,
     128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4,
     128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4,
     0]})"},
    {"kimi-k3",
     R"({"model_type": "kimi_k3", "tie_word_embeddings": false, "text_config": {"model_type":
     "kimi_linear", "hidden_size": 7168, "intermediate_size": 33792, "num_attention_heads":
     96, "num_key_value_heads": 96, "num_hidden_layers": 93, "vocab_size": 163840,
     "max_position_embeddings": 1048576, "kv_lora_rank": 512, "q_lora_rank": 1536,
     "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128, "mla_use_nope":
     true, "mla_use_output_gate": true, "num_experts": 896, "num_experts_per_token": 16,
     "num_expert_group": 1, "moe_intermediate_size": 3072, "num_shared_experts": 2,
     "routed_expert_hidden_size": 3584, "latent_moe_use_norm": true, "attn_res_block_size":
     12, "first_k_dense_replace": 1, "moe_layer_freq": 1, "num_nextn_predict_layers": 0,
     "linear_attn_config": {"kda_layers": [1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15, 17, 18,
     19, 21, 22, 23, 25, 26, 27, 29, 30, 31, 33, 34, 35, 37, 38, 39, 41, 42, 43, 45, 46, 47,
     49, 50, 51, 53, 54, 55, 57, 58, 59, 61, 62, 63, 65, 66, 67, 69, 70, 71, 73, 74, 75, 77,
     78, 79, 81, 82, 83, 85, 86, 87, 89, 90, 91], "full_attn_layers": [4, 8, 12, 16, 20, 24,
     28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 72, 76, 80, 84, 88, 92, 93], "head_dim":
     128, "num_heads": 96, "short_conv_kernel_size": 4, "gate_lower_bound": -5.0,
     "use_full_rank_gate": true}, "quantization_config": {"quant_method":
     "compressed-tensors", "format": "mxfp4-pack-quantized", "ignore": ["lm_head",
     "re:.*self_attn.*",
     "re:.*shared_experts.*"]}}})"},
    {"minimax-m3", R"({"model_type": "minimax_m3_vl", "text_config": {"hidden_size": 6144,
     "intermediate_size": 3072, "dense_intermediate_size": 12288, "shared_intermediate_size":
     3072, "num_hidden_layers": 60, "num_attention_heads": 64, "num_key_value_heads": 4,
     "head_dim": 128, "vocab_size": 200064, "max_position_embeddings": 524288,
     "attention_output_gate": false, "use_qk_norm": true, "qk_norm_type": "per_head",
     "num_local_experts": 128, "num_experts_per_tok": 4, "n_shared_experts": 1,
     "use_routing_bias": true, "moe_layer_freq": [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], "tie_word_embeddings": false,
     "sparse_attention_config": {"use_sparse_attention": true, "sparse_index_dim": 128,
     "sparse_num_index_heads": 4, "sparse_topk_blocks": 16, "sparse_block_size": 128,
     "sparse_local_block": 1, "sparse_attention_freq": [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1,
     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]}}})"},
};

}  // namespace

TEST_CASE("the config.json of a model gives the catalogue's entry of it") {
  Reporter reporter;
  const Catalog catalog("", reporter);
  for (const Published& one : published) {
    CAPTURE(one.name);
    const auto source = std::make_shared<const Source>("config.json", std::string(one.json));
    Reporter own;
    const auto model = parse_huggingface(source, "mine", own);
    CHECK(render(own.take(), false) == "");
    REQUIRE(model);
    const Architecture& got = model->architecture;
    const auto want = catalog.model(one.name, {}, reporter);
    REQUIRE(want);
    CHECK(parameters(got) == parameters(*want));
    CHECK(active_parameters(got) == active_parameters(*want));
    for (const int tp : {1, 8}) {
      CHECK(kv_bytes_per_token_per_gpu(got, Dtype::bf16, tp) ==
            kv_bytes_per_token_per_gpu(*want, Dtype::bf16, tp));
      CHECK(window_bytes_per_token_per_gpu(got, Dtype::bf16, tp) ==
            window_bytes_per_token_per_gpu(*want, Dtype::bf16, tp));
      CHECK(state_bytes_per_gpu(got, tp) == state_bytes_per_gpu(*want, tp));
    }
    CHECK(kv_window(got) == kv_window(*want));
    CHECK(got.max_position_embeddings == want->max_position_embeddings);
    if (one.json.find("quantization_config") != std::string_view::npos && want->dense_weights) {
      CHECK(model->weights == want->weights);
      CHECK(got.dense_weights == want->dense_weights);
    }
  }
}

TEST_CASE("a model without attention is refused, whatever its layers are") {
  const std::string mamba = R"("mamba_n_groups": 1, "mamba_n_heads": 128, "mamba_d_state": 128,
      "mamba_d_head": 64, "mamba_d_conv": 4)";
  CHECK(test::parse_config(test::llama_config("bamba", mamba + R"(, "attn_layer_indices": [])"))
            .text.find("no layer of attention") != std::string::npos);
  std::string linear = "0";
  for (int layer = 1; layer < 32; ++layer) {
    linear += ", 0";
  }
  CHECK(test::parse_config(
            test::llama_config("minimax", R"("num_local_experts": 8, "num_experts_per_tok": 2,
      "attn_type_list": [)" + linear + "]"))
            .text.find("no layer of attention") != std::string::npos);
}

TEST_CASE("biases of the MLP are read where the file has them") {
  const auto count = [](const std::string& more) {
    return parameters(test::parse_config(test::llama_config("llama", more)).model->architecture);
  };
  CHECK(count(R"("mlp_bias": true)") - count("") == 32 * (2 * 14336 + 4096));
  CHECK(count(R"("attention_bias": true)") - count("") == 32 * (2 * 4096 + 2 * 1024));
}

TEST_CASE("contexts are stretched by transformers' newer key too") {
  const auto longest = [](const std::string& more) {
    return test::parse_config(test::llama_config("qwen3", more))
        .model->architecture.max_position_embeddings;
  };
  CHECK(longest(R"("rope_parameters": {"rope_type": "yarn", "factor": 4.0,
      "original_max_position_embeddings": 32768})") == 131072);
  CHECK(longest(R"("rope_scaling": null, "rope_parameters": {"rope_type": "yarn", "factor": 8.0,
      "original_max_position_embeddings": 32768})") == 262144);
  CHECK(longest(R"("rope_parameters": {"rope_type": "default"})") == 131072);
}

}  // namespace penstock::config
