#include "sim/model/draft_layer.h"

#include <algorithm>

namespace penstock {

namespace {
/// draft_vocab_size of the published EAGLE-3 heads, such as yuhuili/EAGLE3-LLaMA3.1-Instruct-8B.
constexpr std::int64_t eagle3_vocabulary = 32'000;
}  // namespace

Architecture draft_layer(const Architecture& model, DraftLayer kind) {
  Architecture out = model;
  out.num_hidden_layers = 1;
  out.sliding_layers = 0;
  out.moe_only_layers = 0;
  out.mlp_only_layers = 0;
  out.extra_norms = 0;
  out.linear = {};
  out.indexer = {};
  if (model.compressed.is_used()) {
    out.compressed.fine_layers = 0;
    out.compressed.coarse_layers = 0;
  }
  if (kind == DraftLayer::mtp) {
    out.moe.first_k_dense_replace = 0;
    out.moe.moe_layer_freq = 1;
    return out;
  }
  if (out.intermediate_size == 0) {  // as wide as what a token passes
    out.intermediate_size = model.moe.num_experts_per_tok * model.moe.moe_intermediate_size +
                            model.moe.shared_expert_intermediate_size;
  }
  out.moe = {};
  if (kind == DraftLayer::eagle3) {
    out.vocab_size = std::min(out.vocab_size, eagle3_vocabulary);
  }
  return out;
}

Architecture draft_layer_weights(const Architecture& drafter, DraftLayer kind) {
  Architecture out = drafter;
  if (kind == DraftLayer::eagle3) {
    out.tie_word_embeddings = true;  // it has a head of its own only
  } else {
    out.vocab_size = 0;
  }
  return out;
}

}  // namespace penstock
