#pragma once

#include <cstdint>
#include <vector>

namespace penstock {

/// What some consecutive tokens of a request are: positions `first`, `first` + 1, ... of the token
/// stream `stream`. Tokens are the same if stream and position are; a stream is a shared system
/// prompt, a conversation, a block of a trace that names its blocks.
struct ContentSpan {
  std::uint64_t stream = 0;
  std::int64_t first = 0;
  std::int64_t tokens = 0;  ///< >= 1
};

/// A request's tokens from its first one on: prompt, then output. Tokens beyond the spans belong to
/// this request alone.
using Content = std::vector<ContentSpan>;

}  // namespace penstock
