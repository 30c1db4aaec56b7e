#include <memory>
#include <utility>

#include "workloads/json_trace.h"
#include "workloads/trace.h"

namespace penstock {
namespace {

/// Our own, as `penstock trace convert --to jsonl` writes it.
constexpr TraceNames plain_jsonl_names{
    .names = {"arrival_s", "input_tokens", "output_tokens", "session_id", "delay_s", "priority",
              "class", "prefix_group", "prefix_tokens", "hash_ids", "block_tokens"},
    .time = seconds_notation,
    .delay = seconds_notation,
    .time_is_optional = true,
};

}  // namespace

bool recognises_jsonl(std::string_view head) {
  return recognises_json_trace(head, {"input_tokens", "output_tokens"});
}

std::unique_ptr<TraceReader> open_jsonl(LineReader lines, const TraceOptions& options,
                                        ErrorLog& errors) {
  return std::make_unique<JsonTraceReader>(std::move(lines), plain_jsonl_names, options, errors);
}

}  // namespace penstock
