#pragma once

#include <span>

namespace penstock::explore {

/// A mean and how far the true one may be from it.
struct Estimate {
  double mean = 0;
  double half_width = 0;  ///< of the two-sided 95 % interval (Student's t); 0 for one value
};

/// Requires at least one value. The same bits on every machine.
Estimate estimate(std::span<const double> values);

/// The 97.5 % quantile of Student's t with `degrees` >= 1 of freedom: tabulated to 30, then by
/// Cornish and Fisher's expansion (Abramowitz and Stegun 26.7.5; error below 1e-6).
double student_t_975(int degrees);

}  // namespace penstock::explore
