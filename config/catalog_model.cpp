#include <fmt/format.h>

#include <cmath>

#include "config/catalog.h"

namespace penstock::config {

namespace {

std::int64_t whole_or(const Section& s, std::string_view key, std::int64_t otherwise = 0) {
  return s.whole(key).value_or(otherwise);
}
bool is_set(const Section& s, std::string_view key) { return s.boolean(key).value_or(false); }

std::optional<Dtype> dtype_of(const Section& s, std::string_view key) {
  const auto name = s.choice(key);
  return name ? parse_dtype(*name) : std::nullopt;
}

MoeLayers read_moe(const Section& s) {
  MoeLayers moe;
  moe.num_experts = whole_or(s, "num_experts");
  moe.num_experts_per_tok = whole_or(s, "num_experts_per_tok");
  moe.moe_intermediate_size = whole_or(s, "moe_intermediate_size");
  moe.latent_size = whole_or(s, "latent_size");
  moe.shared_expert_intermediate_size = whole_or(s, "shared_expert_intermediate_size");
  moe.shared_expert_gate = is_set(s, "shared_expert_gate");
  moe.first_k_dense_replace = whole_or(s, "first_k_dense_replace");
  moe.moe_layer_freq = whole_or(s, "moe_layer_freq", 1);
  moe.dense_beside_experts = is_set(s, "dense_beside_experts");
  moe.router_bias = is_set(s, "router_bias");
  moe.expert_bias = is_set(s, "expert_bias");
  return moe;
}

LinearAttention read_linear(const Section& s) {
  using Kind = LinearAttention::Kind;
  LinearAttention linear;
  if (!s.is_given()) {
    return linear;
  }
  const std::string_view kind = s.choice("kind").value_or("");
  linear.kind = kind == "gated_delta_net" ? Kind::gated_delta_net
                : kind == "kimi_delta"    ? Kind::kimi_delta
                : kind == "mamba1"        ? Kind::mamba1
                : kind == "mamba2"        ? Kind::mamba2
                : kind == "short_conv"    ? Kind::short_conv
                                          : Kind::lightning;
  linear.layers = whole_or(s, "layers");
  linear.key_heads = whole_or(s, "key_heads");
  linear.value_heads = whole_or(s, "value_heads");
  linear.key_head_dim = whole_or(s, "key_head_dim");
  linear.value_head_dim = whole_or(s, "value_head_dim");
  linear.conv_kernel = whole_or(s, "conv_kernel");
  linear.dt_rank = whole_or(s, "dt_rank");
  linear.full_rank_gate = is_set(s, "full_rank_gate");
  return linear;
}

void read_attention(const Section& file, Architecture& m) {
  const Section sliding = file.section("sliding");
  m.sliding_layers = whole_or(sliding, "layers");
  m.sliding_window = whole_or(sliding, "window");
  m.chunked = is_set(sliding, "chunked");
  const Section global = file.section("global");
  m.global_head_dim = whole_or(global, "head_dim");
  m.num_global_key_value_heads = whole_or(global, "num_key_value_heads");
  m.global_k_eq_v = is_set(global, "k_eq_v");
  const Section mla = file.section("mla");
  m.mla = {whole_or(mla, "kv_lora_rank"), whole_or(mla, "q_lora_rank"),
           whole_or(mla, "qk_rope_head_dim"), whole_or(mla, "qk_nope_head_dim"),
           whole_or(mla, "v_head_dim")};
  const Section index = file.section("indexer");
  m.indexer = {whole_or(index, "layers"), whole_or(index, "index_n_heads"),
               whole_or(index, "index_head_dim"), whole_or(index, "index_topk"),
               whole_or(index, "key_bytes", 1)};
  const Section c = file.section("compressed");
  m.compressed = {whole_or(c, "fine_layers"),      whole_or(c, "fine_ratio"),
                  whole_or(c, "coarse_layers"),    whole_or(c, "coarse_ratio"),
                  whole_or(c, "o_lora_rank"),      whole_or(c, "o_groups"),
                  whole_or(c, "hyper_connections")};
  m.sliding_window = whole_or(c, "window", m.sliding_window);
}

/// A file may say how many parameters its publisher states: a check of the shape.
void compare_with_published(const Section& file, const Architecture& model, Reporter& reporter) {
  constexpr double usual_difference = 0.05;  // rounding, a vision tower
  const std::int64_t published = whole_or(file, "parameters");
  const auto counted = static_cast<double>(parameters(model));
  if (published > 0 &&
      std::fabs(counted - static_cast<double>(published)) > usual_difference * counted) {
    reporter.warning(file.span("parameters"),
                     fmt::format("the shape has {:.2f}e9 parameters, not the {:.2f}e9 that "
                                 "`parameters` says",
                                 counted / 1e9, static_cast<double>(published) / 1e9),
                     "which is a check only: the shape decides");
  }
}

}  // namespace

Architecture read_model(const Section& file) {
  Architecture m;
  m.name = file.text("name").value_or("");
  m.title = file.text("title").value_or("");
  m.num_hidden_layers = whole_or(file, "num_hidden_layers");
  m.hidden_size = whole_or(file, "hidden_size");
  m.num_attention_heads = whole_or(file, "num_attention_heads");
  m.num_key_value_heads = whole_or(file, "num_key_value_heads");
  m.head_dim = whole_or(file, "head_dim");
  m.intermediate_size = whole_or(file, "intermediate_size");
  m.vocab_size = whole_or(file, "vocab_size");
  m.max_position_embeddings = whole_or(file, "max_position_embeddings");
  m.tie_word_embeddings = is_set(file, "tie_word_embeddings");
  m.attention_bias = is_set(file, "attention_bias");
  m.attention_output_bias = is_set(file, "attention_output_bias");
  m.attention_output_gate = is_set(file, "attention_output_gate");
  m.attention_sinks = is_set(file, "attention_sinks");
  m.qk_norm = is_set(file, "qk_norm");
  m.qk_norm_full_width = is_set(file, "qk_norm_full_width");
  m.gated_mlp = file.boolean("gated_mlp").value_or(true);
  m.mlp_bias = is_set(file, "mlp_bias");
  m.norm_bias = is_set(file, "norm_bias");
  m.norms_per_layer = whole_or(file, "norms_per_layer", 2);
  m.extra_norms = whole_or(file, "extra_norms");
  m.position_embeddings = whole_or(file, "position_embeddings");
  read_attention(file, m);
  m.moe = read_moe(file.section("moe"));
  m.moe_only_layers = whole_or(file.section("moe"), "only_layers");
  m.mlp_only_layers = whole_or(file, "mlp_only_layers");
  m.linear = read_linear(file.section("linear"));
  m.weights = dtype_of(file, "weights");
  m.dense_weights = dtype_of(file, "dense_weights");
  m.attention_weights = dtype_of(file, "attention_weights");
  return m;
}

void check_model(const Section& file, Reporter& reporter) {
  const Architecture m = read_model(file);
  const auto wrong = [&](std::string_view key, std::string_view what) {
    reporter.error(file.span(key), fmt::format("`{}` {}", key, what));
  };
  if (m.num_key_value_heads > 0 && m.num_attention_heads % m.num_key_value_heads != 0) {
    wrong("num_key_value_heads", "must divide `num_attention_heads`");
  }
  if (m.num_global_key_value_heads > 0 &&
      m.num_attention_heads % m.num_global_key_value_heads != 0) {
    wrong("global", "must have KV heads that divide `num_attention_heads`");
  }
  const bool has_experts = m.moe.num_experts > 0;
  if (file.choice("architecture") && (file.choice("architecture") == "moe") != has_experts) {
    reporter.error(file.span("architecture"), has_experts ? "a model with `moe` is not `dense`"
                                                          : "`architecture: moe` needs `moe`");
  }
  if (m.moe.num_experts_per_tok > m.moe.num_experts) {
    wrong("moe", "routes a token to more experts than there are");
  }
  if (m.moe.first_k_dense_replace >= m.num_hidden_layers && has_experts) {
    wrong("moe", "has no layer left: `first_k_dense_replace` takes all");
  }
  const bool has_latents = m.mla.kv_lora_rank > 0;
  if (has_latents && (m.mla.qk_nope_head_dim == 0 || m.mla.v_head_dim == 0)) {
    wrong("mla", "needs `qk_nope_head_dim` and `v_head_dim`");
  }
  if (file.section("mla").is_given() && !has_latents && !m.compressed.is_used()) {
    wrong("mla", "needs `kv_lora_rank`");
  }
  if (m.full_layers() == 0 && m.sliding_layers == 0) {
    wrong("num_hidden_layers", "leaves no layer of attention: that is not modelled");
  } else if (m.full_layers() < 0) {
    wrong("num_hidden_layers", "is less than the layers of other kinds together");
  } else if (m.indexer.layers > m.full_layers()) {
    wrong("indexer", "has more layers than there are of full attention");
  } else if (m.compressed.is_used() &&
             m.compressed.fine_layers + m.compressed.coarse_layers != m.full_layers()) {
    wrong("compressed", "must name all layers that are not `sliding`");
  }
  const bool has_keys = m.linear.key_heads > 0 && m.linear.key_head_dim > 0;
  const bool needs_keys = m.linear.kind == LinearAttention::Kind::gated_delta_net ||
                          m.linear.kind == LinearAttention::Kind::mamba2;
  const bool is_mamba1 = m.linear.kind == LinearAttention::Kind::mamba1;
  if (is_mamba1 && (m.linear.key_head_dim == 0 || m.linear.dt_rank == 0)) {
    wrong("linear", "of this kind needs `key_head_dim` and `dt_rank`");
  }
  if (m.linear.kind == LinearAttention::Kind::short_conv && m.linear.conv_kernel < 2) {
    wrong("linear", "of this kind needs `conv_kernel`, 2 or more");
  }
  if (needs_keys && !has_keys) {
    wrong("linear", "of this kind needs `key_heads` and `key_head_dim`");
  }
  if (!reporter.has_errors()) {
    compare_with_published(file, m, reporter);
  }
}

}  // namespace penstock::config
