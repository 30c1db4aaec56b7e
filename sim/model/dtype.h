#pragma once

namespace penstock {

/// How weights or the KV cache are stored.
enum class Dtype { bf16, fp8, int8, nvfp4, mxfp4, int4 };

/// Bytes of one stored element, block scales included: nvfp4 0.5625, mxfp4 0.53, int4
/// 0.52.
double bytes_per_element(Dtype dtype);
const char* to_string(Dtype dtype);

}  // namespace penstock
