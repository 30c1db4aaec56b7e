#include <memory>
#include <utility>

#include "workloads/json_trace.h"
#include "workloads/trace.h"

namespace penstock {
namespace {

/// kvcache-ai/Mooncake, FAST25-release/traces, and the dialect of AIPerf and Dynamo: sessions whose
/// later turns have a `delay` after the turn before instead of a `timestamp`; a file may have no
/// times at all. Blocks are of 512 tokens unless the user says otherwise.
constexpr TraceNames mooncake_names{
    .names = {"timestamp",
              "input_length",
              "output_length",
              "session_id",
              "delay",
              "priority",
              {},
              {},
              {},
              "hash_ids",
              {}},
    .time = milliseconds_notation,
    .delay = milliseconds_notation,
    .time_is_optional = true,
    .block_tokens = 512,
};

}  // namespace

bool recognises_mooncake(std::string_view head) {
  return recognises_json_trace(head, {"input_length", "output_length"});
}

std::unique_ptr<TraceReader> open_mooncake(LineReader lines, const TraceOptions& options,
                                           ErrorLog& errors) {
  return std::make_unique<JsonTraceReader>(std::move(lines), mooncake_names, options, errors);
}

}  // namespace penstock
