#pragma once

#include "sim/model/architecture.h"

namespace penstock {

/// The drafters that are a layer on top of a model, without the projection that joins their two
/// inputs.
enum class DraftLayer {
  eagle,   ///< one dense layer, and the model's head
  eagle3,  ///< one dense layer, and a head of 32,000 tokens
  mtp,     ///< one layer like the model's, experts included, and the model's head
};

/// As a model of one layer that attends to the whole context.
Architecture draft_layer(const Architecture& model, DraftLayer kind);

/// The same as its memory sees it: without the tables that are the model's own.
Architecture draft_layer_weights(const Architecture& drafter, DraftLayer kind);

}  // namespace penstock
