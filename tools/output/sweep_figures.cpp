#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tools/output/sweep_output.h"
#include "tools/output/text.h"

namespace penstock::output {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<const char*, sweep_figure_count> pointers{
    "/throughput/requests_per_s",
    "/throughput/output_tokens_per_s",
    "/ttft_ms/p50",
    "/ttft_ms/p99",
    "/tpot_ms/p50",
    "/tpot_ms/p99",
    "/e2e_ms/p50",
    "/slo/attainment",
    "/utilization/kv_peak",
    "/cost/per_million/input",
    "/cost/per_million/cached_input",
    "/cost/per_million/output",
    "/cost/per_million/blended",
};

/// The last `parts` parts of a dotted path.
std::string tail_of(const std::string& path, std::size_t parts) {
  std::size_t at = path.size();
  for (; parts > 0 && at != std::string::npos && at != 0; --parts) {
    at = path.rfind('.', at - 1);
  }
  return at == std::string::npos ? path : path.substr(at + 1);
}

}  // namespace

SweepFigures sweep_figures(const std::string& json) {
  SweepFigures figures{};
  const Json root = Json::parse(json, nullptr, false);
  for (std::size_t i = 0; i < sweep_figure_count; ++i) {
    const Json::json_pointer pointer(pointers[i]);
    if (root.is_object() && root.contains(pointer) && root.at(pointer).is_number()) {
      figures[i] = root.at(pointer).get<double>();
    }
  }
  return figures;
}

std::optional<bool> sweep_meets_slo(const std::string& json) {
  const Json root = Json::parse(json, nullptr, false);
  const Json::json_pointer pointer("/slo/by_class");
  std::optional<bool> met;
  if (!root.is_object() || !root.contains(pointer)) {
    return met;
  }
  for (const Json& verdict : root.at(pointer)) {
    if (verdict.is_object() && verdict.contains("met")) {
      met = met.value_or(true) && verdict["met"].is_boolean() && verdict["met"].get<bool>();
    }
  }
  return met;
}

std::vector<std::string> short_names(const std::vector<std::string>& paths) {
  std::vector<std::string> names = paths;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const auto parts = static_cast<std::size_t>(std::count(paths[i].begin(), paths[i].end(), '.'));
    for (std::size_t n = 1; n <= parts; ++n) {
      const std::string name = tail_of(paths[i], n);
      const auto clashes = [&](const std::string& other) {
        return &other != &paths[i] && tail_of(other, n) == name;
      };
      if (std::none_of(paths.begin(), paths.end(), clashes)) {
        names[i] = name;
        break;
      }
    }
  }
  return names;
}

std::string values_text(const SweepOutput& sweep, const SweepPoint& point) {
  const std::vector<std::string> names = short_names(sweep.paths);
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text +=
        fmt::format("{}{} {}", i > 0 ? ", " : "", printable(names[i]), printable(point.values[i]));
  }
  return text;
}

}  // namespace penstock::output
