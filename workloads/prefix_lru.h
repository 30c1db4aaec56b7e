#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <span>
#include <unordered_map>

namespace penstock {

/// How many blocks of a trace's prompts a cache of so many blocks would have held already: least
/// recently used blocks go first, of one prompt the last ones first. Time plays no part.
///
/// Blocks leave a request as engines free them, last one first (vLLM's free_blocks), so that of two
/// blocks used together the one nearer to the prompt's start stays longer.
class PrefixLru {
 public:
  static constexpr std::uint64_t unlimited = UINT64_MAX;

  /// `capacity` in blocks, >= 1.
  explicit PrefixLru(std::uint64_t capacity) : capacity_(capacity) {}

  /// Uses a prompt's blocks, from its start; returns how many of the first ones were there.
  std::size_t use(std::span<const std::uint64_t> blocks);

 private:
  void touch(std::uint64_t block);

  std::uint64_t capacity_;
  std::list<std::uint64_t> order_;  // least recently used first; not kept without a limit
  std::unordered_map<std::uint64_t, std::list<std::uint64_t>::iterator> held_;  // looked up only
};

}  // namespace penstock
