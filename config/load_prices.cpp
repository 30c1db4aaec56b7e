#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "config/load_parts.h"
#include "config/text.h"

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
  const std::string missing =
      prices.has("gpu") ? fmt::format("has no {}", gpu) : std::string("is not given");
  Diagnostic& d = context.reporter.warning(
      prices.has("gpu") ? prices.span("gpu") : span,
      fmt::format("`prices.gpu` {}: {} of the catalogue ({}) is used", missing,
                  price_text(price->usd_per_hour, price->currency), price->date));
  if (price->high > price->low) {
    d.notes.push_back(fmt::format("{} offers from {} to {}", price->offers,
                                  price_text(price->low, price->currency),
                                  price_text(price->high, price->currency)));
  }
  d.notes.push_back("source: " + price->source);
}

CostRule rule_of(std::string_view name) {
  return name == "cause"         ? CostRule::cause
         : name == "occupancy"   ? CostRule::occupancy
         : name == "flops"       ? CostRule::flops
         : name == "output_only" ? CostRule::output_only
         : name == "blended"     ? CostRule::blended
                                 : CostRule::phase;
}

/// A bill is held in 64 bits of nano-dollars, and no run lasts longer than SimTime::max().
void check_size(const LoadContext& context, const Scenario& scenario) {
  constexpr double most = 9e9;
  constexpr double most_hours = 2400;
  const ClusterSpec& cluster = scenario.cluster;
  const double gpus = static_cast<double>(cluster.replicas) * cluster.gpus_per_replica();
  const double per_gpu = most / (gpus * most_hours);
  if (scenario.prices.gpu_per_hour >= per_gpu) {
    context.reporter.error(
        context.root.section("prices").span("gpu"),
        fmt::format("`prices.gpu` is too large for {:.0f} GPUs: 100 days of a run would cost more "
                    "than a bill can hold",
                    gpus),
        fmt::format("below {}",
                    price_text(std::floor(per_gpu * 100) / 100, scenario.prices.currency)));
  }
}

}  // namespace

std::vector<std::pair<std::string, Quantity>> read_gpu_prices(const LoadContext& context) {
  std::vector<std::pair<std::string, Quantity>> prices;
  const Section section = context.root.section("prices").section("gpu");
  if (section.is_given() && section.members().empty()) {
    context.reporter.error(section.span(), "`prices.gpu` is empty", "such as {h100-sxm: $2.50/h}");
  }
  for (const Member& member : section.members()) {
    const auto name =
        context.catalog.resolve(CatalogKind::gpus, member.key, member.key_span, context.reporter);
    const auto price = section.quantity(member.key);
    if (!name || !price) {
      continue;
    }
    if (std::any_of(prices.begin(), prices.end(),
                    [&](const auto& p) { return p.first == *name; })) {
      context.reporter.error(member.key_span,
                             fmt::format("the price of {} is given already", *name));
    } else if (!prices.empty() && price->currency != prices.front().second.currency) {
      context.reporter.error(member.value.span,
                             fmt::format("this price is in {}, that of {} in {}", price->currency,
                                         prices.front().first, prices.front().second.currency),
                             "currencies are not converted");
    } else {
      prices.emplace_back(*name, *price);
    }
  }
  return prices;
}

void load_prices(const LoadContext& context, bool gpu_is_known, Scenario& scenario) {
  const Section section = context.root.section("prices");
  PriceSpec& spec = scenario.prices;
  const Section cost = context.root.section("cost");
  spec.rule = rule_of(cost.choice("rule").value_or("phase"));
  if (spec.rule == CostRule::flops && scenario.step_model.kind == StepModelSpec::Kind::constant) {
    context.reporter.error(cost.span("rule"), "a constant `step_model` knows no FLOP",
                           "such as rule: phase");
  }
  std::optional<Quantity> rent = section.quantity("gpu");
  const Section map = section.section("gpu");
  const auto rents = read_gpu_prices(context);
  for (const auto& [gpu, price] : rents) {
    spec.currency = price.currency;
    if (gpu_is_known && gpu == scenario.cluster.gpu.name) {
      rent = price;
    }
  }
  if (rent) {
    spec.gpu_per_hour = rent->value;
    spec.currency = rent->currency;
    spec.source = "given in the file";
  } else if (gpu_is_known &&
             (!section.has("gpu") || (map.is_given() && rents.size() == map.members().size()))) {
    take_catalogue_price(context, scenario);
  }
  check_size(context, scenario);
  load_electricity(context, spec);
  if (gpu_is_known) {
    load_owned(context, scenario);
  }
}

}  // namespace penstock::config
