#include <utility>

#include "workloads/csv_trace.h"
#include "workloads/trace.h"

namespace penstock {
namespace {

/// Azure/AzurePublicDataset: 2023 (no offset, 7 fractional digits), 2024 (an offset, 6 digits or
/// none), 2025 (a column NumImages more).
constexpr TraceNames azure_names{
    .names = {"TIMESTAMP", "ContextTokens", "GeneratedTokens", {}, {}, {}, {}, {}, {}, {}, {}},
    .time = {parse_timestamp,
             "2023-11-16 18:15:46.6805900, with an offset such as +00:00 or without"},
};

}  // namespace

bool recognises_azure(std::string_view head) { return recognises_csv_trace(head, azure_names); }

std::unique_ptr<TraceReader> open_azure(LineReader lines, const TraceOptions& options,
                                        ErrorLog& errors) {
  return open_csv_trace(std::move(lines), azure_names, options, errors);
}

}  // namespace penstock
