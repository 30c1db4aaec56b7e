#include <doctest/doctest.h>

#include "sim/cost/bases.h"
#include "tests/support/config_text.h"

namespace penstock {
namespace {

using test::load_small;
using test::only_error;
using test::rendered;

PriceSpec prices_of(const std::string& prices) {
  const config::Loaded loaded = load_small({"prices={gpu: $2.50/h, " + prices + "}"});
  CHECK(rendered(loaded) == "");
  return loaded.scenario.prices;
}

/// Of 10 GPU-hours that took 8 kWh at the meter.
PriceBases bases_of(const PriceSpec& prices) {
  Bill bill;
  bill.gpu_hours = 10;
  Energy energy;
  energy.facility_kwh = 8;
  return price_bases(prices, bill, energy);
}

}  // namespace

TEST_CASE("electricity is energy times price") {
  CHECK(bases_of(prices_of("electricity: $0.10/kWh")).electricity == doctest::Approx(0.8));
  const PriceBases unknown = bases_of(prices_of("pue: 1.25"));
  CHECK_FALSE(unknown.electricity);
  CHECK(unknown.electricity_missing == "give `prices.electricity`");
  Energy energy;
  energy.missing = "the catalogue does not know the TDP of x";
  CHECK(price_bases(prices_of("electricity: $0.10/kWh"), Bill{}, energy).electricity_missing ==
        energy.missing);
}

TEST_CASE("owning is capital over life, hosting and electricity") {
  const PriceSpec prices =
      prices_of("electricity: $0.10/kWh, owned: {capital: $35040, life: 4y, hosting: $0.25/h}");
  CHECK(prices.owned.life_hours == 35040);
  const PriceBases bases = bases_of(prices);
  CHECK(bases.owned_per_gpu_hour == doctest::Approx(1.25));
  CHECK(bases.owned == doctest::Approx(12.5 + 0.8));
  CHECK(prices_of("electricity: $0.10/kWh, owned: {capital: $1, life: 35040h}").owned.life_hours ==
        35040);
  const PriceBases unknown = bases_of(prices_of("owned: {capital: $35040, life: 4y}"));
  CHECK_FALSE(unknown.owned);
  CHECK(unknown.owned_missing == "give `prices.electricity`, which `owned` does not have in it");
}

TEST_CASE("owning may be one figure with everything in it") {
  const PriceSpec prices = prices_of("owned: $1.50/h");
  CHECK(prices.owned.source == "given in the file");
  CHECK(bases_of(prices).owned == doctest::Approx(15));
}

TEST_CASE("an owning cost of the catalogue names its source and the market's spread") {
  const PriceSpec all_in = prices_of("pue: 1.2");
  CHECK(all_in.owned.all_in_per_hour == 1.69);
  CHECK(all_in.owned.low_per_hour == 1.30);
  CHECK(all_in.owned.high_per_hour == 1.92);
  CHECK(all_in.owned.source.starts_with("catalogue, 2026-04-03: SemiAnalysisAI"));
  const PriceSpec parts = prices_of("electricity: $0.08/kWh");
  CHECK(parts.owned.all_in_per_hour == 0);
  CHECK(parts.owned.capital == 40625);
  const config::Loaded unknown = load_small({"cluster.gpu=l40s"});
  CHECK(unknown.scenario.prices.owned.missing ==
        "the catalogue has no owning cost of l40s: give `prices.owned`");
  const config::Loaded euro = load_small({"prices={gpu: €2/h}"});
  CHECK(euro.scenario.prices.owned.missing ==
        "the catalogue's owning cost is in USD, `prices` in EUR: give `prices.owned`");
}

TEST_CASE("all prices are in one currency") {
  CHECK(only_error(load_small({"prices={gpu: $2/h, owned: €1/h}"})) ==
        "`owned` is in EUR, `gpu` in USD");
  CHECK(only_error(load_small({"prices={gpu: $2/h, electricity: $1/kWh, "
                               "owned: {capital: €30000, life: 4y}}"})) ==
        "`capital` is in EUR, `gpu` in USD");
  CHECK(only_error(load_small({"prices={gpu: $2/h, owned: {capital: 30000, life: 4y}}"})) ==
        "`capital`: `30000` needs a currency");
  CHECK(only_error(load_small({"prices={gpu: $2/h, owned: {capital: $30000}}"})) ==
        "`life` is missing");
}

TEST_CASE("a price that no bill could hold is refused") {
  CHECK(load_small({"prices.gpu=$1000000/h"}).ok);
  const config::Loaded loaded =
      load_small({"prices.gpu=$1000000/h", "cluster.replicas=4", "cluster.tensor_parallel=2"});
  CHECK(only_error(loaded) ==
        "`prices.gpu` is too large for 8 GPUs: 100 days of a run would cost more than a bill can "
        "hold");
  CHECK(rendered(loaded).find("below $468750/h") != std::string::npos);
}

}  // namespace penstock
