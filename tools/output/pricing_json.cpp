#include <nlohmann/json.hpp>

#include "tools/output/pricing.h"

namespace penstock::output {
namespace {

using Json = nlohmann::ordered_json;
using Prices = std::array<std::optional<double>, token_type_count>;

Json missing(const std::string& path, const std::string& reason, Json& reasons) {
  reasons[path] = reason;
  return nullptr;
}

Json prices(const std::string& path, const Prices& values, const std::string& absent,
            Json& reasons) {
  Json section;
  for (std::size_t type = 0; type < token_type_count; ++type) {
    const std::string name = to_string(static_cast<TokenType>(type));
    section[name] = values[type]
                        ? Json(*values[type])
                        : missing(path + "." + name, "no " + name + " token " + absent, reasons);
  }
  return section;
}

Json share(const TariffShare& value) {
  return {{"requests", value.requests}, {"cost", value.bill}};
}

/// What is known of a fit, appended to `section`.
void add_fit(const std::string& path, const TariffFit& fit, const TariffLongest& longest,
             Json& section, Json& reasons) {
  section["r2"] =
      fit.r2 ? Json(*fit.r2) : missing(path + ".r2", "all requests cost the same", reasons);
  section["overcharged"] = share(fit.overcharged);
  section["undercharged"] = share(fit.undercharged);
  section["longest"] = {{"requests", longest.requests},
                        {"from_tokens", longest.from_tokens},
                        {"cost", longest.cost},
                        {"subsidy", longest.subsidy},
                        {"subsidy_share", longest.cost > 0 ? longest.subsidy / longest.cost : 0.0}};
}

}  // namespace

Json tariff_json(const RunOutput& run, Json& reasons) {
  const Tariff& tariff = *run.tariff;
  Json section;
  section["rule"] = to_string(tariff.rule);
  if (tariff.linear.is_fitted()) {
    section["recovers"] = tariff.bill;
    section["per_million"] =
        prices("tariff.per_million", tariff.linear.per_million, "was served", reasons);
    add_fit("tariff", tariff.linear, tariff.longest, section, reasons);
  } else {
    section["per_million"] = missing("tariff.per_million", tariff.linear.missing, reasons);
  }
  if (tariff.two_step) {
    const std::string path = "tariff.two_step";
    Json& steps = section["two_step"];
    steps["threshold_tokens"] = tariff.threshold;
    if (tariff.two_step->is_fitted()) {
      steps["per_million"] = prices(path + ".per_million", tariff.two_step->per_million,
                                    "was served below the threshold", reasons);
      steps["above"] = prices(path + ".above", tariff.two_step->above,
                              "was served above the threshold", reasons);
      add_fit(path, *tariff.two_step, tariff.two_step_longest, steps, reasons);
    } else {
      steps["per_million"] = missing(path + ".per_million", tariff.two_step->missing, reasons);
    }
  }
  return section;
}

Json margins_json(const RunOutput& run, Json& reasons) {
  Json list = Json::array();
  for (const Margin& margin : run.margins) {
    const config::ListPrice& price = margin.price;
    Json entry{{"name", price.name},        {"provider", price.provider}, {"model", price.model},
               {"source", price.source},    {"date", price.date},         {"note", price.note},
               {"currency", price.currency}};
    for (const config::ListPriceStep& step : price.steps) {
      entry["prices"].push_back(
          {{"above_tokens", step.above_tokens},
           {"input", step.input},
           {"cached_input", step.cached_input ? Json(*step.cached_input) : Json(nullptr)},
           {"output", step.output}});
    }
    const bool known = margin.missing.empty();
    Json revenue;
    Json cost;
    for (std::size_t type = 0; type < token_type_count; ++type) {
      const std::string name = to_string(static_cast<TokenType>(type));
      revenue[name] = known ? Json(margin.revenue[type]) : Json(nullptr);
      cost[name] = known ? Json(margin.cost[type]) : Json(nullptr);
    }
    revenue["total"] = known ? Json(margin.total_revenue) : Json(nullptr);
    cost["total"] = known ? Json(margin.total_cost) : Json(nullptr);
    entry["revenue"] = std::move(revenue);
    entry["cost"] = std::move(cost);
    entry["long_context_requests"] = margin.long_requests;
    const std::string path = "margins." + std::to_string(list.size()) + ".margin";
    entry["margin"] = known ? Json(margin.margin()) : missing(path, margin.missing, reasons);
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace penstock::output
