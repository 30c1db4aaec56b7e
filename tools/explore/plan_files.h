#pragma once

#include <string>
#include <vector>

#include "tools/explore/plan_report.h"
#include "tools/output/files.h"

namespace penstock::explore {

/// Writes plan.yaml (of a split: pool-1.yaml, pool-2.yaml, ...), which `penstock run` replays to
/// the numbers of the plan, vllm.sh (vllm-1.sh, vllm-2.sh, ...), plan.json, kubernetes.yaml and
/// manifest.json. `target` is
/// where the folder will stand; `command` the words of the command line. Throws IoError.
void write_plan_folder(const PlanOutput& output, const std::string& target,
                       const std::vector<std::string>& command, output::FolderWriter& folder);

/// The workload file of one pool, as it is run from the folder `target`.
std::string pool_file(const PlanOutput& output, const PlannedPool& pool, const std::string& target);

}  // namespace penstock::explore
