#include <utility>

#include "workloads/csv_trace.h"
#include "workloads/trace.h"

namespace penstock {
namespace {

/// Our own, as `penstock trace convert` writes it; `requests.csv` of a run is one too.
constexpr TraceNames plain_csv_names{
    .names = {"arrival_s", "input_tokens", "output_tokens", "session_id", "delay_s", "priority",
              "class", "prefix_group", "prefix_tokens", "hash_ids", "block_tokens", "turn",
              "content"},
    .time = seconds_notation,
    .delay = seconds_notation,
    .time_is_optional = true,
};

/// The same as `penstock trace generate` writes it: `time_s` is since the start of the run.
constexpr TraceNames generated_csv_names = [] {
  TraceNames names = plain_csv_names;
  names.names[static_cast<std::size_t>(TraceField::time)] = "time_s";
  names.time_is_optional = false;
  names.starts_at_zero = true;
  return names;
}();

}  // namespace

bool recognises_csv(std::string_view head) { return recognises_csv_trace(head, plain_csv_names); }

std::unique_ptr<TraceReader> open_csv(LineReader lines, const TraceOptions& options,
                                      ErrorLog& errors) {
  const bool is_generated = recognises_csv_trace(lines.head(), generated_csv_names);
  return open_csv_trace(std::move(lines), is_generated ? generated_csv_names : plain_csv_names,
                        options, errors);
}

}  // namespace penstock
