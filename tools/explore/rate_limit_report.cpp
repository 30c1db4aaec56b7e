#include "tools/explore/rate_limit_report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/output/text.h"

namespace penstock::explore {
namespace {

using Json = nlohmann::ordered_json;
using output::figure;
using output::printable;

double total_rate(const Scenario& scenario) {
  double total = 0;
  for (const ClassSpec& one : scenario.workload.classes) {
    total += one.rate;
  }
  return total;
}

}  // namespace

std::string rate_limit_text(const Scenario& scenario, const RateLimit& limit) {
  const ClusterSpec& cluster = scenario.cluster;
  std::string text =
      fmt::format("{} {} · {} × {} {} ({})\n", printable(scenario.model_name),
                  to_string(scenario.weights), cluster.replicas, cluster.gpus_per_replica(),
                  cluster.gpu.name, output::parallel_text(cluster));
  if (limit.factor == 0) {
    text += fmt::format(" not even {} of the file's rate is borne\n", figure(1 / most_factor));
  } else {
    text += fmt::format(" bears {} × the file's traffic", figure(limit.factor));
    for (const ClassSpec& one : scenario.workload.classes) {
      if (one.rate > 0) {
        text += fmt::format(" · {} {}/s", printable(one.name), figure(one.rate * limit.factor));
      }
    }
    text += "\n";
  }
  if (limit.breaks) {
    const LimitLine& line = *limit.breaks;
    text += fmt::format(" beyond it    {} {:.2f} % good (want {}): {} {} {} of {} ms\n",
                        printable(line.class_name), std::floor(1e4 * line.attainment) / 100,
                        output::percent(line.attainment_wanted), line.metric,
                        output::quantile_name(line.attainment_wanted), figure(line.value_ms),
                        figure(line.limit_ms));
  } else {
    text += fmt::format(" nothing breaks up to {} × the file's rate\n", figure(limit.factor));
  }
  if (limit.is_ragged) {
    text += " a lower rate misses a limit that a higher one keeps: the lower one counts\n";
  }
  return text;
}

nlohmann::ordered_json rate_limit_json(const Scenario& scenario, const RateLimit& limit) {
  Json reasons = Json::object();
  Json classes = Json::object();
  for (const ClassSpec& one : scenario.workload.classes) {
    classes[one.name] = one.rate > 0 ? Json(one.rate * limit.factor) : Json(nullptr);
    if (one.rate <= 0) {
      reasons["rate.by_class." + one.name] = "the class has no rate of its own: `rate.factor`";
    }
  }
  Json breaks = nullptr;
  if (limit.breaks) {
    breaks = {{"class", limit.breaks->class_name},
              {"metric", limit.breaks->metric},
              {"value", limit.breaks->value_ms},
              {"limit", limit.breaks->limit_ms},
              {"unit", "ms"},
              {"attainment", limit.breaks->attainment}};
  } else {
    reasons["breaks"] = "nothing breaks up to the highest rate tried";
  }
  return {{"schema_version", 1},
          {"rate",
           {{"factor", limit.factor},
            {"requests_per_s", total_rate(scenario) * limit.factor},
            {"by_class", std::move(classes)},
            {"relative_precision", rate_precision},
            {"ragged", limit.is_ragged}}},
          {"breaks", std::move(breaks)},
          {"search", {{"simulations", limit.simulations}}},
          {"reasons", std::move(reasons)}};
}

}  // namespace penstock::explore
