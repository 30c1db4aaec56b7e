#include <fmt/format.h>

#include "config/load_parts.h"

namespace penstock::config {

namespace {

constexpr double ps_per_hour = 3600e12;

/// Reports a price in another currency than the rent's.
void check_currency(const LoadContext& context, const Span& span, const Quantity& price,
                    std::string_view key, const PriceSpec& spec) {
  if (price.currency != spec.currency) {
    context.reporter.error(
        span, fmt::format("`{}` is in {}, `gpu` in {}", key, price.currency, spec.currency),
        "currencies are not converted");
  }
}

/// A quantity of `section`, checked; 0 if it is not there.
double price_of(const LoadContext& context, const Section& section, std::string_view key,
                const PriceSpec& spec) {
  const auto price = section.quantity(key);
  if (!price) {
    return 0;
  }
  check_currency(context, section.span(key), *price, key, spec);
  return price->value;
}

/// The catalogue's owning cost: from its capital where the file has a price of electricity to go
/// with it, else the figure that has everything in it.
OwnedSpec catalogue_owned(const LoadContext& context, const Scenario& scenario) {
  const PriceSpec& spec = scenario.prices;
  const std::string& gpu = scenario.cluster.gpu.name;
  const auto price = context.catalog.price(gpu, context.reporter);
  OwnedSpec owned;
  if (!price || !price->owned) {
    owned.missing = fmt::format("the catalogue has no owning cost of {}: give `prices.owned`", gpu);
    return owned;
  }
  if (price->currency != spec.currency) {
    owned.missing =
        fmt::format("the catalogue's owning cost is in {}, `prices` in {}: give `prices.owned`",
                    price->currency, spec.currency);
    return owned;
  }
  owned = *price->owned;
  if (spec.electricity_per_kwh > 0 && owned.capital > 0 && owned.life_hours > 0) {
    owned.all_in_per_hour = 0;
  } else {
    owned.capital = owned.hosting_per_hour = owned.life_hours = 0;
  }
  return owned;
}

}  // namespace

void load_electricity(const LoadContext& context, PriceSpec& spec) {
  const Section section = context.root.section("prices");
  spec.pue = section.number("pue").value_or(1);
  spec.host_share = section.number("host_share").value_or(spec.host_share);
  spec.electricity_per_kwh = price_of(context, section, "electricity", spec);
}

void load_owned(const LoadContext& context, Scenario& scenario) {
  const Section prices = context.root.section("prices");
  PriceSpec& spec = scenario.prices;
  OwnedSpec& owned = spec.owned;
  if (!prices.has("owned")) {
    owned = catalogue_owned(context, scenario);
    return;
  }
  owned.source = "given in the file";
  owned.all_in_per_hour = price_of(context, prices, "owned", spec);
  const Section map = prices.section("owned");
  owned.capital = price_of(context, map, "capital", spec);
  owned.hosting_per_hour = price_of(context, map, "hosting", spec);
  owned.life_hours = map.number("life").value_or(0) / ps_per_hour;
  if (map.is_given() && spec.electricity_per_kwh == 0) {
    owned.missing = "give `prices.electricity`, which `owned` does not have in it";
  }
}

}  // namespace penstock::config
