#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "sim/core/int128.h"
#include "sim/result.h"
#include "sim/step/step_model.h"

namespace penstock {

/// Useful FLOP, in 1/1024 ps at peak. Rows of the head are output; recomputation is nobody's.
struct FlopUnits {
  explicit FlopUnits(const PeakTimes& peak)
      : token(units(peak.token_flop)),
        row(units(peak.row_flop)),
        pair(units(peak.pair_flop)),
        window_pair(units(peak.window_pair_flop)),
        window(peak.window) {}
  static std::int64_t units(double ps) { return static_cast<std::int64_t>(ps * 1024 + 0.5); }

  /// `input`: prompt tokens computed. By token type.
  std::array<Int128, token_type_count> of(const RequestRecord& request, std::int64_t input) const {
    const std::int64_t cached = request.cached_tokens;
    const std::int64_t prompt = cached + input;
    const std::int64_t output = request.output_tokens;
    const std::int64_t decodes = std::max<std::int64_t>(0, output - 1);
    // A hit prefix pays for being attended to by the prefill that uses it, as in the ledger.
    const Int128 read = static_cast<Int128>(input) * cached;
    return {static_cast<Int128>(input) * token + of_pairs(cached, prompt) - read * pair,
            read * pair,
            static_cast<Int128>(decodes) * token + static_cast<Int128>(output) * row +
                of_pairs(prompt, prompt + decodes)};
  }

  /// Attention of the positions [begin, end). Windows are taken to hold what has just been
  /// computed.
  Int128 of_pairs(std::int64_t begin, std::int64_t end) const {
    return static_cast<Int128>(attention_pairs(begin, end)) * pair +
           (window > 0 ? static_cast<Int128>(attention_pairs(begin, end, window)) * window_pair
                       : 0);
  }

  std::int64_t token, row, pair, window_pair, window;
};

}  // namespace penstock
