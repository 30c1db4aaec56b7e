#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/explore/plan_report.h"
#include "tools/output/confidence.h"

namespace penstock::explore {
namespace {

using Json = nlohmann::ordered_json;

Json maybe(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

/// In whole millionths: a product of prices should not end in ...0000001.
double monthly(double usd_per_hour) {
  return std::round(usd_per_hour * hours_per_month * 1e6) / 1e6;
}

Json per_million(const PerMillion& cost) {
  return {{"input", maybe(cost.by_type[0])},
          {"cached_input", maybe(cost.by_type[1])},
          {"output", maybe(cost.by_type[2])},
          {"blended", maybe(cost.blended)}};
}

Json utilization(const UtilizationSummary& use) {
  return {{"busy", use.busy},
          {"mfu", maybe(use.mfu)},
          {"mbu", maybe(use.mbu)},
          {"kv_mean", use.kv_mean},
          {"kv_peak", use.kv_peak},
          {"batch_mean", use.batch_mean},
          {"batch_peak", use.batch_peak}};
}

Json limit(const LimitLine& line) {
  return {{"class", line.class_name},
          {"metric", line.metric},
          {"value", line.value_ms},
          {"limit", line.limit_ms},
          {"unit", "ms"},
          {"quantile", line.attainment_wanted},
          {"relative_error", line.error > 0 ? Json(line.error) : Json(nullptr)},
          {"requests", line.requests},
          {"attainment", line.attainment},
          {"met", line.met}};
}

Json shape(const PlanOutput& output, const Pool& pool) {
  const Shape& one = output.space.shapes[pool.shape];
  const Scenario& scenario = one.scenario;
  return {{"gpu", one.gpu},
          {"tensor_parallel", one.tensor_parallel},
          {"replicas", pool.replicas},
          {"gpus", std::int64_t{one.tensor_parallel} * pool.replicas},
          {"usd_per_hour", one.usd_per_hour() * pool.replicas},
          {"weights", to_string(scenario.weights)},
          {"kv_cache", to_string(scenario.kv_cache)},
          {"max_num_seqs", scenario.engine.max_num_seqs},
          {"max_num_batched_tokens", scenario.engine.max_num_batched_tokens},
          {"measured", one.is_measured()}};
}

Json pool(const PlanOutput& output, const PlannedPool& planned) {
  Json out = shape(output, planned.pool);
  out["classes"] = Json::array();
  for (const ClassSpec& one : planned.scenario.workload.classes) {
    out["classes"].push_back(one.name);
  }
  out["per_million"] = per_million(planned.run.summary.bill.per_million);
  out["utilization"] = utilization(planned.run.summary.utilization);
  out["limits"] = Json::array();
  for (const LimitLine& line : planned.limits) {
    out["limits"].push_back(limit(line));
  }
  out["headroom"] = planned.rate_limit ? Json(planned.rate_limit->factor - 1) : Json(nullptr);
  out["headroom_ends_with"] = planned.rate_limit && planned.rate_limit->breaks
                                  ? limit(*planned.rate_limit->breaks)
                                  : Json(nullptr);
  const output::Confidence confidence =
      output::assess_confidence(planned.scenario, planned.run.result);
  out["confidence"] = {{"label", confidence.label}, {"extrapolated", confidence.extrapolated}};
  out["other_seeds"] = {{"tried", planned.seeds}, {"held", planned.seeds_held}};
  if (planned.at_mean) {
    out["at_mean"] = {{"per_million", per_million(planned.at_mean->summary.bill.per_million)},
                      {"utilization", utilization(planned.at_mean->summary.utilization)}};
  } else {
    out["at_mean"] = nullptr;
  }
  return out;
}

/// One pool as the plan itself; several as sums, with nulls where a sum says nothing.
Json plan_of(const PlanOutput& output) {
  const Plan& plan = output.plan;
  const bool single = plan.pools.size() == 1;
  Json pools = Json::array();
  for (const PlannedPool& planned : plan.pools) {
    pools.push_back(pool(output, planned));
  }
  Json out;
  for (const char* key : {"gpu", "tensor_parallel", "replicas"}) {
    out[key] = single ? pools[0][key] : Json(nullptr);
  }
  out["gpus"] = plan.gpus;
  out["currency"] = plan.pools.front().scenario.prices.currency;
  out["usd_per_hour"] = plan.usd_per_hour;
  out["usd_per_month"] = monthly(plan.usd_per_hour);
  out["per_million"] = per_million(per_million_of(plan, false));
  for (const char* key :
       {"utilization", "headroom", "headroom_ends_with", "other_seeds", "at_mean", "weights",
        "kv_cache", "max_num_seqs", "max_num_batched_tokens", "limits", "confidence"}) {
    out[key] = single ? pools[0][key] : Json(nullptr);
  }
  out["rate_factor"] = output.space.rate_factor;
  out["pools"] = std::move(pools);
  return out;
}

/// Of the pool that is the plan, or of each of several.
Json why_not_fewer(const Plan& plan) {
  Json all = Json::array();
  for (const PlannedPool& planned : plan.pools) {
    Json one{{"replicas", planned.pool.replicas - 1}};
    if (planned.why_not_fewer) {
      one.update(limit(*planned.why_not_fewer));
    } else {
      one["reason"] = "one replica is the least that serves";
    }
    all.push_back(std::move(one));
  }
  return all.size() == 1 ? all[0] : all;
}

Json alternatives(const PlanOutput& output) {
  Json out = Json::array();
  const auto add = [&](const Pool& pool) {
    Json one = shape(output, pool);
    one["usd_per_month"] = monthly(one["usd_per_hour"].get<double>());
    one["relative_cost"] = one["usd_per_hour"].get<double>() / output.plan.usd_per_hour;
    out.push_back(std::move(one));
  };
  for (const Pool& pool : output.plan.runners_up) {
    add(pool);
  }
  return out;
}

}  // namespace

PerMillion per_million_of(const Plan& plan, bool at_mean) {
  PerMillion out;
  std::array<double, token_type_count> cost{};
  std::array<double, token_type_count> tokens{};
  double bill = 0;
  double all = 0;
  for (const PlannedPool& planned : plan.pools) {
    const Summary& summary =
        at_mean && planned.at_mean ? planned.at_mean->summary : planned.run.summary;
    if (plan.pools.size() == 1) {
      return summary.bill.per_million;
    }
    const std::array<std::int64_t, token_type_count> counts{
        summary.tokens.input, summary.tokens.cached_input, summary.tokens.output};
    for (std::size_t t = 0; t < counts.size(); ++t) {
      const auto count = static_cast<double>(counts[t]);
      cost[t] += summary.bill.per_million.by_type[t].value_or(0) * count;
      tokens[t] += count;
      all += count;
    }
    bill += summary.bill.total * 1e6;
  }
  for (std::size_t t = 0; t < cost.size(); ++t) {
    out.by_type[t] = tokens[t] > 0 ? std::optional(cost[t] / tokens[t]) : std::nullopt;
  }
  out.blended = all > 0 ? std::optional(bill / all) : std::nullopt;
  return out;
}

nlohmann::ordered_json plan_json(const PlanOutput& output) {
  const Plan& plan = output.plan;
  Json root;
  root["schema_version"] = 1;
  root["plan"] = plan.pools.empty() ? Json(nullptr) : plan_of(output);
  root["why_not_fewer"] = plan.pools.empty() ? Json(nullptr) : why_not_fewer(plan);
  root["alternatives"] = alternatives(output);
  root["cheapest_single_pool"] = plan.single ? shape(output, *plan.single) : Json(nullptr);
  root["refused"] = Json::array();
  for (const RefusedShape& refused : output.space.refused) {
    root["refused"].push_back({{"shape", refused.title}, {"reason", refused.reason}});
  }
  root["reason"] = plan.pools.empty() ? Json(no_plan_text(output)) : Json(nullptr);
  root["notes"] = output.space.notes;
  root["search"] = {{"simulations", plan.counts.simulations},
                    {"pruned", plan.counts.pruned},
                    {"seconds", output.seconds}};
  return root;
}

}  // namespace penstock::explore
