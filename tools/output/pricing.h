#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/output/run_output.h"

/// How tariffs and margins look in what Penstock prints.
namespace penstock::output {

struct PricingLine {
  std::string label;  ///< empty: goes on from the line above
  std::string text;
};

/// What `--tariff` and `--margin` add to the screen; empty without them.
std::vector<PricingLine> pricing_lines(const RunOutput& run);

/// `tariff` and `margins` of summary.json. Why values are missing goes to `reasons`. Requires:
/// run.tariff.
nlohmann::ordered_json tariff_json(const RunOutput& run, nlohmann::ordered_json& reasons);
nlohmann::ordered_json margins_json(const RunOutput& run, nlohmann::ordered_json& reasons);

}  // namespace penstock::output
