#pragma once

#include <string>

#include "tools/output/run_output.h"

namespace penstock::output {

/// The screen of a run as Markdown: headings and tables.
std::string run_markdown(const RunOutput& run);

}  // namespace penstock::output
