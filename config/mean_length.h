#pragma once

#include "sim/scenario.h"

namespace penstock::config {

/// Mean of a length in tokens, from the distribution's closed form: fixed a; uniform (a + b) / 2;
/// lognormal exp(mu + sigma² / 2); quantiles the sum of trapezoids under the quantile function.
/// That lengths are rounded to whole tokens, 1 at least, is neglected. Requires a spec made by
/// config/.
double mean_length(const LengthSpec& spec);

}  // namespace penstock::config
