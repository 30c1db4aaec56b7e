#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/cost/bill.h"
#include "sim/result.h"

namespace penstock::output {

/// One request as a tariff sees it.
struct TariffRequest {
  std::int64_t input = 0;  ///< prompt tokens computed
  std::int64_t cached_input = 0;
  std::int64_t output = 0;
  double cost = 0;  ///< fully loaded, leading rule
};

/// A share of requests, and the share of the bill that they cause.
struct TariffShare {
  double requests = 0;
  double bill = 0;
};

/// Prices of one kind of tariff, and how well they follow the cost of requests.
struct TariffFit {
  /// Per million tokens, by token type; absent where no such token was served.
  std::array<std::optional<double>, token_type_count> per_million;
  /// Two steps: prices of requests above the threshold; cached input has one price for both.
  std::array<std::optional<double>, token_type_count> above;
  std::optional<double> r2;  ///< absent if all requests cost the same
  TariffShare overcharged;   ///< pay more than twice their cost
  TariffShare undercharged;  ///< pay less than half of it
  std::string missing;       ///< not empty: there is no fit, and why
  bool is_fitted() const { return missing.empty(); }
};

/// The requests with the longest contexts (prompt and output), and what they do not pay.
struct TariffLongest {
  std::int64_t requests = 0;
  std::int64_t from_tokens = 0;  ///< the shortest context among them
  double cost = 0;
  double subsidy = 0;  ///< cost - what the tariff charges; below 0: they pay for others
};

struct Tariff {
  CostRule rule = CostRule::phase;
  double bill = 0;  ///< what the tariff recovers
  TariffFit linear;
  TariffLongest longest;  ///< under the linear tariff
  std::int64_t threshold = 0;
  std::optional<TariffFit> two_step;  ///< where a threshold was given
  TariffLongest two_step_longest;
};

/// The tariff a·input + b·cached + c·output, a, b, c >= 0, with the least squares of its error per
/// request, then scaled to recover what the requests cost; cost.md §6. With a threshold also the
/// one that has prices of its own for input and output of requests with a prompt above it. The sums
/// are exact: the order of requests does not matter.
Tariff fit_tariff(std::span<const TariffRequest> requests,
                  std::optional<std::int64_t> threshold = {});

/// What requests of a run cost, with the tokens that they were served. Those that cost nothing
/// (rejected, never scheduled) are left out.
std::vector<TariffRequest> tariff_requests(const Bill& bill, const Result& result);

}  // namespace penstock::output
