#include <utility>

#include "workloads/csv_trace.h"
#include "workloads/trace.h"

namespace penstock {
namespace {

/// Our own, as `penstock trace convert` writes it; `requests.csv` of a run is one too.
constexpr TraceNames plain_csv_names{
    .names = {"arrival_s", "input_tokens", "output_tokens", "session_id", "delay_s", "priority",
              "class", "prefix_group", "prefix_tokens", "hash_ids", "block_tokens"},
    .time = seconds_notation,
    .delay = seconds_notation,
    .time_is_optional = true,
};

}  // namespace

bool recognises_csv(std::string_view head) { return recognises_csv_trace(head, plain_csv_names); }

std::unique_ptr<TraceReader> open_csv(LineReader lines, const TraceOptions& options,
                                      ErrorLog& errors) {
  return open_csv_trace(std::move(lines), plain_csv_names, options, errors);
}

}  // namespace penstock
