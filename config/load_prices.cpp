#include <fmt/format.h>

#include "config/load_parts.h"

namespace penstock::config {

namespace {

std::string price_text(double per_hour, const std::string& currency) {
  return quantity_text(per_hour, Unit::money_per_hour, currency);
}

void take_catalogue_price(const LoadContext& context, Scenario& scenario) {
  const std::string& gpu = scenario.cluster.gpu.name;
  const Section prices = context.root.section("prices");
  const Span span = prices.is_given() ? prices.span() : context.root.section("cluster").span("gpu");
  const auto price = context.catalog.price(gpu, context.reporter);
  if (!price) {
    Diagnostic& d = context.reporter.error(
        span, fmt::format("no price is known for {}: give `prices.gpu`", gpu),
        "such as prices: {gpu: $2.50/h}");
    d.notes.emplace_back("`penstock catalog prices` lists what is known");
    return;
  }
  PriceSpec& spec = scenario.prices;
  spec.currency = price->currency;
  spec.gpu_per_hour = price->usd_per_hour;
  spec.low_per_hour = price->low;
  spec.high_per_hour = price->high;
  spec.source = fmt::format("catalogue, {}: {}", price->date, price->source);
  Diagnostic& d = context.reporter.warning(
      span, fmt::format("`prices.gpu` is not given: {} of the catalogue ({}) is used",
                        price_text(price->usd_per_hour, price->currency), price->date));
  if (price->high > 0) {
    d.notes.push_back(fmt::format("{} offers from {} to {}", price->offers,
                                  price_text(price->low, price->currency),
                                  price_text(price->high, price->currency)));
  }
  d.notes.push_back("source: " + price->source);
}

CostRule rule_of(std::string_view name) {
  return name == "cause"         ? CostRule::cause
         : name == "output_only" ? CostRule::output_only
         : name == "blended"     ? CostRule::blended
                                 : CostRule::phase;
}

}  // namespace

void load_prices(const LoadContext& context, bool gpu_is_known, Scenario& scenario) {
  const Section section = context.root.section("prices");
  PriceSpec& spec = scenario.prices;
  spec.rule = rule_of(context.root.section("cost").choice("rule").value_or("phase"));
  spec.pue = section.number("pue").value_or(1);
  if (const auto rent = section.quantity("gpu")) {
    spec.gpu_per_hour = rent->value;
    spec.currency = rent->currency;
    spec.source = "given in the file";
  } else if (!section.has("gpu") && gpu_is_known) {
    take_catalogue_price(context, scenario);
  }
  if (const auto electricity = section.quantity("electricity")) {
    spec.electricity_per_kwh = electricity->value;
    context.reporter.note("prices.electricity has no effect yet: this version bills rent alone");
    if (electricity->currency != spec.currency) {
      context.reporter.error(
          section.span("electricity"),
          fmt::format("`electricity` is in {}, `gpu` in {}", electricity->currency, spec.currency),
          "currencies are not converted");
    }
  }
}

}  // namespace penstock::config
