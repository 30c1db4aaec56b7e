#pragma once

namespace penstock {

/// Sums of products of picoseconds and counts; both compilers provide it as an extension.
__extension__ typedef __int128 Int128;

}  // namespace penstock
