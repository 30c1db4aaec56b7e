#include <utility>

#include "workloads/csv_trace.h"
#include "workloads/trace.h"

namespace penstock {
namespace {

/// microsoft/vidur and microsoft/sarathi-serve, data/processed_traces: traces with `arrived_at`,
/// and files of lengths (*_filtered_stats_*) without it.
constexpr TraceNames vidur_names{
    .names =
        {"arrived_at", "num_prefill_tokens", "num_decode_tokens", {}, {}, {}, {}, {}, {}, {}, {}},
    .time = seconds_notation,
    .time_is_optional = true,
};

}  // namespace

bool recognises_vidur(std::string_view head) { return recognises_csv_trace(head, vidur_names); }

std::unique_ptr<TraceReader> open_vidur(LineReader lines, const TraceOptions& options,
                                        ErrorLog& errors) {
  return open_csv_trace(std::move(lines), vidur_names, options, errors);
}

}  // namespace penstock
