#include <array>
#include <string_view>

#include "config/catalog_rows.h"

namespace penstock::config {

namespace catalog_rows {
namespace {

constexpr std::string_view dtypes = "bf16|fp8|int8|nvfp4|mxfp4|int4|int4_g32|w8a16|nvfp4a16";
constexpr double most_layers = 2000;
constexpr double most_width = 4194304;
constexpr Key count(std::string_view path, double max, bool required = false) {
  return whole(path, 1, max, required);
}

constexpr auto model_keys = with_common_keys(std::to_array<Key>({
    {.path = "architecture",
     .doc = "dense, or with routed experts",
     .scalar = Scalar::choice,
     .required = true,
     .choices = "dense|moe"},
    count("num_hidden_layers", most_layers, true),
    count("hidden_size", 262144, true),
    count("num_attention_heads", 4096, true),
    count("num_key_value_heads", 4096, true),
    count("head_dim", 4096, true),
    count("intermediate_size", most_width, true),
    count("vocab_size", 1e7, true),
    whole("max_position_embeddings", 2, 1e8),
    flag("tie_word_embeddings", true),
    flag("attention_bias"),
    flag("attention_output_bias"),
    flag("attention_output_gate"),
    flag("attention_sinks"),
    flag("qk_norm"),
    flag("qk_norm_full_width"),
    flag("gated_mlp"),
    flag("mlp_bias"),
    count("mlp_only_layers", most_layers),
    flag("norm_bias"),
    count("norms_per_layer", 8),
    count("extra_norms", 8),
    count("position_embeddings", 1e7),
    map("sliding"),
    count("sliding.layers", most_layers, true),
    count("sliding.window", 1e8, true),
    flag("sliding.chunked"),
    map("global"),
    count("global.head_dim", 4096, true),
    count("global.num_key_value_heads", 4096, true),
    flag("global.k_eq_v"),
    map("moe"),
    count("moe.num_experts", 65536, true),
    count("moe.num_experts_per_tok", 65536, true),
    count("moe.moe_intermediate_size", most_width, true),
    count("moe.latent_size", most_width),
    count("moe.shared_expert_intermediate_size", most_width),
    flag("moe.shared_expert_gate"),
    whole("moe.first_k_dense_replace", 0, most_layers, false),
    count("moe.moe_layer_freq", most_layers),
    flag("moe.dense_beside_experts"),
    count("moe.only_layers", most_layers),
    flag("moe.router_bias"),
    flag("moe.expert_bias"),
    map("mla"),
    count("mla.kv_lora_rank", 65536),
    count("mla.q_lora_rank", 65536),
    count("mla.qk_rope_head_dim", 4096, true),
    count("mla.qk_nope_head_dim", 4096),
    count("mla.v_head_dim", 4096),
    map("indexer"),
    count("indexer.layers", most_layers, true),
    count("indexer.index_n_heads", 4096, true),
    count("indexer.index_head_dim", 4096, true),
    count("indexer.index_topk", 1e7, true),
    count("indexer.key_bytes", 4),
    map("compressed"),
    count("compressed.fine_layers", most_layers, true),
    count("compressed.fine_ratio", 1e6, true),
    count("compressed.coarse_layers", most_layers, true),
    count("compressed.coarse_ratio", 1e6, true),
    count("compressed.o_lora_rank", 65536, true),
    count("compressed.o_groups", 4096, true),
    count("compressed.hyper_connections", 64, true),
    count("compressed.window", 1e7, true),
    map("linear"),
    choice("linear.kind", "gated_delta_net|kimi_delta|mamba1|mamba2|lightning|short_conv"),
    count("linear.layers", most_layers, true),
    count("linear.key_heads", 4096),
    count("linear.value_heads", 65536, true),
    count("linear.key_head_dim", 4096),
    count("linear.value_head_dim", 4096, true),
    count("linear.conv_kernel", 64),
    count("linear.dt_rank", 65536),
    flag("linear.full_rank_gate"),
    {.path = "weights", .scalar = Scalar::choice, .choices = dtypes},
    {.path = "dense_weights", .scalar = Scalar::choice, .choices = dtypes},
    {.path = "attention_weights", .scalar = Scalar::choice, .choices = dtypes},
    whole("parameters", 1, 1e14, false),
    whole("active_parameters", 1, 1e14, false),
}));

constexpr auto closed_model_keys = with_common_keys(std::to_array<Key>({
    text("vendor", "who serves it", true),
    whole("max_position_embeddings", 2, 1e8, false),
}));

constexpr auto system_keys = with_common_keys(std::to_array<Key>({
    text("gpu", "catalogue name", true),
    whole("gpus", 1, 1e6),
    text("cpu"),
    number("host_memory", Unit::bytes, 1e9, 1e18, false),
    text("scaleup"),
    text("switches"),
    bandwidth("scaleup_bandwidth", false),
    text("nics"),
    bandwidth("network_bandwidth", false),
    number("max_power", Unit::power, 1, 1e7, false),
    number("host_power", Unit::power, 0, 1e7, false),
    number("provisioned_power_per_gpu", Unit::power, 1, 1e6, false),
    text("note"),
}));

}  // namespace
}  // namespace catalog_rows

Schema model_schema() { return catalog_rows::model_keys; }
Schema closed_model_schema() { return catalog_rows::closed_model_keys; }
Schema system_schema() { return catalog_rows::system_keys; }

}  // namespace penstock::config
