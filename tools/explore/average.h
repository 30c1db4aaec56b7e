#pragma once

#include <span>
#include <string>

namespace penstock::explore {

/// Several runs of the same point as one.
struct Average {
  std::string summary;  ///< as the summaries, with means in the place of numbers
  std::string ci95;     ///< half widths of the 95 % intervals of all numbers, at the same keys
};

/// Takes JSON objects on one line. Text that differs between the runs, and numbers that not all of
/// them have, become null, with a line in `reasons`; a condition holds if it holds in every run;
/// `warnings` are those of all runs.
Average average_of(std::span<const std::string> summaries);

}  // namespace penstock::explore
