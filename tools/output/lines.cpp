#include "tools/output/lines.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "tools/output/text.h"

namespace penstock::output {
namespace {

/// A limit as it was given, in the format of the value beside it: "500", "3,000", "1.25".
std::string limit_text(double value) {
  return value >= 999.95 && value < 1e15 ? group_digits(std::llround(value))
                                         : fmt::format("{:.6g}", value);
}

void add_row(const char* name, const LatencyStats& stats, std::vector<LatencyRow>& rows) {
  if (stats.count == 0) {
    return;
  }
  const TimeUnit unit = time_unit(stats.p99 > 0 ? stats.p99 : 1);
  LatencyRow row{fmt::format("{} {}", name, unit.name), {}};
  for (const double value : {stats.mean, stats.p50, stats.p90, stats.p95, stats.p99, stats.max}) {
    row.values.push_back(figure(value / unit.milliseconds));
  }
  rows.push_back(std::move(row));
}

void add_metric(const char* name, const LatencyStats& stats, SimTime limit, double attainment,
                std::vector<MetricVerdict>& metrics) {
  if (limit == Slo::none || stats.count == 0) {
    return;
  }
  const double allowed = to_milliseconds(static_cast<double>(limit.ps));
  const TimeUnit unit = time_unit(allowed);
  const double value = stats.at_attainment;
  const double shown = value / unit.milliseconds;
  // A value far below its limit has a unit of its own: "20 ps of 10 s".
  metrics.push_back({fmt::format("{} {}", name, quantile_name(attainment)),
                     fmt::format("{} of {} {}",
                                 shown > 0 && shown < 1e-4 ? span_text(value / 1e3) : figure(shown),
                                 limit_text(allowed / unit.milliseconds), unit.name),
                     value <= allowed});
}

/// Prices per million in a column: cents, and two digits where a cent is too coarse.
std::string price_of(const std::optional<double>& price) {
  if (!price) {
    return "-";
  }
  return price_figure(*price);
}

const RuleResult* find_rule(const Bill& bill, CostRule rule) {
  for (const RuleResult& result : bill.rules) {
    if (result.rule == rule) {
      return &result;
    }
  }
  return nullptr;
}

std::optional<double> output_over_input(const PerMillion& prices) {
  const std::optional<double>& input = prices.by_type[static_cast<std::size_t>(TokenType::input)];
  const std::optional<double>& output = prices.by_type[static_cast<std::size_t>(TokenType::output)];
  return input && output && *input > 0 ? std::optional<double>(*output / *input) : std::nullopt;
}

std::string rule_text(const RuleResult& rule, const std::string& currency) {
  const std::optional<double>& output =
      rule.per_million.by_type[static_cast<std::size_t>(TokenType::output)];
  const std::optional<double> ratio = output_over_input(rule.per_million);
  switch (rule.rule) {
    case CostRule::phase:
      return ratio ? fmt::format("KV charged to the token that reads: {} × input", figure(*ratio))
                   : "";
    case CostRule::cause:
      return ratio ? fmt::format("KV charged to the token that is read: {} × input", figure(*ratio))
                   : "";
    case CostRule::occupancy:
      return ratio ? fmt::format("by KV blocks held: {} × input", figure(*ratio)) : "";
    case CostRule::flops:
      return ratio ? fmt::format("by FLOP: {} × input", figure(*ratio)) : "";
    case CostRule::output_only:
      return output ? fmt::format("all to output: {}/M", money(*output, currency)) : "";
    case CostRule::blended:
      return output ? fmt::format("blended: {}/M", money(*output, currency)) : "";
  }
  return "";
}

/// What owning would cost, from which figures, and how wide the market is.
std::string owned_text(double amount, const RunOutput& run) {
  const PriceSpec& prices = run.scenario.prices;
  const OwnedSpec& owned = prices.owned;
  std::string text = fmt::format("owned {} ({} GPU-h × {}{}; {}", money(amount, prices.currency),
                                 figure(run.summary.bill.gpu_hours),
                                 money(run.summary.bases.owned_per_gpu_hour, prices.currency),
                                 owned.life_hours > 0 ? " + electricity" : "",
                                 printable(owned.source.substr(0, owned.source.find(':'))));
  if (owned.high_per_hour > owned.low_per_hour) {
    text += fmt::format("; others {} to {}", money(owned.low_per_hour, prices.currency),
                        money(owned.high_per_hour, prices.currency));
  }
  return text + ")";
}

}  // namespace

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::vector<LatencyRow> latency_rows(const Summary& summary) {
  std::vector<LatencyRow> rows;
  add_row("TTFT", summary.ttft, rows);
  add_row("TPOT", summary.tpot, rows);
  add_row("ITL", summary.itl, rows);
  add_row("latency", summary.e2e, rows);
  add_row("queue", summary.queue, rows);
  return rows;
}

std::vector<MetricVerdict> metric_verdicts(const SloVerdict& slo, const LatencyStats& ttft,
                                           const LatencyStats& tpot, const LatencyStats& e2e) {
  std::vector<MetricVerdict> metrics;
  const double share = slo.limits.attainment;
  add_metric("ttft", ttft, slo.limits.ttft, share, metrics);
  add_metric("tpot", tpot, slo.limits.tpot, share, metrics);
  add_metric("latency", e2e, slo.limits.e2e, share, metrics);
  return metrics;
}

std::string simulated_text(const RunOutput& run) {
  return fmt::format("{}, {} steps", span_text(run.summary.duration_s),
                     group_digits(run.result.steps));
}

std::vector<std::string> throughput_parts(const RunOutput& run) {
  const Summary& s = run.summary;
  const auto counted = [](std::uint64_t n) { return group_digits(static_cast<std::int64_t>(n)); };
  std::vector<std::string> parts{
      fmt::format("{} req/s", figure(s.requests_per_s)),
      fmt::format("{} output tok/s ({} per GPU)", figure(s.output_tokens_per_s),
                  figure(s.output_tokens_per_s_per_gpu)),
      fmt::format("preemptions {}", counted(s.requests.preemptions))};
  if (s.requests.rejected > 0) {
    parts.push_back(fmt::format("rejected {}", counted(s.requests.rejected)));
  }
  if (s.requests.aborted > 0) {
    parts.push_back(fmt::format("aborted by clients {}", counted(s.requests.aborted)));
  }
  if (s.requests.running + s.requests.queued > 0) {
    parts.push_back(fmt::format("left running {}, queued {}", counted(s.requests.running),
                                counted(s.requests.queued)));
  }
  return parts;
}

std::vector<std::string> utilization_parts(const RunOutput& run) {
  const UtilizationSummary& u = run.summary.utilization;
  std::vector<std::string> parts{fmt::format("busy {}", percent(u.busy))};
  if (run.summary.load.saturation) {
    parts.push_back(fmt::format("load {}", percent(run.summary.load.load)));
  }
  if (u.mfu) {
    parts.push_back(fmt::format("MFU {}", percent(*u.mfu)));
  }
  if (u.mbu) {
    parts.push_back(fmt::format("MBU {}", percent(*u.mbu)));
  }
  parts.push_back(fmt::format("KV mean {} peak {}", percent(u.kv_mean), percent(u.kv_peak)));
  parts.push_back(fmt::format("batch mean {} peak {:.0f}", figure(u.batch_mean), u.batch_peak));
  if (u.prefix_hit_rate.value_or(0) > 0) {
    const std::string of_host =
        u.offload_hit_rate ? fmt::format(" ({} from the host)", percent(*u.offload_hit_rate)) : "";
    parts.push_back(fmt::format("prefix hits {}{}", percent(*u.prefix_hit_rate), of_host));
  }
  if (u.rank_wait) {
    parts.push_back(fmt::format("ranks wait {}", percent(*u.rank_wait)));
  }
  if (u.stage_wait) {
    parts.push_back(fmt::format("batches wait {}", percent(*u.stage_wait)));
  }
  return parts;
}

std::vector<std::string> speculative_parts(const RunOutput& run) {
  if (!run.summary.speculative) {
    return {};
  }
  const SpeculativeSpec& spec = run.scenario.engine.speculative;
  const SpeculativeSummary& s = *run.summary.speculative;
  std::vector<std::string> parts{
      fmt::format("{}, {} draft{} a step, {} accepted", to_string(spec.method),
                  spec.num_speculative_tokens(), spec.num_speculative_tokens() == 1 ? "" : "s",
                  percent(s.acceptance_rate)),
      fmt::format("{} tokens a step", figure(s.tokens_per_step))};
  if (spec.has_drafter()) {
    parts.push_back(fmt::format("drafting {} of busy time", percent(s.draft_time_share)));
  }
  parts.push_back(
      fmt::format("rejected drafts {} of output's cost", percent(s.rejected_cost_share)));
  return parts;
}

std::string bill_text(const RunOutput& run) {
  const PriceSpec& prices = run.scenario.prices;
  return fmt::format("{} = {} GPU-h × {}", money(run.summary.bill.total, prices.currency),
                     figure(run.summary.bill.gpu_hours),
                     money(prices.gpu_per_hour, prices.currency));
}

std::string price_text(const RunOutput& run) {
  const PriceSpec& prices = run.scenario.prices;
  std::string text = printable(prices.source);
  if (prices.high_per_hour > prices.low_per_hour) {
    text += fmt::format("{}providers ask {} to {}", text.empty() ? "" : "; ",
                        money(prices.low_per_hour, prices.currency),
                        money(prices.high_per_hour, prices.currency));
  }
  return text;
}

std::string bases_text(const RunOutput& run) {
  const Energy& energy = run.summary.energy;
  const PriceBases& bases = run.summary.bases;
  const PriceSpec& prices = run.scenario.prices;
  std::vector<std::string> parts;
  if (energy.known()) {
    parts.push_back(
        bases.electricity
            ? fmt::format("{} ({} kWh × {} × {:.4g})", money(*bases.electricity, prices.currency),
                          figure(energy.server_kwh),
                          money(prices.electricity_per_kwh, prices.currency), prices.pue)
            : fmt::format("{} kWh, no price given", figure(energy.server_kwh)));
    if (energy.joules_per_output_token) {
      parts.back() +=
          fmt::format(", {} J per output token", figure(*energy.joules_per_output_token));
    }
  }
  if (bases.owned) {
    parts.push_back(owned_text(*bases.owned, run));
  }
  return join(parts, " · ");
}

std::vector<CostRow> cost_rows(const RunOutput& run) {
  const Summary& s = run.summary;
  const Bill& bill = s.bill;
  static constexpr std::array names{"input", "cached input", "output"};
  const std::array<std::int64_t, token_type_count> tokens{s.tokens.input, s.tokens.cached_input,
                                                          s.tokens.output};
  const std::optional<double>& input = bill.per_million.by_type.front();
  std::vector<CostRow> rows;
  for (std::size_t type = 0; type < token_type_count; ++type) {
    if (tokens[type] == 0) {
      continue;
    }
    const std::optional<double>& price = bill.per_million.by_type[type];
    const bool comparable = price && input && *input > 0;
    rows.push_back({names[type],
                    {fmt::format("{} M", figure(static_cast<double>(tokens[type]) / 1e6)),
                     price_of(bill.busy_per_million.by_type[type]),
                     price_of(bill.idle_per_million.by_type[type]), price_of(price),
                     comparable ? figure(*price / *input) : "-"}});
  }
  return rows;
}

std::vector<std::string> output_causes(const RunOutput& run) {
  struct Group {
    const char* text;
    std::vector<Cause> causes;
  };
  static const std::array<Group, 6> groups{{
      {"weights", {Cause::weights}},
      {"reads of prompt KV", {Cause::kv_read_prompt}},
      {"of output KV", {Cause::kv_read_output}},
      {"compute", {Cause::compute, Cause::attention_compute}},
      {"communication", {Cause::communication}},
      {"overhead", {Cause::overhead}},
  }};
  Int128 total = 0;
  std::array<Int128, cause_count> sums{};
  for (const LedgerTotals::ClassAccounts& traffic : run.result.ledger.classes) {
    const auto& output = traffic.accounts[static_cast<std::size_t>(TokenType::output)];
    for (std::size_t cause = 0; cause < cause_count; ++cause) {
      sums[cause] += output[cause];
      total += output[cause];
    }
  }
  std::vector<std::string> parts;
  for (const Group& group : groups) {
    Int128 sum = 0;
    for (const Cause cause : group.causes) {
      sum += sums[static_cast<std::size_t>(cause)];
    }
    if (total > 0 && sum * 1000 >= total) {
      parts.push_back(fmt::format("{} {}", group.text,
                                  percent(static_cast<double>(sum) / static_cast<double>(total))));
    }
  }
  return parts;
}

std::vector<std::string> other_rules(const RunOutput& run) {
  const Bill& bill = run.summary.bill;
  std::vector<std::string> parts;
  for (const CostRule rule : {CostRule::phase, CostRule::cause, CostRule::occupancy,
                              CostRule::flops, CostRule::output_only, CostRule::blended}) {
    const RuleResult* result = find_rule(bill, rule);
    if (rule == bill.rule || result == nullptr) {
      continue;
    }
    std::string text = rule_text(*result, run.scenario.prices.currency);
    if (!text.empty()) {
      parts.push_back(std::move(text));
    }
  }
  return parts;
}

std::string unused_batch_text(const RunOutput& run) {
  const LoadReport& load = run.summary.load;
  if (!load.saturation) {
    return "";
  }
  const std::string sign = currency_sign(run.scenario.prices.currency);
  return fmt::format("the same traffic at saturation would cost {}{} / {}{} per M{}", sign,
                     price_of(load.input_per_million), sign, price_of(load.output_per_million),
                     run.summary.bill.rule == CostRule::phase ? "" : " (rule phase)");
}

std::string bottleneck_text(const RunOutput& run) {
  const std::optional<Bottleneck>& found = run.summary.bottleneck;
  if (!found) {
    return "";
  }
  const std::string resource = found->resource == "cpu" ? "CPU" : found->resource;
  const std::string phase = found->phase == "mixed" ? "mixed steps" : found->phase;
  return fmt::format("{} in {} ({} of busy time)", resource, phase, percent(found->share));
}

std::string confidence_text(const Confidence& c) {
  std::string text = c.label;
  std::vector<std::string> errors;
  for (const auto& [what, error] : c.median_error) {
    errors.push_back(fmt::format("{} {}", what, percent(error)));
  }
  if (!errors.empty()) {
    text += "; median error: " + join(errors, ", ");
  }
  return text;
}

}  // namespace penstock::output
