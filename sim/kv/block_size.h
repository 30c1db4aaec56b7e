#pragma once

#include <bit>
#include <cstdint>

namespace penstock {

/// Tokens of a KV block as a divisor. Mostly a power of two, whose divisions are shifts: a step has
/// a dozen of them.
class BlockSize {
 public:
  /// Requires tokens >= 1. A number of tokens is one, and the other way round.
  constexpr BlockSize(std::int64_t tokens)
      : tokens_(tokens),
        shift_((tokens & (tokens - 1)) == 0 ? std::countr_zero(static_cast<std::uint64_t>(tokens))
                                            : -1) {}

  constexpr operator std::int64_t() const { return tokens_; }
  constexpr std::int64_t tokens() const { return tokens_; }
  /// floor(positions / tokens), of negative ones too.
  constexpr std::int64_t full(std::int64_t positions) const {
    if (shift_ >= 0) {
      return positions >> shift_;
    }
    return positions / tokens_ - (positions % tokens_ < 0 ? 1 : 0);
  }
  /// positions mod tokens, in [0, tokens).
  constexpr std::int64_t rest(std::int64_t positions) const {
    if (shift_ >= 0) {
      return positions & (tokens_ - 1);
    }
    const std::int64_t rest = positions % tokens_;
    return rest < 0 ? rest + tokens_ : rest;
  }

 private:
  std::int64_t tokens_;
  int shift_;  ///< -1: not a power of two
};

/// Blocks that `positions` fill.
constexpr std::int64_t full_blocks(std::int64_t positions, const BlockSize& block_size) {
  return block_size.full(positions);
}

/// KV blocks needed for `tokens` positions: ceil(tokens / block_size).
constexpr std::int64_t blocks_for(std::int64_t tokens, const BlockSize& block_size) {
  return block_size.full(tokens + block_size.tokens() - 1);
}

}  // namespace penstock
