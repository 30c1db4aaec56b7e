#include <algorithm>
#include <iterator>
#include <utility>

#include "config/huggingface_family.h"

namespace penstock::config {

namespace {

using Mixer = Family::Mixer;
using Biases = Family::Biases;

constexpr Family dense_families[] = {
    {.model_type = "llama", .bias_key = "attention_bias"},
    {.model_type = "apertus", .bias_key = "attention_bias", .has_qk_norm = true, .is_gated = false},
    {.model_type = "arcee", .bias_key = "attention_bias", .is_gated = false},
    {.model_type = "baichuan"},
    {.model_type = "bamba", .mixer = Mixer::mamba2, .bias_key = "attention_bias"},
    {.model_type = "bloom",
     .has_bias = true,
     .biases = Biases::all,
     .is_tied = true,
     .is_gated = false,
     .has_norm_bias = true,
     .mlp_multiple = 4,
     .positions = 2048},
    {.model_type = "chatglm", .bias_key = "add_qkv_bias"},
    {.model_type = "cohere",
     .bias_key = "attention_bias",
     .qk_norm_key = "use_qk_norm",
     .is_qk_norm_wide = true,
     .is_tied = true,
     .norms_per_layer = 1},
    {.model_type = "cohere2",
     .bias_key = "attention_bias",
     .sliding_window = 4096,
     .window_pattern = 4,
     .is_tied = true,
     .norms_per_layer = 1},
    {.model_type = "ernie4_5", .bias_key = "use_bias", .head_dim = 128, .is_tied = true},
    {.model_type = "exaone"},
    {.model_type = "exaone4", .has_qk_norm = true, .sliding_window = 4096, .window_pattern = 4},
    {.model_type = "falcon",
     .is_tied = true,
     .is_gated = false,
     .has_norm_bias = true,
     .mlp_multiple = 4,
     .positions = 2048},
    {.model_type = "gemma", .bias_key = "attention_bias", .head_dim = 256, .is_tied = true},
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
    {.model_type = "glm", .bias_key = "attention_bias", .head_dim = 128},
    {.model_type = "glm4", .bias_key = "attention_bias", .head_dim = 128, .norms_per_layer = 4},
    {.model_type = "gpt2",
     .has_bias = true,
     .biases = Biases::all,
     .is_tied = true,
     .is_gated = false,
     .has_norm_bias = true,
     .mlp_multiple = 4},
    {.model_type = "gpt_neox",
     .bias_key = "attention_bias",
     .has_bias = true,
     .biases = Biases::all,
     .is_gated = false,
     .has_norm_bias = true},
    {.model_type = "granite", .bias_key = "attention_bias"},
    {.model_type = "hunyuan_v1_dense", .bias_key = "attention_bias", .has_qk_norm = true},
    {.model_type = "internlm", .bias_key = "bias"},
    {.model_type = "internlm2", .bias_key = "bias"},
    {.model_type = "internlm3", .bias_key = "qkv_bias"},
    {.model_type = "mimo", .bias_key = "attention_bias", .has_bias = true},
    {.model_type = "minicpm", .is_tied = true},
    {.model_type = "minicpm3", .mixer = Mixer::latent, .is_tied = true},
    {.model_type = "mistral", .sliding_window = 4096},
    {.model_type = "nemotron", .is_gated = false, .has_norm_bias = true},
    {.model_type = "olmo", .bias_key = "attention_bias", .norms_per_layer = 0},
    {.model_type = "olmo2",
     .bias_key = "attention_bias",
     .has_qk_norm = true,
     .is_qk_norm_wide = true},
    {.model_type = "olmo3",
     .bias_key = "attention_bias",
     .has_qk_norm = true,
     .is_qk_norm_wide = true,
     .sliding_window = 4096,
     .window_pattern = 4},
    {.model_type = "opt",
     .has_bias = true,
     .biases = Biases::all,
     .is_tied = true,
     .is_gated = false,
     .has_norm_bias = true},
    {.model_type = "phi",
     .has_bias = true,
     .biases = Biases::all,
     .qk_norm_key = "qk_layernorm",
     .is_gated = false,
     .has_norm_bias = true,
     .norms_per_layer = 1},
    {.model_type = "phi3"},
    {.model_type = "qwen2", .has_bias = true, .are_windows_switched = true},
    {.model_type = "qwen3",
     .bias_key = "attention_bias",
     .has_qk_norm = true,
     .head_dim = 128,
     .are_windows_switched = true},
    {.model_type = "qwen3_5_text", .mixer = Mixer::delta_net, .has_qk_norm = true, .head_dim = 256},
    {.model_type = "seed_oss", .bias_key = "attention_bias", .has_bias = true, .head_dim = 128},
    {.model_type = "smollm3",
     .bias_key = "attention_bias",
     .are_windows_switched = true,
     .is_tied = true},
    {.model_type = "stablelm", .bias_key = "use_qkv_bias", .has_norm_bias = true},
    {.model_type = "starcoder2",
     .bias_key = "use_bias",
     .has_bias = true,
     .biases = Biases::all,
     .is_tied = true,
     .is_gated = false,
     .has_norm_bias = true},
    {.model_type = "xverse"},
    {.model_type = "Yi"},
};

constexpr Family expert_families[] = {
    {.model_type = "bailing_moe", .bias_key = "use_qkv_bias", .qk_norm_key = "use_qk_norm"},
    {.model_type = "deepseek", .bias_key = "attention_bias"},
    {.model_type = "deepseek_v2", .mixer = Mixer::latent},
    {.model_type = "deepseek_v3", .mixer = Mixer::latent, .has_router_bias = true},
    {.model_type = "deepseek_v32", .mixer = Mixer::latent, .has_router_bias = true},
    {.model_type = "dots1",
     .bias_key = "attention_bias",
     .has_qk_norm = true,
     .has_router_bias = true},
    {.model_type = "ernie4_5_moe",
     .bias_key = "use_bias",
     .has_router_bias = true,
     .is_tied = true,
     .dense_layers = 1},
    {.model_type = "gemma4_text",
     .has_qk_norm = true,
     .head_dim = 256,
     .sliding_window = 1024,
     .window_pattern = 6,
     .is_tied = true,
     .norms_per_layer = 4},
    {.model_type = "glm4_moe",
     .bias_key = "attention_bias",
     .qk_norm_key = "use_qk_norm",
     .has_router_bias = true},
    {.model_type = "glm4_moe_lite", .mixer = Mixer::latent, .has_router_bias = true},
    {.model_type = "glm_moe_dsa", .mixer = Mixer::latent, .has_router_bias = true},
    {.model_type = "gpt_oss",
     .bias_key = "attention_bias",
     .has_bias = true,
     .biases = Biases::attention,
     .head_dim = 64,
     .sliding_window = 128,
     .window_pattern = 2,
     .are_experts_mlps = true,
     .has_router_bias = true},
    {.model_type = "granitemoe", .bias_key = "attention_bias", .are_experts_mlps = true},
    {.model_type = "granitemoehybrid",
     .mixer = Mixer::mamba2,
     .bias_key = "attention_bias",
     .are_experts_mlps = true},
    {.model_type = "hunyuan_v1_moe", .bias_key = "attention_bias", .has_qk_norm = true},
    {.model_type = "kimi_k2", .mixer = Mixer::latent, .has_router_bias = true},
    {.model_type = "kimi_linear", .mixer = Mixer::kimi_linear, .has_router_bias = true},
    {.model_type = "llama4_text", .window_pattern = 4, .are_experts_mlps = true},
    {.model_type = "minimax", .mixer = Mixer::lightning, .are_experts_mlps = true},
    {.model_type = "minimax_m2",
     .has_qk_norm = true,
     .is_qk_norm_wide = true,
     .are_experts_mlps = true,
     .has_router_bias = true},
    {.model_type = "mixtral", .are_experts_mlps = true},
    {.model_type = "nemotron_h",
     .mixer = Mixer::nemotron_h,
     .has_router_bias = true,
     .is_gated = false,
     .norms_per_layer = 1},
    {.model_type = "olmoe",
     .bias_key = "attention_bias",
     .has_qk_norm = true,
     .is_qk_norm_wide = true,
     .are_experts_mlps = true},
    {.model_type = "phimoe",
     .bias_key = "attention_bias",
     .biases = Biases::attention,
     .are_experts_mlps = true,
     .has_norm_bias = true},
    {.model_type = "qwen2_moe", .has_bias = true, .are_windows_switched = true},
    {.model_type = "qwen3_moe",
     .bias_key = "attention_bias",
     .has_qk_norm = true,
     .head_dim = 128,
     .are_windows_switched = true},
    {.model_type = "qwen3_next", .mixer = Mixer::delta_net, .has_qk_norm = true, .head_dim = 256},
    {.model_type = "qwen3_5_moe_text",
     .mixer = Mixer::delta_net,
     .has_qk_norm = true,
     .head_dim = 256},
};

/// Other names of the same.
constexpr std::pair<std::string_view, std::string_view> same_families[] = {
    {"bailing_moe_v2", "bailing_moe"},
    {"gemma3", "gemma3_text"},
    {"gemma4", "gemma4_text"},
    {"kimi_k25", "kimi_k2"},
    {"llama4", "llama4_text"},
    {"minimax_text_01", "minimax"},
    {"ministral3", "mistral"},
    {"mistral3", "mistral"},
    {"qwen2_vl", "qwen2"},
    {"qwen2_vl_text", "qwen2"},
    {"qwen2_5_vl", "qwen2"},
    {"qwen2_5_vl_text", "qwen2"},
    {"qwen3_5", "qwen3_5_text"},
    {"qwen3_5_moe", "qwen3_5_moe_text"},
    {"qwen3_vl_moe_text", "qwen3_moe"},
    {"qwen3_vl_text", "qwen3"},
};

template <std::size_t N>
const Family* find_in(const Family (&families)[N], std::string_view model_type) {
  const auto* found = std::find_if(std::begin(families), std::end(families),
                                   [&](const Family& f) { return f.model_type == model_type; });
  return found == std::end(families) ? nullptr : found;
}

}  // namespace

const Family* find_family(std::string_view model_type) {
  for (const auto& [name, same] : same_families) {
    model_type = model_type == name ? same : model_type;
  }
  const Family* dense = find_in(dense_families, model_type);
  return dense != nullptr ? dense : find_in(expert_families, model_type);
}

bool has_experts(const Family& family) {
  return find_in(expert_families, family.model_type) != nullptr;
}

std::vector<std::string_view> family_names() {
  std::vector<std::string_view> names;
  for (const Family& family : dense_families) {
    names.push_back(family.model_type);
  }
  for (const Family& family : expert_families) {
    names.push_back(family.model_type);
  }
  return names;
}

}  // namespace penstock::config
