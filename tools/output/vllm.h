#pragma once

#include <string>

#include "tools/output/run_output.h"

namespace penstock::output {

/// The run as `vllm bench serve` would have reported it (vllm/benchmarks/serve.py, v0.15): the
/// block of text that it prints. Counts are those of completed requests, the duration goes from the
/// first arrival to the last completion.
std::string run_vllm(const RunOutput& run);

/// The same as the JSON that it saves, with its keys; what a simulation does not know is null.
std::string run_vllm_json(const RunOutput& run);

/// Its "output_throughput": tokens/s of completed requests over that duration; 0 if none completed.
double vllm_output_throughput(const Result& result);

}  // namespace penstock::output
