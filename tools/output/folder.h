#pragma once

#include <string>
#include <vector>

#include "tools/output/files.h"
#include "tools/output/run_output.h"

namespace penstock::output {

/// What manifest.json says about how a result came to be. Facts of the machine and of the clock
/// stand here and nowhere else.
struct RunFacts {
  std::vector<std::string> command;  ///< the words of the command line
  std::vector<std::string> inputs;   ///< files that the run read
  std::string workload = {};         ///< the workload file's text
  double load_seconds = 0;           ///< reading and checking the input
  double simulate_seconds = 0;       ///< the simulation itself
  double total_seconds = 0;          ///< from the start of the process to the writing of the folder
};

/// Writes summary.json, requests.csv, timeseries.csv, ledger.csv, position.csv, workload.yaml and
/// manifest.json, to be committed by the caller. Throws IoError.
void write_run_folder(const RunOutput& run, const RunFacts& facts, FolderWriter& folder);

}  // namespace penstock::output
