#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "config/huggingface_family.h"

namespace penstock::config {

void read_nemotron_h(ConfigJson& json, Architecture& m) {
  const std::string pattern = json.text("hybrid_override_pattern");
  const auto count = [&pattern](char kind) {
    return std::count(pattern.begin(), pattern.end(), kind);
  };
  if (count('M') + count('*') + count('E') + count('-') != std::ssize(pattern) ||
      std::ssize(pattern) != m.num_hidden_layers) {
    json.refuse("hybrid_override_pattern",
                "known are blocks of Mamba-2 (M), attention (*), an MLP (-) and experts (E), one "
                "for each layer");
    return;
  }
  m.moe_only_layers = count('E');
  m.mlp_only_layers = count('-');
  m.linear = {.kind = LinearAttention::Kind::mamba2,
              .layers = count('M'),
              .key_heads = json.whole({"n_groups"}, most_heads),
              .value_heads = json.whole({"mamba_num_heads"}, most_heads),
              .key_head_dim = json.whole({"ssm_state_size"}, most_heads),
              .value_head_dim = json.whole({"mamba_head_dim"}, most_heads),
              .conv_kernel = json.whole({"conv_kernel"}, 64, 4)};
}

/// Attention and Mamba-2 side by side in each layer, and an MLP.
void read_falcon_h1(ConfigJson& json, Architecture& m) {
  const std::int64_t layers = m.num_hidden_layers;
  m.linear = read_mamba2_layers(json, layers);
  const std::int64_t width = m.linear.value_heads * m.linear.value_head_dim;
  if (json.whole({"mamba_d_ssm"}, most_width, width) != width) {
    json.refuse("mamba_d_ssm", "it is not `mamba_n_heads` times `mamba_d_head`");
  }
  const bool has_mlp = json.flag("mamba_use_mlp", true);
  m.mlp_only_layers = has_mlp ? layers : 0;
  m.num_hidden_layers = (has_mlp ? 3 : 2) * layers;
  m.norms_per_layer = 1;
  json.reporter().note(
      fmt::format("each of the {} layers counts as {} blocks: attention, Mamba-2{}", layers,
                  has_mlp ? 3 : 2, has_mlp ? ", MLP" : ""));
}

/// LongCat-Flash (arXiv 2509.01322): two latent attentions and two dense MLPs in each layer, and
/// experts beside them, of which some return what they are given: a token computes with the others.
void read_longcat(ConfigJson& json, const Family& family, Architecture& m) {
  read_latents(json, family, m);
  const std::int64_t layers = m.num_hidden_layers;
  m.moe_only_layers = layers;
  m.mlp_only_layers = 2 * layers;
  m.num_hidden_layers = 5 * layers;
  m.norms_per_layer = 1;
  json.reporter().note(fmt::format(
      "each of the {} layers counts as 5 blocks: 2 of attention, 2 MLPs, experts", layers));
}

namespace {

/// Part of a block of Nemotron Super, as the file describes it.
struct NasPart {
  bool is_there = false;
  double size = 0;  ///< query heads a KV head; factor on the MLP's width
};

/// Nothing, with a report, if it is neither left out nor of the usual kind.
std::optional<NasPart> read_part(ConfigJson& json, const ConfigJson::Json& block, const char* name,
                                 const char* size) {
  const ConfigJson::Json part =
      block.is_object() ? block.value(name, ConfigJson::Json()) : ConfigJson::Json();
  if (!part.is_object() || inner_flag(&part, "replace_with_linear") ||
      !part.value("window_length", ConfigJson::Json()).is_null() ||
      !part.value("sparsify", ConfigJson::Json()).is_null()) {
    json.refuse("block_configs", fmt::format("known are blocks with or without `{}`, none of "
                                             "them replaced, windowed or sparse",
                                             name));
    return std::nullopt;
  }
  if (inner_flag(&part, "no_op")) {
    return NasPart{};
  }
  const ConfigJson::Json value = part.value(size, ConfigJson::Json());
  if (!value.is_number() || !(value.get<double>() > 0 && value.get<double>() <= 1000)) {
    json.refuse("block_configs", fmt::format("each `{}` needs `{}`", name, size));
    return std::nullopt;
  }
  return NasPart{true, value.get<double>()};
}

/// transformers_modules' `_ffn_mult_to_intermediate_size`: two thirds, up to a multiple of 256.
std::int64_t nas_width(double factor, std::int64_t hidden_size) {
  const auto width = static_cast<std::int64_t>(2 * factor * static_cast<double>(hidden_size) / 3);
  return (width + 255) / 256 * 256;
}

/// MLPs of one width that hold as much as those of several do: it has to divide by GPUs.
std::int64_t mean_width(std::int64_t sum, std::int64_t count) {
  constexpr std::int64_t multiple = 64;
  return count == 0
             ? multiple
             : std::max<std::int64_t>(1, std::llround(static_cast<double>(sum) /
                                                      static_cast<double>(multiple * count))) *
                   multiple;
}

}  // namespace

/// Llama with layers pruned one by one (Nemotron Super and Ultra): some without attention, some
/// without an MLP, those left of several widths, for which their mean stands.
void read_nemotron_nas(ConfigJson& json, Architecture& m) {
  const ConfigJson::Json* blocks = json.find({"block_configs"});
  if (blocks == nullptr || !blocks->is_array() || std::ssize(*blocks) != m.num_hidden_layers) {
    json.reporter().error(json.span("block_configs"),
                          "`block_configs` must have an entry for each layer");
    return;
  }
  std::int64_t attention_layers = 0;
  std::int64_t widths = 0;
  double group = 0;
  for (const ConfigJson::Json& block : *blocks) {
    const auto attention = read_part(json, block, "attention", "n_heads_in_group");
    const auto mlp = attention ? read_part(json, block, "ffn", "ffn_mult") : std::nullopt;
    if (!mlp) {
      return;
    }
    if (attention->is_there && group > 0 && attention->size != group) {
      json.refuse("block_configs", "layers with KV heads of several numbers are not modelled");
      return;
    }
    group = attention->is_there ? attention->size : group;
    attention_layers += attention->is_there ? 1 : 0;
    m.mlp_only_layers += mlp->is_there ? 1 : 0;
    widths += mlp->is_there ? nas_width(mlp->size, m.hidden_size) : 0;
  }
  m.num_key_value_heads = group > 0 ? m.num_attention_heads / static_cast<std::int64_t>(group) : 1;
  if (static_cast<double>(m.num_key_value_heads) * group !=
      static_cast<double>(group > 0 ? m.num_attention_heads : 0)) {
    json.refuse("block_configs", "`n_heads_in_group` must divide `num_attention_heads`");
  }
  m.intermediate_size = mean_width(widths, m.mlp_only_layers);
  m.num_hidden_layers = attention_layers + m.mlp_only_layers;
  m.norms_per_layer = 1;
  json.reporter().note(fmt::format(
      "MLPs of several widths are counted as {} of {}, their mean; attention is in {} of {} layers",
      m.mlp_only_layers, m.intermediate_size, attention_layers, blocks->size()));
}

}  // namespace penstock::config
