#include "tools/penstock/pricing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "config/catalog.h"
#include "config/quantity.h"
#include "config/text.h"

namespace penstock::cli {
namespace {

using config::Catalog;
using config::CatalogKind;
using config::ListPrice;

void add(std::optional<ListPrice> price, std::vector<ListPrice>& prices) {
  const auto is_same = [&](const ListPrice& known) { return known.name == price->name; };
  if (price && std::none_of(prices.begin(), prices.end(), is_same)) {
    prices.push_back(std::move(*price));
  }
}

/// All list prices, or those of one model (a name of the catalogue).
void add_all(const Catalog& catalog, const std::string& model, std::vector<ListPrice>& prices,
             config::Reporter& reporter) {
  const std::size_t before = prices.size();
  for (const Catalog::Entry& entry : catalog.list(CatalogKind::list_prices)) {
    std::optional<ListPrice> price = catalog.list_price(entry.name, {}, reporter);
    if (price && (model.empty() || std::find(price->serves.begin(), price->serves.end(), model) !=
                                       price->serves.end())) {
      add(std::move(price), prices);
    }
  }
  if (!model.empty() && prices.size() == before) {
    Diagnostic& d = reporter.error(
        {}, fmt::format("the catalogue has no list price of {}", config::excerpt(model)));
    d.notes.emplace_back(
        "`penstock catalog list-prices` lists what there is: take one with --margin NAME");
  }
}

}  // namespace

PricingRequest pricing_request(const ParsedOptions& options) {
  PricingRequest request;
  request.tariff = options.has("tariff");
  request.margins = options.values("margin");
  if (const std::optional<std::string> text = options.value("tariff-threshold")) {
    if (!request.tariff) {
      throw UsageError("--tariff-threshold means nothing without --tariff");
    }
    const config::Quantity tokens = config::parse_quantity(*text, config::Unit::amount);
    if (!tokens.ok() || tokens.value < 1 || tokens.value > 1e9 ||
        tokens.value != std::floor(tokens.value)) {
      throw UsageError(fmt::format("--tariff-threshold takes a number of tokens, not `{}`",
                                   config::excerpt(*text)),
                       "such as 200k or 32768");
    }
    request.threshold = static_cast<std::int64_t>(tokens.value);
  }
  return request;
}

ListPrices list_prices_for(const PricingRequest& request, const Scenario& scenario,
                           const config::LoadOptions& load) {
  ListPrices found;
  if (request.margins.empty()) {
    return found;
  }
  config::Reporter ignored;  // the folder was read, and complained of, with the workload file
  const Catalog catalog(load.catalog_dir, ignored);
  config::Reporter reporter;
  for (const std::string& name : request.margins) {
    if (name == "all") {
      add_all(catalog, "", found.prices, reporter);
    } else if (name == "model") {
      add_all(catalog, scenario.model_name, found.prices, reporter);
    } else {
      std::optional<ListPrice> price = catalog.list_price(name, {}, reporter);
      if (price) {
        add(std::move(price), found.prices);
      }
    }
  }
  found.diagnostics = reporter.take();
  return found;
}

void add_pricing(const PricingRequest& request, const std::vector<ListPrice>& prices,
                 output::RunOutput& run) {
  if (!request.tariff && prices.empty()) {
    return;
  }
  const std::vector<output::TariffRequest> requests =
      output::tariff_requests(run.summary.bill, run.result);
  if (request.tariff) {
    run.tariff = output::fit_tariff(requests, request.threshold);
    run.tariff->rule = run.summary.bill.rule;
    run.tariff->bill = run.summary.bill.total;
  }
  for (const ListPrice& price : prices) {
    run.margins.push_back(
        output::margin_at(price, requests, run.summary, run.scenario.prices.currency));
  }
}

}  // namespace penstock::cli
