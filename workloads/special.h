#pragma once

/// Functions of probability theory, from sim/core/math.h alone: the C library's and Boost's differ
/// in their last bit from machine to machine, and a bit moves an arrival.
namespace penstock {

/// Distribution function of the standard normal distribution, absolute error below 1e-15, kept
/// within [2^-53, 1 - 2^-53]. Source: Marsaglia, "Evaluating the Normal Distribution" (2004).
double normal_cdf(double z);

/// ln Γ(x) for 0 < x < 1e6. Relative error below 1e-14. Source: Stirling's series after a shift.
double log_gamma(double x);

/// Shape k of the Weibull distribution whose std over mean is `cv`, 0.01 to 50:
/// Γ(1 + 2/k) / Γ(1 + 1/k)² = 1 + cv².
double weibull_shape(double cv);

/// The correlation of two normal variables whose ranks correlate by `rank` (Spearman), -1 to 1:
/// 2 sin(π rank / 6).
double normal_correlation(double rank);

}  // namespace penstock
