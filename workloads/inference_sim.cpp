#include <utility>

#include "workloads/csv_trace.h"
#include "workloads/trace.h"

namespace penstock {
namespace {

/// inference-sim/inference-sim, sim/workload/tracev2.go: the data file of a TraceV2. `input_tokens`
/// counts what comes after the shared prefix. `slo_class` says who sent it.
constexpr TraceNames inference_sim_names{
    .names = {"arrival_time_us",
              "input_tokens",
              "output_tokens",
              "session_id",
              {},
              "vllm_priority",
              "slo_class",
              "prefix_group",
              "prefix_length",
              {},
              {}},
    .time = microseconds_notation,
    .prefix_is_extra = true,
};

}  // namespace

bool recognises_inference_sim(std::string_view head) {
  return recognises_csv_trace(head, inference_sim_names);
}

std::unique_ptr<TraceReader> open_inference_sim(LineReader lines, const TraceOptions& options,
                                                ErrorLog& errors) {
  return open_csv_trace(std::move(lines), inference_sim_names, options, errors);
}

}  // namespace penstock
