#pragma once

#include <memory>
#include <string>

#include "workloads/trace.h"

namespace penstock {

/// Requests drawn from a ServeGen folder (alibaba/ServeGen, data/): clients, each with a rate and a
/// renewal process for every 10 minutes (chunk-N-trace.csv) and lengths for every 6 hours
/// (chunk-N-dataset.json). Their requests are drawn for options.draw and put together in order of
/// time; time 0 is the first one.
///
/// Gaps are Gamma or Weibull of the window's shape, scaled to its rate, in the time that goes
/// faster and slower with the rate. Input and output are drawn independently from the latest window
/// that has lengths (else from the next one). Clients without lengths are left out: notes() says
/// so.
///
/// Client N draws from the streams "servegen/N", "servegen/N/input" and "servegen/N/output". Null,
/// and errors in the log, if there are no such files or one of them cannot be read.
std::unique_ptr<TraceReader> open_servegen(const std::string& folder, const TraceOptions& options,
                                           ErrorLog& errors);

}  // namespace penstock
