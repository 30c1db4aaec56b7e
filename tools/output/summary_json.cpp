#include "tools/output/summary_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "tools/output/cost_tree.h"
#include "tools/output/json_text.h"
#include "tools/output/pricing.h"
#include "tools/output/text.h"

namespace penstock::output {
namespace {

using Json = nlohmann::ordered_json;

/// Builds the summary, section by section, and collects why values are missing.
class SummaryWriter {
 public:
  explicit SummaryWriter(const RunOutput& run) : run_(run), summary_(run.summary) {}

  Json write() {
    Json root;
    root["schema_version"] = summary_schema_version;
    root["scenario"] = Json::parse(run_.scenario_json);
    root["seed"] = run_.scenario.seed;
    root["requests"] = requests(summary_.requests);
    root["tokens"] = tokens(summary_.tokens);
    root["duration_s"] = summary_.duration_s;
    root["throughput"] = throughput();
    const char* no_completion = why_no_completion(summary_.requests);
    root["ttft_ms"] = latency("ttft_ms", summary_.ttft, no_completion);
    root["tpot_ms"] = latency("tpot_ms", summary_.tpot, single_tokens);
    root["itl_ms"] = latency("itl_ms", summary_.itl, "no request emitted a second token");
    root["e2e_ms"] = latency("e2e_ms", summary_.e2e, no_completion);
    root["queue_ms"] = latency("queue_ms", summary_.queue, no_completion);
    root["slo"] = slo();
    root["utilization"] = utilization();
    if (const auto& drafts = summary_.speculative) {  // left out without it
      root["speculative"] = {{"acceptance_rate", drafts->acceptance_rate},
                             {"tokens_per_step", drafts->tokens_per_step},
                             {"draft_time_share", drafts->draft_time_share},
                             {"rejected_cost_share", drafts->rejected_cost_share}};
    }
    root["energy"] = energy();
    root["cost"] = cost();
    if (run_.tariff) {
      root["tariff"] = tariff_json(run_, reasons_);
    }
    if (!run_.margins.empty()) {
      root["margins"] = margins_json(run_, reasons_);
    }
    root["classes"] = classes();
    root["bottleneck"] = bottleneck();
    root["confidence"] = confidence();
    root["reasons"] = std::move(reasons_);
    root["warnings"] = run_.warnings;
    for (const std::string& note : run_.notes) {
      root["warnings"].push_back(note);
    }
    return root;
  }

 private:
  static constexpr const char* single_tokens =
      "no request with more than one output token completed after the warm-up";

  static const char* why_no_completion(const RequestCounts& counts) {
    return counts.rejected > 0 && counts.rejected == counts.arrived
               ? "every request was refused, see `warnings`"
               : "no request completed after the warm-up";
  }

  Json missing(const std::string& path, const std::string& reason) {
    reasons_[path] = reason;
    return nullptr;
  }

  Json maybe(const std::string& path, std::optional<double> value, const std::string& reason) {
    return value ? Json(*value) : missing(path, reason);
  }

  static Json requests(const RequestCounts& counts) {
    return {{"arrived", counts.arrived},        {"completed", counts.completed},
            {"rejected", counts.rejected},      {"aborted", counts.aborted},
            {"running", counts.running},        {"queued", counts.queued},
            {"preemptions", counts.preemptions}};
  }

  static Json tokens(const TokenCounts& counts) {
    return {{"input", counts.input},
            {"cached_input", counts.cached_input},
            {"output", counts.output},
            {"recomputed", counts.recomputed},
            {"aborted", counts.aborted}};
  }

  Json throughput() const {
    return {{"requests_per_s", summary_.requests_per_s},
            {"input_tokens_per_s", summary_.input_tokens_per_s},
            {"output_tokens_per_s", summary_.output_tokens_per_s},
            {"total_tokens_per_s", summary_.total_tokens_per_s},
            {"output_tokens_per_s_per_gpu", summary_.output_tokens_per_s_per_gpu}};
  }

  /// One reason for the object stands for all its nulls.
  Json latency(const std::string& path, const LatencyStats& stats, const char* reason) {
    const bool known = stats.count > 0;
    if (!known) {
      missing(path, reason);
    }
    const auto value = [known](double x) { return known ? Json(x) : Json(nullptr); };
    return {{"mean", value(stats.mean)}, {"p50", value(stats.p50)}, {"p90", value(stats.p90)},
            {"p95", value(stats.p95)},   {"p99", value(stats.p99)}, {"max", value(stats.max)},
            {"std", value(stats.std)},   {"count", stats.count}};
  }

  Json limit(const std::string& path, SimTime time) {
    return time == Slo::none ? missing(path, "no limit given")
                             : Json(to_milliseconds(static_cast<double>(time.ps)));
  }

  Json attainment(const std::string& path, const SloVerdict& slo) {
    return slo.counted > 0 ? Json(slo.attainment)
                           : missing(path, "no request of the measured window can be judged");
  }

  Json verdict(const std::string& path, const std::optional<SloVerdict>& slo) {
    if (!slo) {
      return missing(path, "no limit given");
    }
    return {{"attainment", attainment(path + ".attainment", *slo)},
            {"goodput_requests_per_s", slo->goodput_requests_per_s},
            {"met", slo->met},
            {"good", slo->good},
            {"counted", slo->counted},
            {"limits",
             {{"ttft_ms", limit(path + ".limits.ttft_ms", slo->limits.ttft)},
              {"tpot_ms", limit(path + ".limits.tpot_ms", slo->limits.tpot)},
              {"e2e_ms", limit(path + ".limits.e2e_ms", slo->limits.e2e)},
              {"attainment", slo->limits.attainment}}}};
  }

  Json slo() {
    Json section;
    const bool given = summary_.slo.has_value();
    section["attainment"] = given ? attainment("slo.attainment", *summary_.slo)
                                  : missing("slo.attainment", "no limit given");
    section["goodput_requests_per_s"] =
        given ? Json(summary_.slo->goodput_requests_per_s)
              : missing("slo.goodput_requests_per_s", "no limit given");
    section["by_class"] = Json::object();
    for (const ClassSummary& traffic : summary_.classes) {
      section["by_class"][traffic.name] = verdict("slo.by_class." + traffic.name, traffic.slo);
    }
    return section;
  }

  Json utilization() {
    const UtilizationSummary& u = summary_.utilization;
    const char* no_hardware = "the constant step model knows no hardware";
    Json section;
    section["busy"] = u.busy;
    const LoadReport& full = summary_.load;
    section["load"] = full.saturation ? Json(full.load) : missing("utilization.load", full.reason);
    section["mfu"] = maybe("utilization.mfu", u.mfu, no_hardware);
    section["mbu"] = maybe("utilization.mbu", u.mbu, no_hardware);
    section["kv_mean"] = u.kv_mean;
    section["kv_peak"] = u.kv_peak;
    section["batch_mean"] = u.batch_mean;
    section["batch_peak"] = u.batch_peak;
    section["prefix_hit_rate"] =
        maybe("utilization.prefix_hit_rate", u.prefix_hit_rate, "prefix caching is off");
    if (u.offload_hit_rate) {  // left out where the host has no part
      section["offload_hit_rate"] = *u.offload_hit_rate;
    }
    if (u.rank_wait) {  // left out without ranks
      section["rank_wait"] = *u.rank_wait;
    }
    if (u.stage_wait) {
      section["stage_wait"] = *u.stage_wait;
    }
    section["steps"] = u.steps;
    return section;
  }

  Json energy() {
    Json section;
    const Energy& energy = summary_.energy;
    const auto value = [&](const char* key, std::optional<double> number) {
      const bool known = energy.known();
      section[key] = maybe(std::string("energy.") + key, known ? number : std::nullopt,
                           known ? "no output token was served" : energy.missing);
    };
    value("gpu_kwh", energy.gpu_kwh);
    value("idle_kwh", energy.idle_kwh);
    value("server_kwh", energy.server_kwh);
    value("facility_kwh", energy.facility_kwh);
    value("peak_kw", energy.peak_kw);
    value("joules_per_output_token", energy.joules_per_output_token);
    for (std::size_t type = 0; type < token_type_count; ++type) {
      const std::string name = to_string(static_cast<TokenType>(type));
      section["joules_per_token"][name] =
          maybe("energy.joules_per_token." + name, energy.joules_per_token[type],
                energy.known() ? "no " + name + " token was served" : energy.missing);
    }
    return section;
  }

  Json per_million(const std::string& path, const PerMillion& prices, bool with_blended) {
    Json section;
    for (std::size_t type = 0; type < token_type_count; ++type) {
      const std::string name = to_string(static_cast<TokenType>(type));
      section[name] =
          maybe(path + "." + name, prices.by_type[type], "no " + name + " token was served");
    }
    if (with_blended) {
      section["blended"] = maybe(path + ".blended", prices.blended, "no token was served");
    }
    return section;
  }

  Json accounts() const {
    Json list = Json::array();
    for (const BillAccount& account : summary_.bill.accounts) {
      list.push_back({{"token", account.token ? Json(to_string(*account.token)) : Json(nullptr)},
                      {"cause", account.cause},
                      {"gpu_hours", account_gpu_hours(run_, account)},
                      {"amount", static_cast<double>(account.nano) / 1e9}});
    }
    return list;
  }

  Json cost() {
    const Bill& bill = summary_.bill;
    Json section;
    section["currency"] = run_.scenario.prices.currency;
    section["total"] = bill.total;
    section["gpu_hours"] = bill.gpu_hours;
    section["price"] = {{"gpu_per_hour", run_.scenario.prices.gpu_per_hour},
                        {"source", run_.scenario.prices.source}};
    section["rule"] = to_string(bill.rule);
    section["per_million"] = per_million("cost.per_million", bill.per_million, true);
    section["busy_per_million"] = per_million("cost.busy_per_million", bill.busy_per_million, true);
    section["idle_per_million"] = per_million("cost.idle_per_million", bill.idle_per_million, true);
    const LoadReport& full = summary_.load;
    section["saturation_per_million"] =
        full.saturation
            ? Json{{"input", full.input_per_million}, {"output", full.output_per_million}}
            : missing("cost.saturation_per_million", full.reason);
    section["rules"] = Json::object();
    for (const RuleResult& rule : bill.rules) {
      const std::string name = to_string(rule.rule);
      section["rules"][name] = per_million("cost.rules." + name, rule.per_million, false);
    }
    section["accounts"] = accounts();
    const PriceBases& bases = summary_.bases;
    section["bases"] = {{"rental", bill.total},
                        {"owned", maybe("cost.bases.owned", bases.owned, bases.owned_missing)},
                        {"electricity", maybe("cost.bases.electricity", bases.electricity,
                                              bases.electricity_missing)}};
    return section;
  }

  Json classes() {
    Json section = Json::object();
    for (std::size_t c = 0; c < summary_.classes.size(); ++c) {
      const ClassSummary& traffic = summary_.classes[c];
      const std::string path = "classes." + traffic.name;
      Json entry;
      entry["requests"] = requests(traffic.requests);
      entry["tokens"] = tokens(traffic.tokens);
      const char* no_completion = why_no_completion(traffic.requests);
      entry["ttft_ms"] = latency(path + ".ttft_ms", traffic.ttft, no_completion);
      entry["tpot_ms"] = latency(path + ".tpot_ms", traffic.tpot, single_tokens);
      entry["e2e_ms"] = latency(path + ".e2e_ms", traffic.e2e, no_completion);
      entry["slo"] = verdict(path + ".slo", traffic.slo);
      const ClassBill& bill = summary_.bill.classes.at(c);
      entry["cost"] = {
          {"total", bill.total},
          {"per_million", per_million(path + ".cost.per_million", bill.per_million, true)}};
      section[traffic.name] = std::move(entry);
    }
    return section;
  }

  Json bottleneck() {
    const std::optional<Bottleneck>& found = summary_.bottleneck;
    if (!found) {
      return missing("bottleneck", "no step was run");
    }
    return {{"resource", found->resource}, {"phase", found->phase}, {"share", found->share}};
  }

  Json confidence() {
    const Confidence& c = run_.confidence;
    Json errors = Json::object();
    for (const auto& [what, error] : c.median_error) {
      errors[what] = error;
    }
    return {{"label", c.label},
            {"nearest", c.nearest},
            {"median_error", std::move(errors)},
            {"extrapolated", c.extrapolated}};
  }

  const RunOutput& run_;
  const Summary& summary_;
  Json reasons_ = Json::object();
};

/// Rows of all values below `value`, in order.
void flatten(const Json& value, const std::string& path, std::string& out) {
  if (value.is_structured()) {
    std::size_t index = 0;
    for (auto item = value.begin(); item != value.end(); ++item, ++index) {
      const std::string key = value.is_object() ? item.key() : fmt::format("{}", index);
      flatten(*item, path.empty() ? key : path + "." + key, out);
    }
    return;
  }
  std::string text;
  if (value.is_string()) {
    text = value.get<std::string>();
  } else if (!value.is_null()) {
    text = to_text(value);
    text.pop_back();
  }
  out += csv_field(path);
  out += ',';
  out += csv_field(text);
  out += '\n';
}

}  // namespace

Json summary_json(const RunOutput& run) { return SummaryWriter(run).write(); }

std::string summary_json_text(const RunOutput& run) { return to_text(summary_json(run)); }

std::string summary_csv_text(const RunOutput& run) {
  std::string out = "key,value\n";
  flatten(summary_json(run), "", out);
  return out;
}

}  // namespace penstock::output
