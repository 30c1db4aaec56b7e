#include <memory>
#include <utility>

#include "workloads/csv_trace.h"
#include "workloads/json_trace.h"
#include "workloads/trace.h"

namespace penstock {
namespace {

/// Our own, as `penstock trace convert` writes it; `requests.csv` of a run is one too.
constexpr TraceNames plain_names{
    .names = {"arrival_s", "input_tokens", "output_tokens", "session_id", "delay_s", "priority",
              "class", "prefix_group", "prefix_tokens", "hash_ids", "block_tokens", "turn",
              "content"},
    .time = seconds_notation,
    .delay = seconds_notation,
    .time_is_optional = true,
};

/// The same as `penstock trace generate` writes it: `time_s` is since the start of the run.
constexpr TraceNames generated_names = [] {
  TraceNames names = plain_names;
  names.names[static_cast<std::size_t>(TraceField::time)] = "time_s";
  names.time_is_optional = false;
  names.starts_at_zero = true;
  return names;
}();

}  // namespace

bool recognises_csv(std::string_view head) { return recognises_csv_trace(head, plain_names); }

std::unique_ptr<TraceReader> open_csv(LineReader lines, const TraceOptions& options,
                                      ErrorLog& errors) {
  const bool is_generated = recognises_csv_trace(lines.head(), generated_names);
  return open_csv_trace(std::move(lines), is_generated ? generated_names : plain_names, options,
                        errors);
}

bool recognises_jsonl(std::string_view head) {
  return recognises_json_trace(head, {"input_tokens", "output_tokens"});
}

std::unique_ptr<TraceReader> open_jsonl(LineReader lines, const TraceOptions& options,
                                        ErrorLog& errors) {
  const bool is_generated = recognises_json_trace(lines.head(), {"time_s", "input_tokens"});
  return std::make_unique<JsonTraceReader>(
      std::move(lines), is_generated ? generated_names : plain_names, options, errors);
}

}  // namespace penstock
