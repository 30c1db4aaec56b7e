#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "config/list_price.h"
#include "sim/metrics/summary.h"
#include "tools/output/tariff.h"

namespace penstock::output {

/// What the traffic of a run would bring at a list price, beside what it cost. A list price belongs
/// to its provider's model and hardware: this says how far the two are apart, not what the provider
/// earns.
struct Margin {
  config::ListPrice price;
  std::array<double, token_type_count> revenue{};
  std::array<double, token_type_count> cost{};  ///< fully loaded, leading rule
  double total_revenue = 0;
  double total_cost = 0;
  std::int64_t long_requests = 0;  ///< billed at a long-context step
  std::string missing;             ///< not empty: the two cannot be compared, and why

  /// The share of the revenue that is left; requires revenue above 0.
  double margin() const { return (total_revenue - total_cost) / total_revenue; }
};

/// Bills `requests` (those of tariff_requests()) at a list price. The whole request is billed at
/// the highest step that its prompt is above; cached input without a price of its own as input.
Margin margin_at(const config::ListPrice& price, std::span<const TariffRequest> requests,
                 const Summary& summary, const std::string& currency);

}  // namespace penstock::output
