#pragma once

#include "sim/hardware/accelerator.h"
#include "sim/step/operators.h"
#include "tools/calibrate/measurement.h"

namespace penstock::calibrate {

/// The step model's operators with a GPU's parameters, one kernel at a time, without the factors
/// that engines have.
class KernelModel {
 public:
  explicit KernelModel(const AcceleratorTiming& timing);

  /// Requires a row that read_kernels() lets pass.
  double predicted_ms(const KernelTime& row);

 private:
  double gemm_ms(const KernelTime& row) const;
  double attention_ms(const KernelTime& row);
  double all_reduce_ms(const KernelTime& row) const;

  AcceleratorTiming timing_;
  SmoothMax gemm_smooth_;
  AttentionRates attention_;  ///< heads are those of the last row
};

}  // namespace penstock::calibrate
