#pragma once

#include <string>

#include "tools/output/run_output.h"

namespace penstock::output {

/// The screen of a run: verdict, numbers, money, cause, trust. Lines that this version cannot fill
/// are left out. `color`: green and red marks, for terminals only.
std::string run_table(const RunOutput& run, bool color);

/// "llama-3.1-70b fp8 · 2 × 4 H100 SXM (TP4) · vllm-0.19 · chat, 3,000 requests, 5 min · seed 1"
std::string run_title(const RunOutput& run);

}  // namespace penstock::output
