#include <fmt/format.h>

#include <algorithm>

#include "config/huggingface_family.h"

namespace penstock::config {

namespace {

/// Layers of Mamba-2, where kinds are listed (Granite 4.0) or those of attention (Bamba); negative,
/// with a report, if neither is.
std::int64_t mamba_layers(ConfigJson& json, const Architecture& m) {
  if (const ConfigJson::Json* attention = json.find({"attn_layer_indices"})) {
    if (attention->is_array() && std::ssize(*attention) <= m.num_hidden_layers) {
      return m.num_hidden_layers - std::ssize(*attention);
    }
    json.refuse("attn_layer_indices", "it must list the layers of attention, of all layers");
    return -1;
  }
  const ConfigJson::Json* types = json.find({"layer_types"});
  if (types == nullptr || !types->is_array() ||
      count_types(*types, "mamba") + count_types(*types, "attention") != std::ssize(*types)) {
    json.reporter().error(json.span("layer_types"),
                          "`layer_types` must say of each layer: mamba or attention");
    return -1;
  }
  return count_types(*types, "mamba");
}

/// Of `layers`, those whose number leaves `offset` when divided by `period`.
std::int64_t every(std::int64_t layers, std::int64_t period, std::int64_t offset) {
  return offset < layers ? (layers - offset + period - 1) / period : 0;
}

/// A number that may be 0, unlike those of ConfigJson::whole.
std::int64_t offset_of(ConfigJson& json, std::string_view key, std::int64_t otherwise) {
  return json.find({key}) == nullptr ? otherwise
         : json.says(key)            ? json.whole({key}, most_layers)
                                     : 0;
}

}  // namespace

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

void read_kimi_linear(ConfigJson& json, const Family& family, Architecture& m) {
  const ConfigJson::Json* config = json.find({"linear_attn_config"});
  const auto dim = [config](const char* key) { return inner_whole(config, key); };
  m.linear = {.kind = LinearAttention::Kind::kimi_delta,
              .layers = dim("kda_layers"),
              .value_heads = dim("num_heads"),
              .value_head_dim = dim("head_dim"),
              .conv_kernel = dim("short_conv_kernel_size"),
              .full_rank_gate = inner_flag(config, "use_full_rank_gate")};
  if (m.linear.layers == 0 || m.linear.value_heads == 0 || m.linear.value_head_dim == 0) {
    json.reporter().error(json.span("linear_attn_config"),
                          "`linear_attn_config` must have kda_layers, num_heads and head_dim");
  }
  read_latents(json, family, m);
  m.attention_output_gate = json.flag("mla_use_output_gate");
}

LinearAttention read_mamba2_layers(ConfigJson& json, std::int64_t layers) {
  return {.kind = LinearAttention::Kind::mamba2,
          .layers = layers,
          .key_heads = json.whole({"mamba_n_groups"}, most_heads, 1),
          .value_heads = json.whole({"mamba_n_heads"}, most_heads),
          .key_head_dim = json.whole({"mamba_d_state"}, most_heads),
          .value_head_dim = json.whole({"mamba_d_head"}, most_heads),
          .conv_kernel = json.whole({"mamba_d_conv"}, 64, 4)};
}

/// Granite 4.0, Bamba.
void read_mamba2(ConfigJson& json, Architecture& m) {
  const std::int64_t layers = mamba_layers(json, m);
  if (layers == 0) {  // then they say nothing
    for (const char* key :
         {"mamba_n_groups", "mamba_n_heads", "mamba_d_state", "mamba_d_head", "mamba_d_conv"}) {
      json.find({key});
    }
  }
  if (layers <= 0) {
    return;
  }
  m.linear = read_mamba2_layers(json, layers);
}

/// Jamba: one layer of attention in a period, experts in every n-th.
void read_mamba1(ConfigJson& json, Architecture& m) {
  const std::int64_t period = json.whole({"attn_layer_period"}, most_layers, 8);
  const std::int64_t attention =
      every(m.num_hidden_layers, period, offset_of(json, "attn_layer_offset", 4));
  const std::int64_t width = m.hidden_size * json.whole({"mamba_expand"}, 64, 2);
  m.linear = {.kind = LinearAttention::Kind::mamba1,
              .layers = m.num_hidden_layers - attention,
              .value_heads = width,
              .key_head_dim = json.whole({"mamba_d_state"}, most_heads, 16),
              .value_head_dim = 1,
              .conv_kernel = json.whole({"mamba_d_conv"}, 64, 4),
              .dt_rank = (m.hidden_size + 15) / 16};
  if (json.text("mamba_dt_rank") != "auto") {
    m.linear.dt_rank = json.whole({"mamba_dt_rank"}, most_width, m.linear.dt_rank);
  }
  const std::int64_t stride = json.whole({"expert_layer_period"}, most_layers, 2);
  if (every(m.num_hidden_layers, stride, offset_of(json, "expert_layer_offset", 1)) !=
      m.num_hidden_layers / stride) {
    json.refuse("expert_layer_offset", "known are experts in every n-th layer");
  }
}

namespace {

/// LFM2 gives the width of an MLP without a gate: two thirds of it, rounded up, are as large.
void adjust_width(ConfigJson& json, Architecture& m) {
  if (!json.flag("block_auto_adjust_ff_dim", true)) {
    return;
  }
  const ConfigJson::Json* factor = json.find({"block_ffn_dim_multiplier"});
  const double wanted = factor != nullptr && factor->is_number() ? factor->get<double>() : 1;
  const std::int64_t multiple = json.whole({"block_multiple_of"}, most_width, 256);
  if (!(wanted > 0 && wanted <= 1000)) {
    json.refuse("block_ffn_dim_multiplier", "the MLP would have no width that there is");
    return;
  }
  const auto width =
      static_cast<std::int64_t>(wanted * static_cast<double>(2 * m.intermediate_size / 3));
  m.intermediate_size = std::max<std::int64_t>(1, (width + multiple - 1) / multiple) * multiple;
}

}  // namespace

/// LFM2: short convolutions between two gates, whose last inputs are all the state there is.
void read_short_convolutions(ConfigJson& json, Architecture& m) {
  const ConfigJson::Json* types = json.find({"layer_types"});
  const ConfigJson::Json* attention = json.find({"full_attn_idxs"});
  const bool has_types = types != nullptr && types->is_array();
  if (!has_types && (attention == nullptr || !attention->is_array() ||
                     std::ssize(*attention) > m.num_hidden_layers)) {
    json.reporter().error(json.span("layer_types"),
                          "`layer_types` must say of each layer: conv or full_attention");
    return;
  }
  if (has_types &&
      count_types(*types, "conv") + count_types(*types, "full_attention") != std::ssize(*types)) {
    json.refuse("layer_types", "known are conv and full_attention");
    return;
  }
  const std::int64_t layers =
      has_types ? count_types(*types, "conv") : m.num_hidden_layers - std::ssize(*attention);
  m.linear = {.kind = LinearAttention::Kind::short_conv,
              .layers = layers,
              .value_heads = json.whole({"conv_dim"}, most_width, m.hidden_size),
              .value_head_dim = 1,
              .conv_kernel = json.whole({"conv_L_cache"}, 64, 3)};
  if (json.text("model_type") == "lfm2") {
    adjust_width(json, m);
  }
}

}  // namespace penstock::config
