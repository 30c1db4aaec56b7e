#include <fmt/format.h>

#include "tools/output/lines.h"
#include "tools/output/pricing.h"
#include "tools/output/text.h"

namespace penstock::output {
namespace {

constexpr std::array<const char*, token_type_count> type_names{"input", "cached input", "output"};
using Prices = std::array<std::optional<double>, token_type_count>;

/// "$0.15/M input + $1.69/M output".
std::string prices_text(const Prices& prices, const std::string& currency) {
  std::vector<std::string> parts;
  for (std::size_t type = 0; type < token_type_count; ++type) {
    if (prices[type]) {
      parts.push_back(fmt::format("{}/M {}", money(*prices[type], currency), type_names[type]));
    }
  }
  return join(parts, " + ");
}

std::string r2_text(const TariffFit& fit) {
  return fit.r2 ? fmt::format("R² {:.3f}", *fit.r2)
                : std::string("R² has no meaning: all requests cost the same");
}

std::string share_text(const char* what, const TariffShare& share) {
  return share.requests > 0 ? fmt::format("{} {} of requests ({} of the bill)", what,
                                          percent(share.requests), percent(share.bill))
                            : fmt::format("{} none", what);
}

std::string longest_text(const TariffLongest& group, const std::string& currency) {
  const double part = group.cost > 0 ? group.subsidy / group.cost : 0;
  const std::string who =
      fmt::format("the {} longest contexts ({}+ tokens) cost {}: ", group_digits(group.requests),
                  group_digits(group.from_tokens), money(group.cost, currency));
  if (group.subsidy >= 0) {
    return who +
           fmt::format("subsidised by {} ({})", money(group.subsidy, currency), percent(part));
  }
  return who +
         fmt::format("they pay {} ({}) more", money(-group.subsidy, currency), percent(-part));
}

void add_fit(const TariffFit& fit, const TariffLongest& longest, const std::string& currency,
             std::vector<PricingLine>& lines) {
  lines.push_back({"  off by > 2 ×", share_text("overcharged:", fit.overcharged) + " · " +
                                         share_text("undercharged:", fit.undercharged)});
  lines.push_back({"  longest 1 %", longest_text(longest, currency)});
}

void add_tariff(const Tariff& tariff, const std::string& currency,
                std::vector<PricingLine>& lines) {
  if (!tariff.linear.is_fitted()) {
    lines.push_back({"tariff", "none fitted: " + tariff.linear.missing});
  } else {
    lines.push_back({"tariff", fmt::format("{} recovers {} · {}",
                                           prices_text(tariff.linear.per_million, currency),
                                           money(tariff.bill, currency), r2_text(tariff.linear))});
    add_fit(tariff.linear, tariff.longest, currency, lines);
  }
  if (tariff.two_step) {
    const std::string threshold = group_digits(tariff.threshold);
    if (!tariff.two_step->is_fitted()) {
      lines.push_back({"tariff, 2 steps", "none fitted: " + tariff.two_step->missing});
    } else {
      lines.push_back(
          {"tariff, 2 steps",
           fmt::format("prompts to {} tokens: {} · above: {} · {}", threshold,
                       prices_text(tariff.two_step->per_million, currency),
                       prices_text(tariff.two_step->above, currency), r2_text(*tariff.two_step))});
      add_fit(*tariff.two_step, tariff.two_step_longest, currency, lines);
    }
  }
  if (!tariff.linear.is_fitted() && !(tariff.two_step && tariff.two_step->is_fitted())) {
    return;
  }
  lines.push_back({"  meaning",
                   fmt::format("prices per token that follow the cost of each request (rule {}) as "
                               "closely as such prices can",
                               to_string(tariff.rule))});
}

std::string list_text(const config::ListPrice& price) {
  const config::ListPriceStep& at = price.steps.front();
  std::string text = fmt::format("{} in", money(at.input, price.currency));
  if (at.cached_input) {
    text += fmt::format(", {} cached", money(*at.cached_input, price.currency));
  }
  return text + fmt::format(", {} out per M", money(at.output, price.currency));
}

std::string margin_text(const Margin& margin) {
  const config::ListPrice& price = margin.price;
  const std::string head =
      fmt::format("{} ({}; {}): ", printable(price.name), list_text(price), printable(price.date));
  if (!margin.missing.empty()) {
    return head + "no comparison: " + margin.missing;
  }
  std::vector<std::string> parts;
  for (std::size_t type = 0; type < token_type_count; ++type) {
    if (margin.cost[type] > 0) {
      parts.push_back(fmt::format("{} {} ×", type_names[type],
                                  figure(margin.revenue[type] / margin.cost[type])));
    }
  }
  if (margin.total_cost > 0) {
    parts.insert(parts.begin(),
                 fmt::format("{} = {} × cost", money(margin.total_revenue, price.currency),
                             figure(margin.total_revenue / margin.total_cost)));
  }
  const double left = margin.margin();
  parts.push_back(left >= 0 ? fmt::format("margin {}", percent(left))
                            : fmt::format("loss {} of revenue", percent(-left)));
  if (margin.long_requests > 0) {
    parts.push_back(
        fmt::format("{} requests at long-context prices", group_digits(margin.long_requests)));
  }
  return head + join(parts, " · ");
}

}  // namespace

std::vector<PricingLine> pricing_lines(const RunOutput& run) {
  std::vector<PricingLine> lines;
  if (run.tariff) {
    add_tariff(*run.tariff, run.scenario.prices.currency, lines);
  }
  for (std::size_t i = 0; i < run.margins.size(); ++i) {
    lines.push_back({i == 0 ? "at list price" : "", margin_text(run.margins[i])});
  }
  if (!run.margins.empty()) {
    lines.push_back({"  meaning",
                     "this run's traffic at that price, over this run's cost; a list price belongs "
                     "to its provider's model and hardware"});
  }
  return lines;
}

}  // namespace penstock::output
