#pragma once

namespace penstock {

/// How weights or the KV cache are stored. No unit computes in int4, int4_g32 (scales of 32
/// elements rather than 128), w8a16 (8 bits, of either kind) and nvfp4a16: these are widened to
/// bf16.
enum class Dtype { bf16, fp8, int8, nvfp4, mxfp4, int4, int4_g32, w8a16, nvfp4a16 };

/// Bytes of one stored element, block scales included: nvfp4 0.5625, mxfp4 0.53, int4 0.52,
/// int4_g32 0.5625.
double bytes_per_element(Dtype dtype);
const char* to_string(Dtype dtype);

}  // namespace penstock
