#pragma once

#include <string>

#include "tools/output/files.h"
#include "tools/penstock/options.h"

/// `--report` of run, sweep and plan.
namespace penstock::cli {

inline constexpr Option report_option{
    "report", 0, {}, "write report.html too, a page for browsers"};

/// Whether it is asked for; throws UsageError without -o DIR.
bool wants_report(const ParsedOptions& options);

/// Makes report.html of the files in `folder` if `wanted`, and commits them all. An older page in
/// `target`, of other results, goes away.
void commit_with_report(output::FolderWriter& folder, const std::string& target, bool wanted);

}  // namespace penstock::cli
