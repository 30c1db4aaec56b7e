#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/scenario.h"
#include "tools/explore/evaluate.h"
#include "tools/explore/plan_traffic.h"

namespace penstock::explore {

/// Whether a scenario meets every limit of every class, by a run that is given up as soon as so
/// many requests have missed theirs that the rest cannot make up for it. The answer is that of the
/// whole run.
///
/// `traffic`: what the scenario's sources send, by its classes, if that is known.
/// Returns nothing if `stop` said so.
std::optional<bool> meets_limits(const Scenario& scenario, const Traffic* traffic,
                                 const std::function<bool()>& stop);

/// One limit of a class, and what a run says of it.
struct LimitLine {
  std::string class_name;
  std::string metric;  ///< ttft, tpot, e2e
  double limit_ms = 0;
  double attainment_wanted = 0;
  double value_ms = 0;         ///< the quantile of the attainment wanted
  double error = 0;            ///< half of its 95 % interval, relative, by batch means; 0 = unknown
  std::uint64_t requests = 0;  ///< behind it
  double attainment = 0;       ///< of the class: all limits together
  bool met = true;             ///< the class meets its attainment
};

/// The limits of all classes after a whole run, in the order of classes and metrics.
std::vector<LimitLine> limit_lines(const Scenario& scenario, const Evaluation& run);

/// The line furthest above its limit; of those in classes that miss theirs, if there are any. Null
/// if there is no line.
const LimitLine* tightest(const std::vector<LimitLine>& lines);

}  // namespace penstock::explore
