#include "config/huggingface_family.h"

#include <fmt/format.h>

#include <algorithm>

namespace penstock::config {

namespace {

using Mixer = Family::Mixer;

constexpr std::int64_t most_layers = 2000;
constexpr std::int64_t most_heads = 4096;
constexpr std::int64_t most_width = 4194304;

constexpr Family families[] = {
    {.model_type = "llama", .bias_key = "attention_bias"},
    {.model_type = "Yi"},
    {.model_type = "mistral", .sliding_window = 4096},
    {.model_type = "mixtral", .has_experts = true},
    {.model_type = "qwen2", .has_qkv_bias = true},
    {.model_type = "qwen2_moe", .has_qkv_bias = true, .has_experts = true},
    {.model_type = "qwen3", .bias_key = "attention_bias", .has_qk_norm = true, .head_dim = 128},
    {.model_type = "qwen3_moe",
     .bias_key = "attention_bias",
     .has_qk_norm = true,
     .head_dim = 128,
     .has_experts = true},
    {.model_type = "qwen3_next",
     .mixer = Mixer::delta_net,
     .has_qk_norm = true,
     .head_dim = 256,
     .has_experts = true},
    {.model_type = "qwen3_5_moe_text",
     .mixer = Mixer::delta_net,
     .has_qk_norm = true,
     .head_dim = 256,
     .has_experts = true},
    {.model_type = "deepseek_v2", .mixer = Mixer::latent, .has_experts = true},
    {.model_type = "deepseek_v3",
     .mixer = Mixer::latent,
     .has_experts = true,
     .has_router_bias = true},
    {.model_type = "deepseek_v32",
     .mixer = Mixer::latent,
     .has_experts = true,
     .has_router_bias = true},
    {.model_type = "kimi_k2", .mixer = Mixer::latent, .has_experts = true, .has_router_bias = true},
    {.model_type = "kimi_linear",
     .mixer = Mixer::kimi_linear,
     .has_experts = true,
     .has_router_bias = true},
    {.model_type = "glm_moe_dsa",
     .mixer = Mixer::latent,
     .has_experts = true,
     .has_router_bias = true},
    {.model_type = "glm4_moe",
     .bias_key = "attention_bias",
     .qk_norm_key = "use_qk_norm",
     .has_experts = true,
     .has_router_bias = true},
    {.model_type = "gpt_oss",
     .bias_key = "attention_bias",
     .has_qkv_bias = true,
     .head_dim = 64,
     .sliding_window = 128,
     .window_pattern = 2,
     .has_experts = true,
     .has_router_bias = true},
    {.model_type = "gemma2",
     .head_dim = 256,
     .sliding_window = 4096,
     .window_pattern = 2,
     .is_tied = true,
     .norms_per_layer = 4},
    {.model_type = "gemma3_text",
     .has_qk_norm = true,
     .head_dim = 256,
     .sliding_window = 4096,
     .window_pattern = 6,
     .is_tied = true,
     .norms_per_layer = 4,
     .vocab_size = 262208,
     .heads = 8,
     .kv_heads = 4,
     .positions = 131072,
     .are_positions_scaled = true},
    {.model_type = "gemma4_text",
     .has_qk_norm = true,
     .head_dim = 256,
     .sliding_window = 1024,
     .window_pattern = 6,
     .is_tied = true,
     .norms_per_layer = 4},
    {.model_type = "llama4_text", .window_pattern = 4, .has_experts = true},
    {.model_type = "minimax", .mixer = Mixer::lightning, .has_experts = true},
    {.model_type = "minimax_m2",
     .has_qk_norm = true,
     .is_qk_norm_wide = true,
     .has_experts = true,
     .has_router_bias = true},
    {.model_type = "nemotron", .is_gated = false, .has_norm_bias = true},
    {.model_type = "nemotron_h",
     .mixer = Mixer::nemotron_h,
     .has_experts = true,
     .has_router_bias = true,
     .is_gated = false,
     .norms_per_layer = 1},
    {.model_type = "phi3"},
    {.model_type = "falcon", .is_tied = true, .is_gated = false, .has_norm_bias = true},
    {.model_type = "opt",
     .has_qkv_bias = true,
     .has_output_bias = true,
     .is_tied = true,
     .is_gated = false,
     .has_norm_bias = true},
    {.model_type = "bloom",
     .has_qkv_bias = true,
     .has_output_bias = true,
     .is_tied = true,
     .is_gated = false,
     .has_norm_bias = true},
    {.model_type = "internlm", .bias_key = "bias"},
    {.model_type = "internlm2", .bias_key = "bias"},
};

/// Other names of the same.
constexpr std::pair<std::string_view, std::string_view> same_families[] = {
    {"gemma3", "gemma3_text"},
    {"gemma4", "gemma4_text"},
    {"llama4", "llama4_text"},
    {"mistral3", "mistral"},
    {"ministral3", "mistral"},
    {"qwen3_5_moe", "qwen3_5_moe_text"},
    {"qwen3_vl_moe_text", "qwen3_moe"},
    {"qwen3_vl_text", "qwen3"},
    {"kimi_k25", "kimi_k2"},
    {"minimax_text_01", "minimax"},
};

/// Layers by the name that `layer_types` gives them.
std::int64_t count_types(const ConfigJson::Json& types, std::string_view name) {
  return std::count(types.begin(), types.end(), name);
}

void read_windows(ConfigJson& json, const Family& family, Architecture& m) {
  const bool is_switched = family.model_type.starts_with("qwen");
  if (is_switched && !json.flag("use_sliding_window")) {
    json.find({"sliding_window", "max_window_layers"});
    const ConfigJson::Json* types = json.find({"layer_types"});
    if (types != nullptr && types->is_array() &&
        count_types(*types, "full_attention") != std::ssize(*types)) {
      json.refuse("layer_types", "without `use_sliding_window` all layers attend to everything");
    }
    return;
  }
  m.chunked = family.model_type == "llama4_text";
  const ConfigJson::Keys keys{"sliding_window", "sliding_window_size", "attention_chunk_size"};
  const std::int64_t window = json.find(keys) == nullptr ? 0 : json.whole(keys, 100'000'000, 0);
  m.sliding_window = window;
  const ConfigJson::Json* types = json.find({"layer_types"});
  const std::int64_t pattern =
      json.whole({"sliding_window_pattern", "_sliding_window_pattern"}, most_layers,
                 std::max<std::int64_t>(1, family.window_pattern));
  if (types != nullptr && types->is_array()) {
    m.sliding_layers =
        count_types(*types, "sliding_attention") + count_types(*types, "chunked_attention");
    const std::int64_t known = m.sliding_layers + count_types(*types, "full_attention") +
                               count_types(*types, "linear_attention");
    if (known != std::ssize(*types)) {
      json.refuse("layer_types", "known are full, sliding, chunked and linear attention");
    }
  } else if (is_switched) {
    const std::int64_t full = json.whole({"max_window_layers"}, most_layers, 28);
    m.sliding_layers = std::max<std::int64_t>(0, m.num_hidden_layers - full);
  } else if (window > 0) {
    m.sliding_layers =
        pattern > 1 ? m.num_hidden_layers - m.num_hidden_layers / pattern : m.num_hidden_layers;
  }
  if (m.sliding_layers > 0 && window == 0) {
    if (family.sliding_window == 0) {
      json.reporter().error(json.span("sliding_window"), "`sliding_window` is missing");
    }
    m.sliding_window = family.sliding_window;
  }
  if (m.sliding_window >= m.max_position_embeddings) {
    m.sliding_layers = 0;
  }
}

void read_latents(ConfigJson& json, Architecture& m) {
  m.mla.kv_lora_rank = json.whole({"kv_lora_rank"}, 65536);
  m.mla.q_lora_rank =
      json.find({"q_lora_rank"}) == nullptr ? 0 : json.whole({"q_lora_rank"}, 65536);
  m.mla.qk_rope_head_dim = json.whole({"qk_rope_head_dim"}, most_heads);
  m.mla.qk_nope_head_dim = json.whole({"qk_nope_head_dim"}, most_heads);
  m.mla.v_head_dim = json.whole({"v_head_dim"}, most_heads);
  m.num_key_value_heads = m.num_attention_heads;
  m.head_dim = m.mla.qk_rope_head_dim + m.mla.qk_nope_head_dim;
  m.attention_bias = false;
  if (json.says("index_topk")) {
    m.indexer = {.layers = m.full_layers(),
                 .index_n_heads = json.whole({"index_n_heads"}, most_heads),
                 .index_head_dim = json.whole({"index_head_dim"}, most_heads),
                 .index_topk = json.whole({"index_topk"}, 10'000'000),
                 .key_bytes = 1};
  }
}

void read_delta_nets(ConfigJson& json, Architecture& m) {
  LinearAttention& l = m.linear;
  l.kind = LinearAttention::Kind::gated_delta_net;
  l.key_heads = json.whole({"linear_num_key_heads"}, most_heads);
  l.value_heads = json.whole({"linear_num_value_heads"}, most_heads);
  l.key_head_dim = json.whole({"linear_key_head_dim"}, most_heads);
  l.value_head_dim = json.whole({"linear_value_head_dim"}, most_heads);
  l.conv_kernel = json.whole({"linear_conv_kernel_dim"}, 64, 4);
  m.attention_output_gate = json.flag("attn_output_gate", true);
  const std::int64_t interval = json.whole({"full_attention_interval"}, most_layers, 4);
  const ConfigJson::Json* types = json.find({"layer_types"});
  l.layers = types != nullptr && types->is_array()
                 ? count_types(*types, "linear_attention")
                 : m.num_hidden_layers - m.num_hidden_layers / interval;
}

void read_lightning(ConfigJson& json, Architecture& m) {
  const ConfigJson::Json* types = json.find({"attn_type_list", "layer_types"});
  if (types == nullptr || !types->is_array()) {
    json.reporter().error(json.span("attn_type_list"), "`attn_type_list` is missing");
    return;
  }
  m.linear = {.kind = LinearAttention::Kind::lightning,
              .layers = std::count(types->begin(), types->end(), 0) +
                        count_types(*types, "linear_attention"),
              .value_heads = m.num_attention_heads,
              .value_head_dim = m.head_dim};
}

void read_kimi_linear(ConfigJson& json, Architecture& m) {
  const ConfigJson::Json* config = json.find({"linear_attn_config"});
  const auto dim = [&](const char* key) {
    const ConfigJson::Json value =
        config != nullptr && config->is_object() ? config->value(key, ConfigJson::Json()) : nullptr;
    return value.is_number_unsigned() ? std::min(value.get<std::int64_t>(), most_heads)
           : value.is_array()         ? std::ssize(value)
                                      : std::int64_t{0};
  };
  m.linear = {.kind = LinearAttention::Kind::kimi_delta,
              .layers = dim("kda_layers"),
              .value_heads = dim("num_heads"),
              .value_head_dim = dim("head_dim"),
              .conv_kernel = dim("short_conv_kernel_size")};
  if (m.linear.layers == 0 || m.linear.value_heads == 0 || m.linear.value_head_dim == 0) {
    json.reporter().error(json.span("linear_attn_config"),
                          "`linear_attn_config` must have kda_layers, num_heads and head_dim");
  }
  read_latents(json, m);
}

void read_nemotron_h(ConfigJson& json, Architecture& m) {
  const std::string pattern = json.text("hybrid_override_pattern");
  const auto count = [&pattern](char kind) {
    return std::count(pattern.begin(), pattern.end(), kind);
  };
  if (count('M') + count('*') + count('E') != std::ssize(pattern) ||
      std::ssize(pattern) != m.num_hidden_layers) {
    json.refuse("hybrid_override_pattern",
                "known are blocks of Mamba-2 (M), attention (*) and experts (E)");
    return;
  }
  m.moe_only_layers = count('E');
  m.linear = {.kind = LinearAttention::Kind::mamba2,
              .layers = count('M'),
              .key_heads = json.whole({"n_groups"}, most_heads),
              .value_heads = json.whole({"mamba_num_heads"}, most_heads),
              .key_head_dim = json.whole({"ssm_state_size"}, most_heads),
              .value_head_dim = json.whole({"mamba_head_dim"}, most_heads),
              .conv_kernel = json.whole({"conv_kernel"}, 64, 4)};
}

/// A list of layers' kinds is as long as there are layers, or says nothing.
void check_length(ConfigJson& json, const Architecture& m) {
  for (const char* key : {"layer_types", "attn_type_list"}) {
    const ConfigJson::Json* types = json.peek(key);
    if (types != nullptr && types->is_array() && std::ssize(*types) != m.num_hidden_layers &&
        count_types(*types, "full_attention") != std::ssize(*types)) {
      json.reporter().error(json.span(key), fmt::format("`{}` has {} entries for {} layers", key,
                                                        types->size(), m.num_hidden_layers));
    }
  }
}

}  // namespace

const Family* find_family(std::string_view model_type) {
  for (const auto& [name, same] : same_families) {
    model_type = model_type == name ? same : model_type;
  }
  const auto* found = std::find_if(std::begin(families), std::end(families),
                                   [&](const Family& f) { return f.model_type == model_type; });
  return found == std::end(families) ? nullptr : found;
}

std::vector<std::string_view> family_names() {
  std::vector<std::string_view> names;
  for (const Family& family : families) {
    names.push_back(family.model_type);
  }
  return names;
}

void read_mixers(ConfigJson& json, const Family& family, Architecture& m) {
  const std::size_t before = json.reporter().size();
  if (family.model_type == "gemma4_text" && json.says("global_head_dim")) {
    m.global_head_dim = json.whole({"global_head_dim"}, most_heads);
    m.num_global_key_value_heads =
        json.whole({"num_global_key_value_heads"}, most_heads, m.num_key_value_heads);
    m.global_k_eq_v = json.flag("attention_k_eq_v");
  }
  switch (family.mixer) {
    case Mixer::attention:
      read_windows(json, family, m);
      break;
    case Mixer::latent:
      read_latents(json, m);
      break;
    case Mixer::delta_net:
      read_delta_nets(json, m);
      break;
    case Mixer::lightning:
      read_lightning(json, m);
      break;
    case Mixer::kimi_linear:
      read_kimi_linear(json, m);
      break;
    case Mixer::nemotron_h:
      read_nemotron_h(json, m);
      break;
  }
  if (json.reporter().size() == before) {
    check_length(json, m);
  }
  if (m.full_layers() < 0) {
    json.reporter().error(json.span("num_hidden_layers"),
                          "`num_hidden_layers` is less than the layers by type");
  }
}

void read_experts(ConfigJson& json, const Family& family, Architecture& m) {
  if (!family.has_experts ||
      (family.model_type == "gemma4_text" && !json.says("enable_moe_block"))) {
    return;
  }
  const std::string_view type = family.model_type;
  MoeLayers& moe = m.moe;
  moe.num_experts = json.whole({"num_experts", "num_local_experts", "n_routed_experts"}, 65536);
  moe.num_experts_per_tok =
      json.whole({"num_experts_per_tok", "num_experts_per_token", "top_k_experts"}, 65536);
  const bool width_is_mlps = type == "mixtral" || type == "gpt_oss" || type == "minimax" ||
                             type == "minimax_m2" || type == "llama4_text";
  moe.moe_intermediate_size =
      width_is_mlps ? m.intermediate_size : json.whole({"moe_intermediate_size"}, most_width);
  const std::int64_t shared = json.says("n_shared_experts") || json.says("num_shared_experts")
                                  ? json.whole({"n_shared_experts", "num_shared_experts"}, 4096)
                                  : 0;
  const bool names_width = json.says("shared_expert_intermediate_size") ||
                           json.says("moe_shared_expert_intermediate_size");
  moe.shared_expert_intermediate_size =
      names_width
          ? std::max<std::int64_t>(1, shared) * json.whole({"shared_expert_intermediate_size",
                                                            "moe_shared_expert_intermediate_size"},
                                                           most_width)
      : type == "llama4_text" ? m.intermediate_size
                              : shared * moe.moe_intermediate_size;
  moe.shared_expert_gate = type.starts_with("qwen") && moe.shared_expert_intermediate_size > 0;
  moe.first_k_dense_replace =
      json.says("first_k_dense_replace") ? json.whole({"first_k_dense_replace"}, most_layers) : 0;
  moe.moe_layer_freq = json.whole(
      {"moe_layer_freq", "decoder_sparse_step", "interleave_moe_layer_step"}, most_layers, 1);
  if (type == "llama4_text") {
    m.intermediate_size = json.whole({"intermediate_size_mlp"}, most_width, m.intermediate_size);
  }
  moe.router_bias = family.has_router_bias;
  moe.expert_bias = type == "gpt_oss";
  if (json.says("mlp_only_layers")) {
    json.refuse("mlp_only_layers", "dense layers are modelled at the start or at every n-th layer");
  }
  if (moe.num_experts > 0 && moe.num_experts_per_tok > moe.num_experts) {
    json.reporter().error(json.span("num_experts_per_tok"),
                          "`num_experts_per_tok` is more than there are experts");
  }
  if (moe.first_k_dense_replace >= m.num_hidden_layers && m.num_hidden_layers > 0) {
    json.reporter().error(json.span("first_k_dense_replace"),
                          "`first_k_dense_replace` leaves no layer for the experts");
  }
}

}  // namespace penstock::config
