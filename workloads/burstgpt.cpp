#include <utility>

#include "workloads/csv_trace.h"
#include "workloads/trace.h"

namespace penstock {
namespace {

/// HPMLL/BurstGPT: 6 columns (v1, v2) or 8 (v3, with a session); seconds from any start. `Elapsed
/// time` is how long the answer took, which a simulation finds for itself.
constexpr TraceNames burstgpt_names{
    .names = {"Timestamp",
              "Request tokens",
              "Response tokens",
              "Session ID",
              {},
              {},
              "Model",
              {},
              {},
              {},
              {}},
    .time = seconds_notation,
};

}  // namespace

bool recognises_burstgpt(std::string_view head) {
  return recognises_csv_trace(head, burstgpt_names);
}

std::unique_ptr<TraceReader> open_burstgpt(LineReader lines, const TraceOptions& options,
                                           ErrorLog& errors) {
  return open_csv_trace(std::move(lines), burstgpt_names, options, errors);
}

}  // namespace penstock
