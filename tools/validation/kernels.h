#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

namespace penstock {

/// How far the operator formulas are from measured kernels of one GPU.
struct KernelErrors {
  std::string gpu;
  std::string source;  ///< of the measurements
  std::string op;      ///< gemm, attn_decode, attn_prefill, attn_mixed
  std::string subset;  ///< all rows; repeats as one (their median); sums over a layer's GEMMs
  std::size_t count = 0;
  double mape = 0;  ///< mean absolute relative error
  double p95 = 0;   ///< 95th percentile of the absolute relative error
  double bias = 0;  ///< mean relative error: positive = too slow
};

/// Compares the formulas of sim/step/operators.h, with parameters fitted to single kernels (not to
/// whole engines), with a table of measured kernel times.
///
/// Requires comma-separated text with a header that names the columns source, gpu, op, sub, model,
/// tp, M, N, K, B, q, kv_prefix, kv_decode, nq, nkv, hd and measured_ms; throws std::runtime_error
/// otherwise. Rows of other GPUs and operators are left out.
std::vector<KernelErrors> compare_kernels(std::istream& csv);

/// As a Markdown table, errors in percent, beside those on models left out of the fit where they
/// are known (published with the parameters).
std::string kernel_table(const std::vector<KernelErrors>& errors);

}  // namespace penstock
