#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "sim/core/int128.h"
#include "sim/result.h"
#include "sim/step/step_model.h"

namespace penstock {

/// What the useful FLOP of requests are counted by. Rows of the head are output; recomputation is
/// nobody's. Windows are taken to hold what has just been computed.
struct FlopWork {
  std::int64_t input = 0;    ///< prompt tokens computed
  std::int64_t decodes = 0;  ///< tokens of output that were computed
  std::int64_t output = 0;
  Int128 read = 0;  ///< pairs of a computed prompt token and a cached one
  Int128 input_pairs = 0;
  Int128 output_pairs = 0;
  Int128 input_window_pairs = 0;  ///< 0 without a window
  Int128 output_window_pairs = 0;

  /// `computed`: prompt tokens computed. `window`: PeakTimes::window.
  void add(const RequestRecord& request, std::int64_t computed, std::int64_t window) {
    const std::int64_t cached = request.cached_tokens;
    const std::int64_t prompt = cached + computed;
    const std::int64_t more = std::max<std::int64_t>(0, std::int64_t{request.output_tokens} - 1);
    input += computed;
    decodes += more;
    output += request.output_tokens;
    read += static_cast<Int128>(computed) * cached;
    input_pairs += attention_pairs(cached, prompt);
    output_pairs += attention_pairs(prompt, prompt + more);
    if (window > 0) {
      input_window_pairs += attention_pairs(cached, prompt, window);
      output_window_pairs += attention_pairs(prompt, prompt + more, window);
    }
  }
};

/// Useful FLOP, in 1/1024 ps at peak.
struct FlopUnits {
  explicit FlopUnits(const PeakTimes& peak)
      : token(units(peak.token_flop)),
        row(units(peak.row_flop)),
        pair(units(peak.pair_flop)),
        window_pair(units(peak.window_pair_flop)) {}
  static std::int64_t units(double ps) { return static_cast<std::int64_t>(ps * 1024 + 0.5); }

  /// By token type. A hit prefix pays for being attended to by the prefill that uses it, as in the
  /// ledger.
  std::array<Int128, token_type_count> of(const FlopWork& work) const {
    const Int128 read = work.read * pair;
    return {static_cast<Int128>(work.input) * token + work.input_pairs * pair +
                work.input_window_pairs * window_pair - read,
            read,
            static_cast<Int128>(work.decodes) * token + static_cast<Int128>(work.output) * row +
                work.output_pairs * pair + work.output_window_pairs * window_pair};
  }

  std::int64_t token, row, pair, window_pair;
};

}  // namespace penstock
