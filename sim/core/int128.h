#pragma once

namespace penstock {

/// Sums of products of picoseconds and counts; both compilers provide it as an extension.
__extension__ typedef __int128 Int128;

/// For output and for ratios.
constexpr double to_double(Int128 value) { return static_cast<double>(value); }

}  // namespace penstock
