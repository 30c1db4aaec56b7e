#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tools/explore/statistics.h"

/// Two sides of results of `run` side by side: what of their scenarios differs, and what of their
/// numbers.
namespace penstock::explore {

/// A folder that holds no result that can be compared; the message names it and says why.
class NotComparable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Verdict { none, same, better, worse };

/// One number on both sides. `difference` is B - A; its half width is of the 95 % interval, 0 for
/// one run a side.
struct ComparedMetric {
  std::string name;  ///< "TTFT p99"
  std::string unit;  ///< "ms", may be empty
  std::string path;  ///< in summary.json
  Estimate a;
  Estimate b;
  Estimate difference;
  Verdict verdict = Verdict::none;
};

struct Comparison {
  struct Side {
    std::string title;  ///< "llama-3.1-70b on 2 × 4 h100-sxm"
    std::vector<std::string> folders;
  };
  Side a, b;
  bool paired = false;  ///< the same seeds on both sides: intervals are of paired differences
  std::string currency;
  /// Keys of the resolved scenario with other values: path, A, B.
  struct Changed {
    std::string path, a, b;
  };
  std::vector<Changed> changed;
  std::vector<ComparedMetric> metrics;
  std::vector<std::string> warnings;
};

/// Reads summary.json of every folder. Folders of one side must be the same scenario with other
/// seeds. Throws NotComparable, and output::IoError for what cannot be read.
Comparison compare(const std::vector<std::string>& a, const std::vector<std::string>& b);

std::string comparison_table(const Comparison& comparison, bool color);
std::string comparison_markdown(const Comparison& comparison);
std::string comparison_json(const Comparison& comparison);

}  // namespace penstock::explore
