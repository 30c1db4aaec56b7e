#pragma once

#include <string>
#include <vector>

#include "tools/calibrate/measurement.h"

namespace penstock {

/// How well the operator formulas foretell kernels that they were not fitted to, as Markdown: each
/// model of a GPU left out of that GPU's fit, then each GPU taken to have the mean parameters of
/// the others, as fractions of its own peaks. The fits are made here, from the parameters of a GPU
/// without measurements.
std::string leave_out_section(const std::vector<calibrate::KernelTime>& kernels);

}  // namespace penstock
