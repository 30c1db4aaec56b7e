#pragma once

#include <cstdint>

namespace penstock {

/// How decoding sequences grow: all alike, by one token a step, or by what speculative decoding
/// yields on average. A length of l tokens is l · unit clock units; each step adds `advance`.
struct Pace {
  std::int64_t unit = 1;
  std::int64_t advance = 1;
  std::int64_t ahead = 0;  ///< KV slots that a decode step needs behind its tokens: of drafts

  /// Steps that add at least so many units; 0 for none or less.
  std::int64_t steps_for(std::int64_t units) const {
    return advance == 1 ? units : units <= 0 ? 0 : (units + advance - 1) / advance;
  }
};

}  // namespace penstock
