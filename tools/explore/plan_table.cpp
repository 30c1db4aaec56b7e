#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/cluster/router.h"
#include "tools/explore/plan_report.h"
#include "tools/output/confidence.h"
#include "tools/output/lines.h"
#include "tools/output/run_output.h"
#include "tools/output/text.h"

namespace penstock::explore {
namespace {

using output::figure;
using output::money;
using output::pad_left;
using output::pad_right;
using output::percent;
using output::printable;

constexpr std::size_t label_width = 19;

std::string metric_quantile(const LimitLine& line) {
  return line.metric + ' ' + output::quantile_name(line.attainment_wanted);
}

/// "chat 98.4 % good (want 99 %): tpot p99 64.1 of 60.0 ms".
std::string over_limit(const LimitLine& line) {
  return fmt::format("{} {:.2f} % good (want {}): {} {} of {} ms", printable(line.class_name),
                     std::floor(1e4 * line.attainment) / 100, percent(line.attainment_wanted),
                     metric_quantile(line), figure(line.value_ms), figure(line.limit_ms));
}

/// Appends the lines of the screen.
class PlanScreen {
 public:
  PlanScreen(const PlanOutput& output, bool color)
      : output_(output),
        plan_(output.plan),
        color_(color),
        currency_(output.space.shapes.front().scenario.prices.currency) {}

  std::string draw() {
    title();
    for (const PlannedPool& planned : plan_.pools) {
      headline(planned);
    }
    sum();
    for (const PlannedPool& planned : plan_.pools) {
      limits(planned);
    }
    cost();
    for (const PlannedPool& planned : plan_.pools) {
      use(planned);
    }
    runners_up();
    prices();
    for (const PlannedPool& planned : plan_.pools) {
      trust(planned);
    }
    refused();
    search();
    for (const PlannedPool& planned : plan_.pools) {
      for (const std::string& warning :
           output::run_warnings(planned.scenario, planned.run.result, planned.run.expected)) {
        line("warning", label(planned, warning));
      }
    }
    for (const PlannedPool& planned : plan_.pools) {
      for (const std::string& note : planned.run.notes) {
        line("note", printable(note));
      }
    }
    for (const std::string& note : output_.space.notes) {
      line("note", printable(note));
    }
    return std::move(out_);
  }

 private:
  void line(std::string_view label, const std::string& text) {
    out_ += pad_right(fmt::format(" {}", label), label_width) + text + "\n";
  }

  std::string amount(double value) const { return money(value, currency_); }
  const Shape& shape(const Pool& pool) const { return output_.space.shapes[pool.shape]; }
  double per_hour(const Pool& pool) const { return shape(pool).usd_per_hour() * pool.replicas; }
  /// "3 × l40s", "2 × 4 h100-sxm TP4".
  std::string pool_text(const Pool& pool) const {
    const Shape& one = shape(pool);
    return one.gpus() == 1 ? fmt::format("{} × {}", pool.replicas, one.title())
                           : fmt::format("{} × {} {}", pool.replicas, one.gpus(), one.title());
  }
  /// The pool's classes in front of a text, if there are several pools.
  std::string label(const PlannedPool& planned, const std::string& text) const {
    if (plan_.pools.size() == 1) {
      return text;
    }
    std::string names;
    for (const ClassSpec& one : planned.scenario.workload.classes) {
      names += (names.empty() ? "" : ", ") + printable(one.name);
    }
    return names + ": " + text;
  }

  void title() {
    const Scenario& scenario = plan_.pools.front().scenario;
    std::string traffic;
    for (const PlannedPool& planned : plan_.pools) {
      traffic += (traffic.empty() ? "" : " + ") + printable(planned.run.traffic);
    }
    out_ += fmt::format("{} {} · {} · seed {}\n", printable(scenario.model_name),
                        to_string(scenario.weights), traffic, scenario.seed);
    const config::PlanSpec& spec = output_.question.spec;
    std::vector<std::string> parts;
    if (spec.peak != 1) {
      parts.push_back(fmt::format("peak {} × mean", figure(spec.peak)));
    }
    for (const auto& [name, peak] : spec.class_peak) {
      parts.push_back(fmt::format("peak of {} {} × mean", printable(name), figure(peak)));
    }
    if (spec.growth != 0) {
      parts.push_back("growth " + percent(spec.growth));
    }
    if (spec.headroom != 0) {
      parts.push_back("headroom " + percent(spec.headroom));
    }
    std::string text;
    for (const std::string& part : parts) {
      text += (text.empty() ? "" : " · ") + part;
    }
    if (!text.empty()) {
      line("planned for", text);
    }
  }

  void headline(const PlannedPool& planned) {
    const char* mark = color_ ? "\x1b[32m✓\x1b[0m" : "✓";
    const double hour = per_hour(planned.pool);
    out_ += fmt::format(" {} {}      {}/h · {}/month · router {}\n", mark,
                        label(planned, pool_text(planned.pool)), amount(hour),
                        amount(hour * hours_per_month),
                        find_router(planned.scenario.cluster.router).name);
  }

  void sum() {
    if (plan_.pools.size() < 2) {
      return;
    }
    std::string text = fmt::format("{}/h · {}/month · {} GPUs", amount(plan_.usd_per_hour),
                                   amount(plan_.usd_per_hour * hours_per_month), plan_.gpus);
    if (plan_.single) {
      text += fmt::format(" · one pool for all: {} {}/h", pool_text(*plan_.single),
                          amount(per_hour(*plan_.single)));
    }
    line("together", text);
  }

  void limits(const PlannedPool& planned) {
    if (&planned == &plan_.pools.front()) {
      out_ += pad_right(" limits", label_width) + pad_left("", 10) + pad_left("ms", 9) +
              pad_left("error", 9) + pad_left("limit", 9) + pad_left("requests", 11) +
              pad_left("good", 10) + pad_left("want", 8) + "\n";
    }
    std::string last;
    for (const LimitLine& one : planned.limits) {
      const bool first = one.class_name != last;
      last = one.class_name;
      out_ += pad_right(first ? "   " + printable(one.class_name) : "", label_width) +
              pad_right(metric_quantile(one), 10) + pad_left(figure(one.value_ms), 9) +
              pad_left(one.error > 0 ? fmt::format("±{}", percent(one.error)) : "?", 9) +
              pad_left(figure(one.limit_ms), 9) +
              pad_left(output::group_digits(static_cast<std::int64_t>(one.requests)), 11);
      if (first) {
        out_ += pad_left(percent(one.attainment), 10) + pad_left(percent(one.attainment_wanted), 8);
      }
      out_ += "\n";
    }
  }

  std::string cost_text(const PerMillion& cost) const {
    std::string text;
    constexpr std::array names{"input", "cached input", "output"};
    for (std::size_t t = 0; t < names.size(); ++t) {
      if (cost.by_type[t]) {
        text +=
            fmt::format("{}{} {}", text.empty() ? "" : " · ", names[t], amount(*cost.by_type[t]));
      }
    }
    if (cost.blended) {
      text += fmt::format("{}blended {}", text.empty() ? "" : " · ", amount(*cost.blended));
    }
    return text;
  }

  void cost() {
    const bool has_mean = std::any_of(plan_.pools.begin(), plan_.pools.end(),
                                      [](const PlannedPool& p) { return p.at_mean.has_value(); });
    line("cost per M", cost_text(per_million_of(plan_, false)));
    if (has_mean) {
      line("  at mean rate", cost_text(per_million_of(plan_, true)));
    }
  }

  static std::string use_text(const Summary& summary) {
    const UtilizationSummary& use = summary.utilization;
    std::string text = "busy " + percent(use.busy);
    if (use.mfu && use.mbu) {
      text += fmt::format(" · MFU {} · MBU {}", percent(*use.mfu), percent(*use.mbu));
    }
    return text + fmt::format(" · KV mean {} peak {} · batch mean {}", percent(use.kv_mean),
                              percent(use.kv_peak), figure(use.batch_mean));
  }

  static std::string headroom_text(const RateLimit& limit) {
    const std::string breaks = limit.breaks ? over_limit(*limit.breaks) : "nothing breaks";
    return limit.factor < 1 ? fmt::format("none: from {:+.1f} % on some rates miss a limit, {}",
                                          100 * (limit.factor - 1), breaks)
                            : fmt::format("bears {} more traffic; beyond it {}",
                                          percent(limit.factor - 1), breaks);
  }

  void use(const PlannedPool& planned) {
    line("utilization", label(planned, use_text(planned.run.summary)));
    if (planned.at_mean) {
      line("  at mean rate", use_text(planned.at_mean->summary));
    }
    if (planned.rate_limit) {
      line("headroom", label(planned, headroom_text(*planned.rate_limit)));
    }
    const bool is_close = planned.seeds_held < planned.seeds;
    line("certainty",
         label(planned, fmt::format("holds with {} of {} other seeds{}", planned.seeds_held,
                                    planned.seeds, is_close ? ": ask for `plan.headroom`" : "")));
    line(fmt::format("why not {}", planned.pool.replicas - 1),
         label(planned, planned.why_not_fewer ? over_limit(*planned.why_not_fewer)
                                              : "one replica is the least that serves"));
  }

  void runners_up() {
    bool first = true;
    for (const Pool& pool : plan_.runners_up) {
      const double more = 100 * (per_hour(pool) / plan_.usd_per_hour - 1);
      line(first ? "runners-up" : "",
           fmt::format("{}  {}  {}{}", pad_left(amount(per_hour(pool)) + "/h", 9),
                       pad_left(fmt::format("{:+.0f} %", more), 7), pool_text(pool),
                       shape(pool).is_measured() ? "" : " (not measured)"));
      first = false;
    }
  }

  void prices() {
    std::vector<std::string> shown;
    for (const PlannedPool& planned : plan_.pools) {
      const PriceSpec& price = planned.scenario.prices;
      const std::string& gpu = shape(planned.pool).gpu;
      if (std::find(shown.begin(), shown.end(), gpu) != shown.end()) {
        continue;
      }
      shown.push_back(gpu);
      // Who says so stands in `penstock catalog prices`.
      std::string text = fmt::format("{} {}/h, {}", gpu, amount(price.gpu_per_hour),
                                     printable(price.source.substr(0, price.source.find(':'))));
      if (price.high_per_hour > price.low_per_hour) {
        text += fmt::format("; offers from {} to {}", amount(price.low_per_hour),
                            amount(price.high_per_hour));
      }
      line("price", text);
    }
  }

  void trust(const PlannedPool& planned) {
    const output::Confidence confidence =
        output::assess_confidence(planned.scenario, planned.run.result);
    line("confidence", label(planned, output::confidence_text(confidence)));
    line("  extrapolated", output::join(confidence.extrapolated, " · "));
  }

  void refused() {
    constexpr std::size_t most = 8;
    const std::vector<RefusedShape>& all = output_.space.refused;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < std::min(all.size(), most); ++i) {
      names.push_back(all[i].title);
    }
    if (!all.empty()) {
      line("left out",
           fmt::format("{}{}: {}", output::join(names, ", "), all.size() > most ? ", ..." : "",
                       all.size() == 1 ? printable(all.front().reason) : "--format json says why"));
    }
  }

  void search() {
    line("search",
         fmt::format("{} simulations, {} combinations ruled out by arithmetic, {}",
                     output::group_digits(static_cast<std::int64_t>(plan_.counts.simulations)),
                     output::group_digits(static_cast<std::int64_t>(plan_.counts.pruned)),
                     output::span_text(output_.seconds)));
  }

  const PlanOutput& output_;
  const Plan& plan_;
  bool color_;
  std::string currency_;
  std::string out_;
};

std::string bound_text(const PlanOutput& output) {
  const Unreachable& bound = *output.plan.bound;
  const Shape& shape = output.space.shapes[output.plan.bound_shape];
  const std::string name = printable(shape.scenario.workload.classes[bound.class_index].name);
  if (bound.metric == "prompt") {
    return fmt::format(
        "no plan: {} of the requests of `{}` are too long\n"
        "  {} input and {} output tokens do not fit into the context or the KV cache of {}\n",
        percent(bound.share), name, output::group_digits(bound.input_tokens),
        output::group_digits(bound.output_tokens), shape.title());
  }
  return fmt::format(
      "no cluster meets {} {} ms of class `{}`\n"
      "  {} input and {} output tokens alone on {} take {} ms, however many replicas there are\n"
      "  {} of the class's requests are above the limit even so (allowed: {})\n",
      bound.metric, figure(bound.limit_ms), name, output::group_digits(bound.input_tokens),
      output::group_digits(bound.output_tokens), shape.title(), figure(bound.bound_ms),
      percent(bound.share), percent(1 - slo_of(shape.scenario, bound.class_index).attainment));
}

}  // namespace

std::string plan_table(const PlanOutput& output, bool color) {
  return PlanScreen(output, color).draw();
}

std::string no_plan_text(const PlanOutput& output) {
  const Plan& plan = output.plan;
  std::string text;
  if (plan.outcome == PlanOutcome::unreachable && plan.bound) {
    text = bound_text(output);
  } else if (plan.outcome == PlanOutcome::none) {
    text = "no plan within max_replicas and max_gpus meets the limits\n";
    if (plan.closest && plan.closest_misses) {
      text += fmt::format("  {} × {}: {}\n", plan.closest->replicas,
                          output.space.shapes[plan.closest->shape].title(),
                          over_limit(*plan.closest_misses));
    }
  } else if (plan.outcome == PlanOutcome::does_not_fit) {
    text = "no replica of the plan's space can be built\n";
  }
  for (const RefusedShape& refused : output.space.refused) {
    if (!text.empty()) {
      text += fmt::format("  {}: {}\n", refused.title, printable(refused.reason));
    }
  }
  text.resize(text.find_last_not_of('\n') + 1);
  return text;
}

}  // namespace penstock::explore
