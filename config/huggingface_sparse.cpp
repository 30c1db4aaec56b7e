#include <algorithm>

#include "config/huggingface_family.h"

namespace penstock::config {

using Json = ConfigJson::Json;

std::int64_t count_types(const Json& types, std::string_view name) {
  return std::count(types.begin(), types.end(), name);
}

std::int64_t inner_whole(const Json* object, const char* key) {
  const Json value = object != nullptr && object->is_object() ? object->value(key, Json()) : Json();
  return value.is_number_unsigned() ? static_cast<std::int64_t>(std::min<std::uint64_t>(
                                          value.get<std::uint64_t>(), most_heads))
         : value.is_array()         ? std::ssize(value)
                                    : std::int64_t{0};
}

bool inner_flag(const Json* object, const char* key) {
  return object != nullptr && object->is_object() && object->value(key, Json()) == true;
}

void read_compressed(ConfigJson& json, Architecture& m) {
  constexpr std::int64_t fine_ratio = 4;
  constexpr std::int64_t coarse_ratio = 128;
  const Json* ratios = json.find({"compress_ratios"});
  if (ratios == nullptr || !ratios->is_array() || std::ssize(*ratios) < m.num_hidden_layers) {
    json.reporter().error(json.span("compress_ratios"),
                          "`compress_ratios` must have an entry for each layer");
    return;
  }
  const auto end = ratios->begin() + m.num_hidden_layers;  // prediction layers are behind
  const auto count = [&](std::int64_t ratio) { return std::count(ratios->begin(), end, ratio); };
  m.compressed = {.fine_layers = count(fine_ratio),
                  .fine_ratio = fine_ratio,
                  .coarse_layers = count(coarse_ratio),
                  .coarse_ratio = coarse_ratio,
                  .o_lora_rank = json.whole({"o_lora_rank"}, most_width),
                  .o_groups = json.whole({"o_groups"}, most_heads),
                  .hyper_connections = json.whole({"hc_mult"}, 64)};
  m.sliding_layers = count(0);
  m.sliding_window = json.whole({"sliding_window"}, 100'000'000);
  if (m.compressed.fine_layers + m.compressed.coarse_layers + m.sliding_layers !=
      m.num_hidden_layers) {
    json.refuse("compress_ratios", "known are 0, 4 and 128");
  }
  m.mla.q_lora_rank = json.whole({"q_lora_rank"}, 65536);
  m.mla.qk_rope_head_dim = json.whole({"qk_rope_head_dim"}, most_heads);
  m.attention_sinks = true;
  m.indexer = {.layers = m.compressed.fine_layers,
               .index_n_heads = json.whole({"index_n_heads"}, most_heads),
               .index_head_dim = json.whole({"index_head_dim"}, most_heads),
               .index_topk = json.whole({"index_topk"}, 10'000'000)};
  m.intermediate_size = json.whole({"moe_intermediate_size"}, most_width);  // no layer is dense
}

void read_block_sparse(ConfigJson& json, Architecture& m) {
  const Json* config = json.find({"sparse_attention_config"});
  m.indexer = {.index_n_heads = inner_whole(config, "sparse_num_index_heads"),
               .index_head_dim = inner_whole(config, "sparse_index_dim"),
               .index_topk = inner_whole(config, "sparse_topk_blocks") *
                             inner_whole(config, "sparse_block_size"),
               .key_bytes = 2};
  if (config != nullptr) {
    const Json layers =
        config->is_object() ? config->value("sparse_attention_freq", Json()) : Json();
    m.indexer.layers = std::count(layers.begin(), layers.end(), 1);
  } else if (const Json* types = json.find({"layer_types"})) {  // as transformers 5 writes it
    m.indexer = {.layers = count_types(*types, "minimax_m3_sparse"),
                 .index_n_heads = json.whole({"index_n_heads"}, most_heads),
                 .index_head_dim = json.whole({"index_head_dim"}, most_heads),
                 .index_topk = json.whole({"index_topk_blocks"}, most_width) *
                               json.whole({"index_block_size"}, most_width),
                 .key_bytes = 2};
    json.find({"index_local_blocks", "index_init_blocks"});
  }
  if (m.indexer.layers == 0 || m.indexer.index_n_heads == 0 || m.indexer.index_head_dim == 0 ||
      m.indexer.index_topk == 0 || m.indexer.layers > m.num_hidden_layers) {
    json.reporter().error(json.span("sparse_attention_config"),
                          "`sparse_attention_config` must have the indexer's heads, their size, "
                          "blocks, their size and layers");
  }
}

}  // namespace penstock::config
