#pragma once

#include <cstddef>
#include <cstdint>

/// What the readers and generators refuse to exceed.
namespace penstock {

/// Tokens of one prompt or one answer.
inline constexpr std::int64_t max_request_tokens = 10'000'000;

/// Bytes of one line of a trace, line end included.
inline constexpr std::size_t max_line_bytes = std::size_t{1} << 20;

/// Errors of one file that are listed; the others are counted.
inline constexpr std::size_t max_listed_errors = 20;

/// Requests per second of one class: above it, gaps are not whole picoseconds any more.
inline constexpr double max_rate_per_s = 1e9;

}  // namespace penstock
