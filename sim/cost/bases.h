#pragma once

#include <optional>
#include <string>

#include "sim/cost/bill.h"
#include "sim/cost/energy.h"
#include "sim/scenario.h"

namespace penstock {

/// The same run on three price bases (cost.md §5), which are compared and never added: what is
/// rented is the bill.
struct PriceBases {
  std::optional<double> electricity;  ///< server energy x price x PUE
  std::optional<double> owned;        ///< capital / life + hosting, plus electricity; or all in one
  std::string electricity_missing;    ///< why there is none
  std::string owned_missing;
  double owned_per_gpu_hour = 0;  ///< without electricity, but for a figure with all in it
};

PriceBases price_bases(const PriceSpec& prices, const Bill& bill, const Energy& energy);

}  // namespace penstock
