#pragma once

#include <cstdint>
#include <string_view>

#include "config/huggingface_json.h"
#include "sim/model/architecture.h"

namespace penstock::config {

/// A family by its `model_type`, with the defaults of its configuration class in transformers.
struct Family {
  /// Token mixers beyond (grouped) attention.
  enum class Mixer {
    attention,
    latent,
    delta_net,
    lightning,
    kimi_linear,
    mamba1,  ///< Jamba
    mamba2,
    short_conv,  ///< LFM2
    nemotron_h,
    nemotron_nas,  ///< Nemotron Super and Ultra of the Llama family
    falcon_h1,
    longcat,
    compressed,   ///< DeepSeek-V4
    block_sparse  ///< MiniMax-M3
  };
  /// What its biases are on: q, k and v; the attention's output too; the MLP too.
  enum class Biases { qkv, attention, all };

  std::string_view model_type;
  Mixer mixer = Mixer::attention;
  std::string_view bias_key = {};  ///< the key that turns biases on
  bool has_bias = false;           ///< what it is without that key
  Biases biases = Biases::qkv;
  std::string_view qk_norm_key = {};
  bool has_qk_norm = false;
  bool is_qk_norm_wide = false;
  std::int64_t head_dim = 0;        ///< 0 = hidden_size / heads
  std::int64_t sliding_window = 0;  ///< where the file does not say; 0 = none
  /// Of so many layers the last attends to all, where `layer_types` does not say; 0 = windows, if
  /// there are any, are in all layers.
  std::int64_t window_pattern = 0;
  bool are_windows_switched = false;  ///< windows are there with `use_sliding_window` only
  bool are_experts_mlps = false;      ///< `intermediate_size` is an expert's
  bool has_router_bias = false;
  bool is_tied = false;
  bool is_gated = true;
  bool has_norm_bias = false;
  std::int64_t norms_per_layer = 2;
  std::int64_t dense_layers = 0;  ///< at the start, where the file does not say
  // Where the file does not say; 0 = it has to.
  std::int64_t mlp_multiple = 0;  ///< the MLP is so many times as wide as the hidden state
  std::int64_t vocab_size = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;  ///< 0 = as many as heads
  std::int64_t positions = 0;
  bool are_positions_scaled = false;  ///< they hold the factor of `rope_scaling` already
};

/// Null if the family is not known.
const Family* find_family(std::string_view model_type);
bool has_experts(const Family& family);
/// All names, for a message.
std::vector<std::string_view> family_names();

/// Windows, latents, indexers and linear layers of a config whose shape has been read.
void read_mixers(ConfigJson& json, const Family& family, Architecture& model);
/// Its experts.
void read_experts(ConfigJson& json, const Family& family, Architecture& model);

// Parts of read_mixers and read_experts.

inline constexpr std::int64_t most_layers = 2000;
inline constexpr std::int64_t most_heads = 4096;
inline constexpr std::int64_t most_width = 4194304;

/// Layers by the name that `layer_types` gives them.
std::int64_t count_types(const ConfigJson::Json& types, std::string_view name);
/// A number, or the length of a list, within an object: 0 if it is not there.
std::int64_t inner_whole(const ConfigJson::Json* object, const char* key);
bool inner_flag(const ConfigJson::Json* object, const char* key);

/// Multi-head latent attention, and its indexer if the file has one.
void read_latents(ConfigJson& json, const Family& family, Architecture& model);

// Layers with a state of constant size, among those of attention (huggingface_states.cpp).

void read_delta_nets(ConfigJson& json, Architecture& model);
void read_lightning(ConfigJson& json, Architecture& model);
void read_kimi_linear(ConfigJson& json, const Family& family, Architecture& model);
void read_mamba1(ConfigJson& json, Architecture& model);
void read_mamba2(ConfigJson& json, Architecture& model);
/// Mamba-2 by the keys `mamba_*` of transformers, in so many layers.
LinearAttention read_mamba2_layers(ConfigJson& json, std::int64_t layers);
void read_short_convolutions(ConfigJson& json, Architecture& model);

// Layers that are not one token mixer and one MLP: num_hidden_layers is then the number of blocks,
// each of which is a mixer, an MLP or experts (huggingface_blocks.cpp).

void read_nemotron_h(ConfigJson& json, Architecture& model);
void read_nemotron_nas(ConfigJson& json, Architecture& model);
void read_falcon_h1(ConfigJson& json, Architecture& model);
void read_longcat(ConfigJson& json, const Family& family, Architecture& model);

// Sparse attention (huggingface_sparse.cpp).

/// A local window in all layers; beyond it entries of 4 tokens, an indexer before them, or of 128.
void read_compressed(ConfigJson& json, Architecture& model);
/// An indexer that picks blocks of tokens, in all but the first layers.
void read_block_sparse(ConfigJson& json, Architecture& model);

}  // namespace penstock::config
