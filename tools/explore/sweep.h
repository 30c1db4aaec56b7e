#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "config/load.h"
#include "tools/explore/design.h"
#include "tools/explore/journal.h"
#include "tools/explore/record.h"

namespace penstock::explore {

/// What to run.
struct SweepSpec {
  std::string text;          ///< the workload file, read once
  std::string name;          ///< its path as given
  config::LoadOptions load;  ///< for every point, before its own values
  Design design;
  std::size_t runs = 1;  ///< of each point, with seeds one apart
  int jobs = 1;          ///< threads
};

/// A point's workload, understood or not. A scheduler that is not built is a diagnostic here.
config::Loaded load_point(const SweepSpec& spec, std::size_t point);

/// Diagnostics of a point, with its own values as `--vary[1]` where load_scenario() calls them
/// `--set[3]`.
Diagnostics with_vary_names(const SweepSpec& spec, Diagnostics diagnostics);

/// A warning where `cluster.gpu` is varied and the file has one price for all GPUs: costs then
/// compare speeds, not GPUs. None for a map of prices, catalogue prices, and prices varied too.
Diagnostics price_warnings(const SweepSpec& spec);

/// `diagnostics` as one line: the first error and, if something does not fit, its arithmetic.
std::string reason_of(const Diagnostics& diagnostics);

/// The SHA-256 of files, each computed once. Safe to call from several threads.
class FileDigests {
 public:
  /// Empty for what is no regular file, or cannot be read.
  std::string of(const std::string& path);

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> known_;
};

/// Plays one run of one point: never throws for what is wrong with the point. Nothing if `stop`
/// ended it early.
std::optional<Record> run_point(const SweepSpec& spec, std::size_t point, std::size_t run,
                                FileDigests& digests, const std::function<bool()>& stop);

/// All runs of a sweep by point * runs + run; those that are not done are empty.
using Records = std::vector<std::optional<Record>>;

/// Plays what is missing in `records`, and puts it there. `finished` is called for each, one at a
/// time, in the order in which they come: an exception of it ends the sweep. `stop` (asked all the
/// time, by several threads) ends it too.
void run_missing(const SweepSpec& spec, Records& records, FileDigests& digests,
                 const std::function<bool()>& stop,
                 const std::function<void(const Record&)>& finished);

}  // namespace penstock::explore
