#include "sim/cost/bases.h"

namespace penstock {

PriceBases price_bases(const PriceSpec& prices, const Bill& bill, const Energy& energy) {
  PriceBases bases;
  bases.electricity_missing =
      prices.electricity_per_kwh <= 0 ? "give `prices.electricity`" : energy.missing;
  if (bases.electricity_missing.empty()) {
    bases.electricity = energy.facility_kwh * prices.electricity_per_kwh;
  }
  const OwnedSpec& owned = prices.owned;
  const bool is_all_in = owned.life_hours <= 0;
  bases.owned_missing =
      owned.missing.empty() && owned.source.empty() ? "give `prices.owned`" : owned.missing;
  if (bases.owned_missing.empty() && !is_all_in) {
    bases.owned_missing = bases.electricity_missing;
  }
  if (bases.owned_missing.empty()) {
    bases.owned_per_gpu_hour = is_all_in
                                   ? owned.all_in_per_hour
                                   : owned.capital / owned.life_hours + owned.hosting_per_hour;
    bases.owned =
        bases.owned_per_gpu_hour * bill.gpu_hours + (is_all_in ? 0 : bases.electricity.value_or(0));
  }
  return bases;
}

}  // namespace penstock
