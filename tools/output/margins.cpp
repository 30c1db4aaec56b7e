#include "tools/output/margins.h"

#include <fmt/format.h>

namespace penstock::output {
namespace {

constexpr auto input = static_cast<std::size_t>(TokenType::input);
constexpr auto cached_input = static_cast<std::size_t>(TokenType::cached_input);
constexpr auto output = static_cast<std::size_t>(TokenType::output);

/// The step at which a prompt is billed.
std::size_t step_of(const config::ListPrice& price, std::int64_t prompt) {
  std::size_t step = 0;
  while (step + 1 < price.steps.size() && prompt > price.steps[step + 1].above_tokens) {
    ++step;
  }
  return step;
}

}  // namespace

Margin margin_at(const config::ListPrice& price, std::span<const TariffRequest> requests,
                 const Summary& summary, const std::string& currency) {
  Margin margin;
  margin.price = price;
  if (price.currency != currency) {
    margin.missing = fmt::format("the list price is in {}, the costs of this run are in {}",
                                 price.currency, currency);
    return margin;
  }
  // Tokens are summed first: whole numbers, whatever the order of requests.
  std::vector<std::array<std::int64_t, token_type_count>> tokens(price.steps.size());
  for (const TariffRequest& request : requests) {
    const std::size_t step = step_of(price, request.input + request.cached_input);
    tokens[step][input] += request.input;
    tokens[step][cached_input] += request.cached_input;
    tokens[step][output] += request.output;
    margin.long_requests += step > 0 ? 1 : 0;
  }
  for (std::size_t step = 0; step < price.steps.size(); ++step) {
    const config::ListPriceStep& at = price.steps[step];
    const std::array<double, token_type_count> rates{at.input, at.cached_input.value_or(at.input),
                                                     at.output};
    for (std::size_t type = 0; type < token_type_count; ++type) {
      margin.revenue[type] += rates[type] * static_cast<double>(tokens[step][type]) / 1e6;
    }
  }
  const std::array<std::int64_t, token_type_count> served{
      summary.tokens.input, summary.tokens.cached_input, summary.tokens.output};
  for (std::size_t type = 0; type < token_type_count; ++type) {
    margin.cost[type] = summary.bill.per_million.by_type[type].value_or(0) *
                        static_cast<double>(served[type]) / 1e6;
    margin.total_revenue += margin.revenue[type];
  }
  margin.total_cost = summary.bill.total;
  if (margin.total_revenue <= 0) {
    margin.missing = "nothing was served that has a list price above 0";
  }
  return margin;
}

}  // namespace penstock::output
