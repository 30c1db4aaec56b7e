#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/explore/plan_report.h"
#include "tools/output/confidence.h"

namespace penstock::explore {
namespace {

using Json = nlohmann::ordered_json;

/// In whole millionths: a product of prices should not end in ...0000001.
double rounded(double amount) { return std::round(amount * 1e6) / 1e6; }
double monthly(double usd_per_hour) { return rounded(usd_per_hour * hours_per_month); }

Json shape(const PlanOutput& output, const Pool& pool) {
  const Shape& one = output.space.shapes[pool.shape];
  const Scenario& scenario = one.scenario;
  Json json{{"gpu", one.gpu},
            {"tensor_parallel", one.tensor_parallel},
            {"replicas", pool.replicas},
            {"gpus", std::int64_t{one.gpus()} * pool.replicas},
            {"usd_per_hour", rounded(one.usd_per_hour() * pool.replicas)},
            {"weights", to_string(scenario.weights)},
            {"kv_cache", to_string(scenario.kv_cache)},
            {"max_num_seqs", scenario.engine.max_num_seqs},
            {"max_num_batched_tokens", scenario.engine.max_num_batched_tokens},
            {"measured", one.is_measured()}};
  if (one.pipeline_parallel > 1) {
    json["pipeline_parallel"] = one.pipeline_parallel;
  }
  if (one.expert_parallel > 1) {
    json["data_parallel"] = one.data_parallel;
    json["expert_parallel"] = one.expert_parallel;
  }
  return json;
}

/// Writes a plan's parts; why a value is null goes to `reasons`, at its path.
class PlanWriter {
 public:
  PlanWriter(const PlanOutput& output, Json& reasons) : output_(output), reasons_(reasons) {}

  /// One pool as the plan itself; several as sums, with nulls where a sum says nothing.
  Json plan_of(const std::string& path) {
    const Plan& plan = output_.plan;
    Json out;
    for (const char* key : {"gpu", "tensor_parallel", "replicas"}) {
      out[key] = of_one_pool(path + "." + key, [&] { return shape(output_, first().pool)[key]; });
    }
    out["gpus"] = plan.gpus;
    out["currency"] = first().scenario.prices.currency;
    out["usd_per_hour"] = rounded(plan.usd_per_hour);
    out["usd_per_month"] = monthly(plan.usd_per_hour);
    out["per_million"] = per_million(path + ".per_million", per_million_of(plan, false));
    const bool single = plan.pools.size() == 1;
    const Json only = single ? pool(path, first()) : Json();
    for (const char* key : {"utilization", "headroom", "headroom_ends_with", "other_seeds",
                            "at_mean", "by_load", "weights", "kv_cache", "max_num_seqs",
                            "max_num_batched_tokens", "limits", "confidence"}) {
      out[key] = of_one_pool(path + "." + key, [&] { return only[key]; });
    }
    out["rate_factor"] = output_.space.rate_factor;
    out["pools"] = Json::array();
    for (const PlannedPool& planned : plan.pools) {
      out["pools"].push_back(pool(fmt::format("{}.pools[{}]", path, out["pools"].size()), planned));
    }
    return out;
  }

  /// Of the pool that is the plan, or of each of several.
  Json why_not_fewer(const std::string& path) {
    const std::vector<PlannedPool>& pools = output_.plan.pools;
    Json all = Json::array();
    for (const PlannedPool& planned : pools) {
      Json one{{"replicas", planned.pool.replicas - 1}};
      if (planned.why_not_fewer) {
        one.update(limit(pools.size() == 1 ? path : fmt::format("{}[{}]", path, all.size()),
                         *planned.why_not_fewer));
      } else {
        one["reason"] = "one replica is the least that serves";
      }
      all.push_back(std::move(one));
    }
    return all.size() == 1 ? all[0] : all;
  }

  Json missing(const std::string& path, const std::string& reason) {
    reasons_[path] = reason;
    return nullptr;
  }

 private:
  const PlannedPool& first() const { return output_.plan.pools.front(); }

  template <typename Value>
  Json of_one_pool(const std::string& path, const Value& value) {
    return output_.plan.pools.size() == 1
               ? value()
               : missing(path, "the plan has several pools: see `plan.pools`");
  }

  Json maybe(const std::string& path, const std::optional<double>& value, const char* reason) {
    return value ? Json(*value) : missing(path, reason);
  }

  Json per_million(const std::string& path, const PerMillion& cost) {
    constexpr const char* names[] = {"input", "cached_input", "output"};
    Json out;
    for (std::size_t t = 0; t < cost.by_type.size(); ++t) {
      out[names[t]] = maybe(path + "." + names[t], cost.by_type[t], "no such token was served");
    }
    out["blended"] = maybe(path + ".blended", cost.blended, "no token was served");
    return out;
  }

  Json utilization(const std::string& path, const UtilizationSummary& use) {
    constexpr const char* no_hardware = "a constant step model knows no hardware";
    return {{"busy", use.busy},
            {"mfu", maybe(path + ".mfu", use.mfu, no_hardware)},
            {"mbu", maybe(path + ".mbu", use.mbu, no_hardware)},
            {"kv_mean", use.kv_mean},
            {"kv_peak", use.kv_peak},
            {"batch_mean", use.batch_mean},
            {"batch_peak", use.batch_peak}};
  }

  Json limit(const std::string& path, const LimitLine& line) {
    return {{"class", line.class_name},
            {"metric", line.metric},
            {"value", line.value_ms},
            {"limit", line.limit_ms},
            {"unit", "ms"},
            {"quantile", line.attainment_wanted},
            {"relative_error", line.error > 0
                                   ? Json(line.error)
                                   : missing(path + ".relative_error", "too few requests to tell")},
            {"requests", line.requests},
            {"attainment", line.attainment},
            {"met", line.met}};
  }

  Json pool(const std::string& path, const PlannedPool& planned) {
    Json out = shape(output_, planned.pool);
    out["classes"] = Json::array();
    for (const ClassSpec& one : planned.scenario.workload.classes) {
      out["classes"].push_back(one.name);
    }
    const Summary& summary = planned.run.summary;
    out["per_million"] = per_million(path + ".per_million", summary.bill.per_million);
    out["utilization"] = utilization(path + ".utilization", summary.utilization);
    out["limits"] = Json::array();
    for (const LimitLine& line : planned.limits) {
      out["limits"].push_back(
          limit(fmt::format("{}.limits[{}]", path, out["limits"].size()), line));
    }
    add_headroom(path, planned, out);
    const output::Confidence confidence =
        output::assess_confidence(planned.scenario, planned.run.result);
    out["confidence"] = {{"label", confidence.label}, {"extrapolated", confidence.extrapolated}};
    out["other_seeds"] = {{"tried", planned.seeds}, {"held", planned.seeds_held}};
    if (planned.at_mean) {
      const Summary& mean = planned.at_mean->summary;
      out["at_mean"] = {
          {"per_million", per_million(path + ".at_mean.per_million", mean.bill.per_million)},
          {"utilization", utilization(path + ".at_mean.utilization", mean.utilization)}};
    } else {
      out["at_mean"] = missing(path + ".at_mean", "the plan is judged at the mean rate itself");
    }
    add_loads(path, planned, out);
    return out;
  }

  void add_loads(const std::string& path, const PlannedPool& planned, Json& out) {
    if (planned.by_load.empty()) {
      out["by_load"] = missing(path + ".by_load", "the traffic has no rate to change");
      return;
    }
    out["by_load"] = Json::array();
    for (const LoadPoint& point : planned.by_load) {
      const std::string at = fmt::format("{}.by_load[{}]", path, out["by_load"].size());
      out["by_load"].push_back(
          {{"share", point.share},
           {"attainment", point.summary.slo ? Json(point.summary.slo->attainment)
                                            : missing(at + ".attainment", "there is no SLO")},
           {"per_million", per_million(at + ".per_million", point.summary.bill.per_million)},
           {"utilization", utilization(at + ".utilization", point.summary.utilization)}});
    }
  }

  void add_headroom(const std::string& path, const PlannedPool& planned, Json& out) {
    const std::string ends = path + ".headroom_ends_with";
    if (!planned.rate_limit) {
      constexpr const char* no_rate = "the traffic has no rate to raise";
      out["headroom"] = missing(path + ".headroom", no_rate);
      out["headroom_ends_with"] = missing(ends, no_rate);
      return;
    }
    out["headroom"] = planned.rate_limit->factor - 1;
    out["headroom_ends_with"] = planned.rate_limit->breaks
                                    ? limit(ends, *planned.rate_limit->breaks)
                                    : missing(ends, "nothing breaks up to the highest rate tried");
  }

  const PlanOutput& output_;
  Json& reasons_;
};

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
  const bool found = !plan.pools.empty();
  Json reasons = Json::object();
  PlanWriter writer(output, reasons);
  const auto part = [&](const char* path, bool given, const char* reason, const auto& value) {
    return given ? Json(value()) : writer.missing(path, reason);
  };
  constexpr const char* no_plan = "there is no plan: see `reason`";
  Json root;
  root["schema_version"] = 1;
  root["plan"] = part("plan", found, no_plan, [&] { return writer.plan_of("plan"); });
  root["why_not_fewer"] =
      part("why_not_fewer", found, no_plan, [&] { return writer.why_not_fewer("why_not_fewer"); });
  root["alternatives"] = alternatives(output);
  root["cheapest_single_pool"] = part("cheapest_single_pool", plan.single.has_value(),
                                      plan.pools.size() > 1 ? "no single pool meets the limits"
                                      : found               ? "the plan itself is a single pool"
                                                            : no_plan,
                                      [&] { return shape(output, *plan.single); });
  root["refused"] = Json::array();
  for (const RefusedShape& refused : output.space.refused) {
    root["refused"].push_back({{"shape", refused.title}, {"reason", refused.reason}});
  }
  root["reason"] = part("reason", !found, "there is a plan", [&] { return no_plan_text(output); });
  root["notes"] = output.space.notes;
  root["search"] = {{"simulations", plan.counts.simulations},
                    {"pruned", plan.counts.pruned},
                    {"seconds", output.seconds},
                    {"stages", Json::array()}};
  for (const SearchStage& stage : plan.stages) {
    root["search"]["stages"].push_back(
        {{"name", stage.name}, {"simulations", stage.simulations}, {"seconds", stage.seconds}});
  }
  root["reasons"] = std::move(reasons);
  return root;
}

}  // namespace penstock::explore
