#include <utility>

#include "workloads/csv_trace.h"
#include "workloads/trace.h"

namespace penstock {
namespace {

/// Mutinifni/splitwise-sim, traces/: seconds. Each row is one request, whatever its `batch_size`.
constexpr TraceNames splitwise_sim_names{
    .names = {"arrival_timestamp",
              "prompt_size",
              "token_size",
              {},
              {},
              {},
              "application_id",
              {},
              {},
              {},
              {}},
    .time = seconds_notation,
};

}  // namespace

bool recognises_splitwise_sim(std::string_view head) {
  return recognises_csv_trace(head, splitwise_sim_names);
}

std::unique_ptr<TraceReader> open_splitwise_sim(LineReader lines, const TraceOptions& options,
                                                ErrorLog& errors) {
  return open_csv_trace(std::move(lines), splitwise_sim_names, options, errors);
}

}  // namespace penstock
