// The names of the cost rules, as files and reports spell them.

#include "sim/core/assert.h"
#include "sim/cost/bill.h"

namespace penstock {

const char* to_string(CostRule rule) {
  switch (rule) {
    case CostRule::phase:
      return "phase";
    case CostRule::cause:
      return "cause";
    case CostRule::occupancy:
      return "occupancy";
    case CostRule::flops:
      return "flops";
    case CostRule::output_only:
      return "output_only";
    case CostRule::blended:
      return "blended";
  }
  return "";
}

bool has_flop(const PeakTimes& peak) { return peak.token_flop > 0; }

}  // namespace penstock
