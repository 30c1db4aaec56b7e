#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace penstock::config {

/// What a provider asks per million tokens of requests whose prompt is longer than `above_tokens`;
/// the whole request is billed at the highest step that it reaches.
struct ListPriceStep {
  std::int64_t above_tokens = 0;
  double input = 0;
  std::optional<double> cached_input;  ///< none: as input
  double output = 0;
};

/// A file of catalog/list-prices: a model as one provider sells it. The price belongs to that
/// provider's model and hardware.
struct ListPrice {
  std::string name;
  std::string provider;
  std::string model;                 ///< as the provider calls it
  std::vector<std::string> serves;   ///< models of the catalogue that this offer is
  std::string currency;              ///< of all its prices
  std::vector<ListPriceStep> steps;  ///< ascending, the first above 0 tokens; never empty
  std::string source;
  std::string date;
  std::string note;
};

}  // namespace penstock::config
