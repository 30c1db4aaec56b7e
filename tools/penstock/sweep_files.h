#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tools/explore/journal.h"
#include "tools/explore/sweep.h"
#include "tools/output/sweep_output.h"

namespace penstock::cli {

/// What decides the results of a sweep: version, workload file, --set, --vary, ...
explore::Identity identity_of(const explore::SweepSpec& spec, const std::vector<std::string>& vary,
                              std::optional<std::size_t> sample);

/// The folder of `-o DIR`, or none: then everything here does nothing.
class SweepFolder {
 public:
  /// Throws output::IoError, explore::OtherSweep.
  SweepFolder(const std::optional<std::string>& path, explore::Journal::Mode mode,
              explore::Identity identity);

  /// Puts the runs that the folder holds into `records`, and counts them. Throws
  /// explore::OtherSweep if a file that they read has changed since.
  std::size_t take_records(const explore::SweepSpec& spec, explore::FileDigests& digests,
                           explore::Records& records);

  void append(const explore::Record& record);

  struct Facts {
    std::size_t resumed = 0;  ///< runs that were done before
    std::chrono::steady_clock::time_point start;
    bool report = false;  ///< report.html too
  };
  /// Writes points.csv, sweep.json, workload.yaml and manifest.json, and the journal in the order
  /// of the grid: all of them or none. Requires all records.
  void write(const explore::SweepSpec& spec, const output::SweepOutput& sweep,
             const explore::Records& records, const Facts& facts);

 private:
  std::string path_;
  explore::Identity identity_;
  std::optional<explore::Journal> journal_;
};

}  // namespace penstock::cli
