#include "sim/model/dtype.h"

#include "sim/core/assert.h"

namespace penstock {

double bytes_per_element(Dtype dtype) {
  switch (dtype) {
    case Dtype::bf16:
      return 2;
    case Dtype::fp8:
    case Dtype::int8:
    case Dtype::w8a16:
      return 1;
    case Dtype::nvfp4:
    case Dtype::nvfp4a16:
      return 0.5625;  // 4 bits, and an 8-bit scale per 16 elements
    case Dtype::mxfp4:
      return 0.53;  // 4 bits, and an 8-bit scale per 32 elements
    case Dtype::int4:
      return 0.52;  // 4 bits, and a 16-bit scale and a 4-bit zero per 128 elements (AWQ, GPTQ)
    case Dtype::int4_g32:
      return 0.5625;  // 4 bits, and a 16-bit scale per 32 elements (compressed-tensors)
  }
  PENSTOCK_ASSERT(false);
}

const char* to_string(Dtype dtype) {
  switch (dtype) {
    case Dtype::bf16:
      return "bf16";
    case Dtype::fp8:
      return "fp8";
    case Dtype::int8:
      return "int8";
    case Dtype::nvfp4:
      return "nvfp4";
    case Dtype::mxfp4:
      return "mxfp4";
    case Dtype::int4:
      return "int4";
    case Dtype::int4_g32:
      return "int4_g32";
    case Dtype::w8a16:
      return "w8a16";
    case Dtype::nvfp4a16:
      return "nvfp4a16";
  }
  PENSTOCK_ASSERT(false);
}

}  // namespace penstock
