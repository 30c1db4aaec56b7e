#include "config/huggingface_family.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace penstock::config {

namespace {

using Mixer = Family::Mixer;

/// Of how many layers the last one attends to all; EXAONE 4 spells them out, "LLLG".
std::int64_t read_pattern(ConfigJson& json, const Family& family) {
  const std::int64_t otherwise = std::max<std::int64_t>(1, family.window_pattern);
  const ConfigJson::Json* spelt = json.peek("sliding_window_pattern");
  if (spelt != nullptr && spelt->is_string()) {
    const std::string pattern = json.text("sliding_window_pattern");
    const bool is_known =
        pattern.ends_with('G') && pattern.find_first_not_of('L') + 1 == pattern.size();
    if (!is_known) {
      json.refuse("sliding_window_pattern", "known are patterns such as \"LLLG\"");
    }
    return is_known ? std::ssize(pattern) : otherwise;
  }
  return json.whole({"sliding_window_pattern", "_sliding_window_pattern"}, most_layers, otherwise);
}

void read_windows(ConfigJson& json, const Family& family, Architecture& m) {
  const bool is_switched = family.are_windows_switched;
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
  if (const ConfigJson::Json* again = json.find({"sliding_window_size"});
      again != nullptr && *again != window) {  // Gemma 2 says it twice
    json.refuse("sliding_window_size", "`sliding_window` says otherwise");
  }
  const ConfigJson::Json* types = json.find({"layer_types"});
  const std::int64_t pattern = read_pattern(json, family);
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

void read_latents(ConfigJson& json, const Family& family, Architecture& m) {
  m.mla.kv_lora_rank = json.whole({"kv_lora_rank"}, 65536);
  m.mla.q_lora_rank =
      json.find({"q_lora_rank"}) == nullptr ? 0 : json.whole({"q_lora_rank"}, 65536);
  m.mla.qk_rope_head_dim = json.whole({"qk_rope_head_dim"}, most_heads);
  m.mla.qk_nope_head_dim = json.whole({"qk_nope_head_dim"}, most_heads);
  const bool is_implied = family.model_type == "minicpm3";
  m.mla.v_head_dim = json.whole({"v_head_dim"}, most_heads,
                                is_implied ? m.hidden_size / m.num_attention_heads : 0);
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

namespace {

void read_layers(ConfigJson& json, const Family& family, Architecture& m) {
  switch (family.mixer) {
    case Mixer::attention:
      return read_windows(json, family, m);
    case Mixer::latent:
      return read_latents(json, family, m);
    case Mixer::delta_net:
      return read_delta_nets(json, m);
    case Mixer::lightning:
      return read_lightning(json, m);
    case Mixer::kimi_linear:
      return read_kimi_linear(json, family, m);
    case Mixer::mamba1:
      return read_mamba1(json, m);
    case Mixer::mamba2:
      return read_mamba2(json, m);
    case Mixer::short_conv:
      return read_short_convolutions(json, m);
    case Mixer::nemotron_h:
      return read_nemotron_h(json, m);
    case Mixer::nemotron_nas:
      return read_nemotron_nas(json, m);
    case Mixer::falcon_h1:
      return read_falcon_h1(json, m);
    case Mixer::longcat:
      return read_longcat(json, family, m);
    case Mixer::compressed:
      return read_compressed(json, m);
    case Mixer::block_sparse:
      return read_block_sparse(json, m);
  }
}

}  // namespace

void read_mixers(ConfigJson& json, const Family& family, Architecture& m) {
  const std::size_t before = json.reporter().size();
  if (family.model_type == "gemma4_text" && json.says("global_head_dim")) {
    m.global_head_dim = json.whole({"global_head_dim"}, most_heads);
    m.num_global_key_value_heads =
        json.whole({"num_global_key_value_heads"}, most_heads, m.num_key_value_heads);
    m.global_k_eq_v = json.flag("attention_k_eq_v");
  }
  read_layers(json, family, m);
  if (json.reporter().size() == before) {
    check_length(json, m);
  }
  if (m.full_layers() < 0) {
    json.reporter().error(json.span("num_hidden_layers"),
                          "`num_hidden_layers` is less than the layers by type");
  } else if (m.attention_layers() == 0 && json.reporter().size() == before) {
    Diagnostic& d = json.reporter().infeasible(json.span("num_hidden_layers"),
                                               "this model has no layer of attention");
    d.notes.emplace_back("models without a KV cache are not modelled");
  }
}

namespace {

/// Families whose files say that they have no experts after all.
bool lacks_experts(ConfigJson& json, const Family& family, Architecture& m) {
  if (family.model_type == "gemma4_text") {
    return !json.says("enable_moe_block");
  }
  if (family.model_type == "nemotron_h") {
    return m.moe_only_layers == 0;
  }
  if (family.model_type == "jamba" && json.whole({"num_experts"}, 65536, 16) == 1) {
    json.find({"num_experts_per_tok"});
    return true;
  }
  if (family.model_type == "granitemoehybrid" && !json.says("num_local_experts")) {
    m.intermediate_size = json.whole({"shared_intermediate_size"}, most_width);
    return true;
  }
  return false;
}

/// Width of all shared experts together; 0 = none.
std::int64_t shared_width(ConfigJson& json, const Architecture& m) {
  constexpr std::string_view counts[] = {"n_shared_experts", "num_shared_experts",
                                         "moe_num_shared_experts", "num_shared_expert"};
  std::int64_t experts = 0;
  for (const std::string_view key : counts) {
    experts = json.says(key) ? json.whole({key}, 4096) : experts;
  }
  for (const std::string_view key :
       {"shared_expert_intermediate_size", "moe_shared_expert_intermediate_size"}) {
    if (json.says(key)) {
      return std::max<std::int64_t>(1, experts) * json.whole({key}, most_width);
    }
  }
  if (json.says("shared_intermediate_size")) {
    return json.whole({"shared_intermediate_size"}, most_width);
  }
  return experts * m.moe.moe_intermediate_size;
}

/// A layer with experts is 1 in `moe_layer_freq`, one with a dense MLP 0.
void read_layer_list(ConfigJson& json, const ConfigJson::Json& layers, Architecture& m) {
  json.find({"moe_layer_freq"});
  const auto first = std::find(layers.begin(), layers.end(), 1);
  m.moe.first_k_dense_replace = first - layers.begin();
  if (std::ssize(layers) != m.num_hidden_layers ||
      std::count(layers.begin(), first, 0) != first - layers.begin() ||
      std::count(first, layers.end(), 1) != layers.end() - first) {
    json.refuse("moe_layer_freq", "known are leading dense layers, an entry for each layer");
  }
}

/// The leading layers, and of the others, that have a dense MLP instead.
void read_dense_layers(ConfigJson& json, const Family& family, Architecture& m) {
  MoeLayers& moe = m.moe;
  moe.first_k_dense_replace = family.dense_layers;
  for (const std::string_view key :
       {"first_k_dense_replace", "moe_layer_start_index", "num_dense_layers"}) {
    if (json.find({key}) != nullptr) {
      moe.first_k_dense_replace = json.says(key) ? json.whole({key}, most_layers) : 0;
    }
  }
  if (const ConfigJson::Json* layers = json.peek("moe_layer_freq");
      layers != nullptr && layers->is_array()) {
    read_layer_list(json, *layers, m);
  } else {
    moe.moe_layer_freq =
        json.whole({"moe_layer_freq", "decoder_sparse_step", "interleave_moe_layer_step",
                    "moe_layer_interval", "expert_layer_period"},
                   most_layers, 1);
  }
  if (const ConfigJson::Json* types = json.find({"mlp_layer_types"});
      types != nullptr && types->is_array()) {
    moe.first_k_dense_replace = count_types(*types, "dense");
    if (std::count(types->begin(), types->begin() + moe.first_k_dense_replace, "dense") !=
            moe.first_k_dense_replace ||
        std::ssize(*types) != m.num_hidden_layers) {
      json.refuse("mlp_layer_types", "known are leading dense layers, an entry for each layer");
    }
  }
  if (json.says("mlp_only_layers")) {
    json.refuse("mlp_only_layers", "dense layers are modelled at the start or at every n-th layer");
  }
  if (moe.first_k_dense_replace >= m.num_hidden_layers && m.num_hidden_layers > 0) {
    json.reporter().error(json.span("first_k_dense_replace"),
                          "`first_k_dense_replace` leaves no layer for the experts");
  }
}

/// Experts that return what they are given are routed to as often as the others (LongCat-Flash,
/// whose router keeps the mean of those that compute): the rest of a token's choice takes time.
void share_with_identities(ConfigJson& json, MoeLayers& moe) {
  if (!json.says("zero_expert_num")) {
    return;
  }
  const std::int64_t zero = json.whole({"zero_expert_num"}, 65536);
  if (const std::string kind = json.text("zero_expert_type"); kind != "identity") {
    json.refuse("zero_expert_type", "known are experts that return what they are given, identity");
  }
  const std::int64_t chosen = moe.num_experts_per_tok;
  const double share =
      static_cast<double>(moe.num_experts) / static_cast<double>(moe.num_experts + zero);
  moe.num_experts_per_tok =
      std::max<std::int64_t>(1, std::llround(share * static_cast<double>(chosen)));
  json.reporter().note(
      fmt::format("of {} experts of a token {} compute on average, the others "
                  "return what they are given",
                  chosen, moe.num_experts_per_tok));
}

}  // namespace

void read_experts(ConfigJson& json, const Family& family, Architecture& m) {
  if (!has_experts(family) || lacks_experts(json, family, m)) {
    return;
  }
  const std::string_view type = family.model_type;
  MoeLayers& moe = m.moe;
  moe.num_experts = json.whole(
      {"num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"}, 65536);
  moe.num_experts_per_tok = json.whole({"num_experts_per_tok", "num_experts_per_token",
                                        "top_k_experts", "moe_k", "moe_topk", "moe_top_k"},
                                       65536);
  moe.moe_intermediate_size =
      family.are_experts_mlps
          ? m.intermediate_size
          : json.whole({"moe_intermediate_size", "expert_ffn_hidden_size"}, most_width);
  moe.shared_expert_intermediate_size =
      type == "llama4_text" ? m.intermediate_size : shared_width(json, m);
  moe.shared_expert_gate = type.starts_with("qwen") && moe.shared_expert_intermediate_size > 0;
  if (type == "llama4_text" || type == "minimax_m3") {
    m.intermediate_size = json.whole({"intermediate_size_mlp", "dense_intermediate_size"},
                                     most_width, m.intermediate_size);
  }
  if (json.says("routed_expert_hidden_size") || json.says("moe_latent_size")) {
    moe.latent_size = json.whole({"routed_expert_hidden_size", "moe_latent_size"}, most_width);
  }
  moe.router_bias = family.has_router_bias;
  if (type == "longcat_flash") {
    share_with_identities(json, moe);
  } else if (type == "lfm2_moe") {
    moe.router_bias = json.flag("use_expert_bias", true);
  }
  moe.expert_bias = type == "gpt_oss";
  if (moe.num_experts > 0 && moe.num_experts_per_tok > moe.num_experts) {
    json.reporter().error(json.span("num_experts_per_tok"),
                          "`num_experts_per_tok` is more than there are experts");
  }
  read_dense_layers(json, family, m);
}

}  // namespace penstock::config
