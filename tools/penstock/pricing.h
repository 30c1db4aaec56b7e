#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/list_price.h"
#include "config/load.h"
#include "tools/output/run_output.h"
#include "tools/penstock/options.h"

/// `run --tariff` and `run --margin`.
namespace penstock::cli {

inline constexpr Option tariff_option{
    "tariff", 0, {}, "prices per token that fit the cost of each request best"};
inline constexpr Option tariff_threshold_option{"tariff-threshold", 0, "TOKENS",
                                                "and prices of their own for longer prompts: 200k"};
inline constexpr Option margin_option{
    "margin", 0, "NAME", "revenue at a list price: NAME, `model` (all of this model) or `all`",
    true};

/// What the command line asks for.
struct PricingRequest {
  bool tariff = false;
  std::optional<std::int64_t> threshold;
  std::vector<std::string> margins;
};

/// Throws UsageError.
PricingRequest pricing_request(const ParsedOptions& options);

struct ListPrices {
  std::vector<config::ListPrice>
      prices;  ///< each once, by name where `model` or `all` is asked for
  Diagnostics diagnostics;
};

/// Reads the list prices that are asked for; an unknown name is an error.
ListPrices list_prices_for(const PricingRequest& request, const Scenario& scenario,
                           const config::LoadOptions& load);

/// Adds what was asked for to the output of a run.
void add_pricing(const PricingRequest& request, const std::vector<config::ListPrice>& prices,
                 output::RunOutput& run);

}  // namespace penstock::cli
