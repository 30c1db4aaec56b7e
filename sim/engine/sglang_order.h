#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "sim/engine/engine_state.h"

namespace penstock {

/// SGLang's policy `lpm` (scheduler-semantics 2.5.3): who has the longest cached prefix comes
/// first. Of those that begin alike with what is not cached, one comes before its time, so that the
/// others hit what it computes.
class LongestPrefixFirst {
 public:
  void sort(EngineState& engine);

 private:
  std::unordered_map<Slot, std::int64_t> key_;  ///< cached tokens, negative; above 0: put off
};

}  // namespace penstock
