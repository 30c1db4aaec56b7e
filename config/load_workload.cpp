#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "config/load_parts.h"
#include "config/text.h"

namespace penstock::config {

namespace {

using Process = ArrivalSpec::Process;

Process process_of_trace(std::string_view name) {
  return name == "constant"      ? Process::constant
         : name == "offline"     ? Process::offline
         : name == "closed_loop" ? Process::closed_loop
                                 : Process::poisson;
}

class WorkloadLoader {
 public:
  WorkloadLoader(const LoadContext& context, Scenario& scenario)
      : section_(context.root.section("workload")),
        context_(context),
        reporter_(context.reporter),
        scenario_(scenario),
        spec_(scenario.workload) {}

  void load() {
    spec_.requests = static_cast<std::uint64_t>(section_.whole("requests").value_or(0));
    spec_.duration = section_.time("duration").value_or(SimTime{});
    spec_.warmup = section_.time("warmup").value_or(SimTime{});
    timeout_ = section_.time("timeout").value_or(timeout_);
    total_rate_ = section_.number("rate");
    const std::vector<Section> classes = section_.sections("classes");
    for (const Section& klass : classes) {
      if (spec_.classes.size() < max_classes) {
        load_class(klass, classes.size());
      }
    }
    if (classes.size() > max_classes) {
      reporter_.error(section_.span("classes"), fmt::format("more than {} classes", max_classes));
    }
    check_shares(classes);
    check_offline(classes);
    if (section_.has("trace")) {
      load_trace();
    }
    if (section_.is_given()) {
      check_extent(!classes.empty());
    }
  }

 private:
  static constexpr std::size_t max_classes = 1000;
  static constexpr std::int64_t most_prompts = 10'000'000;

  void load_class(const Section& section, std::size_t count) {
    ClassSpec spec;
    spec.name = section.text("name").value_or("");
    check_name(section, spec.name);
    spec.priority = static_cast<std::int32_t>(section.whole("priority").value_or(0));
    if (section.section("slo").is_given()) {
      spec.slo = read_slo(section.section("slo"), scenario_.slo);
    }
    spec.timeout = section.time("timeout").value_or(timeout_);
    load_lengths(context_, section, spec);
    const Section prefix = section.section("prefix");
    spec.prefix.shared = prefix.whole("shared").value_or(0);
    spec.prefix.groups = prefix.whole("groups").value_or(1);
    spec.prefix.prompts = prefix.whole("prompts").value_or(0);
    check_prompts(section, prefix, spec.prefix);
    load_traffic(section, count, spec);
    spec_.classes.push_back(std::move(spec));
  }

  void check_name(const Section& section, const std::string& name) {
    if (name.empty()) {
      return;  // reported as missing
    }
    const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    if (std::any_of(name.begin(), name.end(), is_control)) {
      reporter_.error(section.span("name"), "a class name has no control characters",
                      "letters, digits and signs are fine");
    } else if (!names_.insert(name).second) {
      reporter_.error(section.span("name"),
                      fmt::format("there is a class `{}` already", excerpt(name)));
    } else if (name == "default" && section_.has("trace")) {
      reporter_.error(section.span("name"), "`default` is the class of the trace's requests",
                      "call this one something else");
    }
  }

  void check_prompts(const Section& section, const Section& prefix, const PrefixSpec& spec) {
    if (spec.prompts > 0 && section.has("sessions")) {
      reporter_.error(prefix.key_span("prompts"), "`prompts` do not go with `sessions`",
                      "conversations share the beginning only: leave it out");
    } else if (spec.prompts > 0 && spec.groups > most_prompts / spec.prompts) {
      reporter_.error(prefix.span("prompts"),
                      fmt::format("{} groups of {} prompts: more than {} in all", spec.groups,
                                  spec.prompts, most_prompts),
                      "without `prompts` each request's own tokens are new");
    }
  }

  void load_traffic(const Section& section, std::size_t count, ClassSpec& spec) {
    load_arrivals(context_, section, spec);
    const bool is_closed = spec.arrivals.process == Process::closed_loop;
    if (is_closed || spec.arrivals.process == Process::offline) {
      spec.share = section.number("share").value_or(0);
      refuse_rate(context_, section, is_closed ? "closed_loop" : "offline", is_closed, spec);
    } else {
      load_rate(context_, section, count, spec);
    }
    any_offline_ |= spec.arrivals.process == Process::offline;
    load_sessions(context_, section, scenario_.engine.max_model_len, spec);
    if (spec.arrivals.rescale) {
      check_rescale(section.section("arrivals"), count);
    }
  }

  /// The last request can be known only if the workload says how many one class sends.
  void check_rescale(const Section& arrivals, std::size_t count) {
    const char* problem = !section_.has("requests") ? "needs `workload.requests`"
                          : count > 1 ? "needs a class alone: which of the requests are its own is "
                                        "not known before"
                                      : nullptr;
    if (problem != nullptr) {
      reporter_.error(arrivals.key_span("rescale"), fmt::format("`rescale` {}", problem));
    }
  }

  /// Shares must be a whole: of the rate, and of the requests of offline classes.
  void check_shares(const std::vector<Section>& classes) {
    for (const bool offline : {false, true}) {
      double sum = 0;
      std::size_t shared = 0;
      std::size_t members = 0;
      Span span;
      for (std::size_t i = 0; i < spec_.classes.size(); ++i) {
        const ClassSpec& spec = spec_.classes[i];
        if ((spec.arrivals.process == Process::offline) != offline ||
            spec.arrivals.process == Process::closed_loop) {
          continue;
        }
        ++members;
        if (spec.share > 0) {
          sum += spec.share;
          ++shared;
          span = classes[i].span("share");
        }
      }
      if (shared > 0 && shared == members && std::abs(sum - 1) > 1e-9) {
        reporter_.error(span, fmt::format("the shares sum to {:.6g} %, not 100 %", 100 * sum));
      } else if (offline && shared < members && members > 1) {
        reporter_.error(section_.span("classes"),
                        "several offline classes need a `share` each of `workload.requests`");
      }
    }
    if (total_rate_ && classes.empty()) {
      reporter_.error(section_.key_span("rate"), "`workload.rate` without classes");
    }
    if (spec_.classes.size() == 1 && any_offline_ && spec_.classes[0].share == 0) {
      spec_.classes[0].share = 1;
    }
  }

  /// Offline requests come first and use up `workload.requests`.
  void check_offline(const std::vector<Section>& classes) {
    const auto first = [this](bool offline) {
      return std::find_if(spec_.classes.begin(), spec_.classes.end(),
                          [offline](const ClassSpec& c) {
                            return (c.arrivals.process == Process::offline) == offline;
                          });
    };
    const auto all = first(true);
    const auto none = first(false);
    if (all == spec_.classes.end() || none == spec_.classes.end()) {
      return;
    }
    Diagnostic& d = reporter_.error(
        classes[static_cast<std::size_t>(all - spec_.classes.begin())].key_span("arrivals"),
        fmt::format("the offline class `{}` takes all of `workload.requests`: class `{}` would get "
                    "no request",
                    excerpt(all->name), excerpt(none->name)));
    d.notes.emplace_back("offline classes go with each other or with a `trace`");
  }

  void load_trace() {
    const Section section = section_.section("trace");
    TraceSpec trace = read_trace(context_, section);
    trace.rate_scale *= section_.number("rate_scale").value_or(1);
    spec_.trace_class = static_cast<std::uint16_t>(spec_.classes.size());
    spec_.classes.emplace_back();
    spec_.classes.back().timeout = timeout_;
    if (trace.has_arrivals) {
      load_trace_arrivals(section, spec_.classes.back());
    }
    spec_.trace = std::move(trace);
  }

  void load_process(const Section& arrivals, ClassSpec& spec) {
    spec.arrivals.process = process_of_trace(arrivals.choice("process").value_or("poisson"));
    spec.arrivals.concurrency = arrivals.whole("concurrency").value_or(0);
    spec.arrivals.think = arrivals.time("think").value_or(SimTime{});
    const bool is_closed = spec.arrivals.process == Process::closed_loop;
    for (const std::string_view key : {"concurrency", "think"}) {
      if (arrivals.has(key) && !is_closed) {
        reporter_.error(arrivals.key_span(key),
                        fmt::format("`{}` is for `process: closed_loop` only", key));
      }
    }
    if (is_closed && !arrivals.has("concurrency")) {
      reporter_.error(arrivals.span(), "`process: closed_loop` needs `concurrency`");
    }
  }

  /// An arrival process for a trace without times, or instead of its own.
  void load_trace_arrivals(const Section& section, ClassSpec& spec) {
    load_process(section.section("arrivals"), spec);
    spec.rate = section.number("rate").value_or(0);
    const bool has_rate =
        spec.arrivals.process == Process::poisson || spec.arrivals.process == Process::constant;
    if (has_rate && !section.has("rate")) {
      reporter_.error(section.key_span("arrivals"),
                      "these arrivals need a `rate`, such as rate: 5/s");
    } else if (!has_rate && section.has("rate")) {
      reporter_.error(section.key_span("rate"), "`rate` is for poisson and constant arrivals only");
    }
  }

  void check_extent(bool has_classes) {
    if (!has_classes && !spec_.trace) {
      if (!section_.has("classes")) {
        reporter_.error(section_.span(), "`workload` has neither a `trace` nor `classes`");
      } else if (section_.find("classes")->is_sequence()) {
        reporter_.error(section_.span("classes"), "`classes` is empty");
      }
      return;
    }
    if (!has_classes) {
      for (const std::string_view key : {"requests", "duration"}) {
        if (section_.has(key)) {
          Diagnostic& d =
              reporter_.warning(section_.key_span(key),
                                fmt::format("`workload.{}` bounds generated traffic, and there "
                                            "is none",
                                            key));
          d.notes.push_back(fmt::format("`workload.trace.{}` cuts the trace", key));
        }
      }
    } else if (!section_.has("requests") && !section_.has("duration")) {
      reporter_.error(section_.span(), "generated traffic needs `requests` or `duration`",
                      "such as requests: 5000");
    } else if (any_offline_ && !section_.has("requests")) {
      reporter_.error(section_.span(), "offline classes need `requests`: they arrive all at once");
    }
    check_times();
  }

  void check_times() {
    if (spec_.duration > SimTime{} && spec_.warmup >= spec_.duration) {
      reporter_.error(section_.span("warmup"), "`warmup` leaves nothing of `duration` to measure");
    }
    double rate = 0;
    for (const ClassSpec& spec : spec_.classes) {
      rate += spec.rate;
    }
    const double seconds = rate > 0 ? static_cast<double>(spec_.requests) / rate : 0;
    if (spec_.duration == SimTime{} && seconds > SimTime::max().seconds()) {
      reporter_.error(section_.span("requests"),
                      fmt::format("{} requests at {}/s take {:.0f} days; 100 are the most",
                                  group_digits(static_cast<std::int64_t>(spec_.requests)),
                                  number_text(rate), seconds / 86400));
    }
  }

  Section section_;
  const LoadContext& context_;
  Reporter& reporter_;
  Scenario& scenario_;
  WorkloadSpec& spec_;
  std::optional<double> total_rate_;
  std::set<std::string> names_;
  bool any_offline_ = false;
  SimTime timeout_ = SimTime::never();
};

}  // namespace

Slo read_slo(const Section& section, const Slo& otherwise) {
  Slo slo;
  slo.ttft = section.time("ttft").value_or(Slo::none);
  slo.tpot = section.time("tpot").value_or(Slo::none);
  slo.e2e = section.time("e2e").value_or(Slo::none);
  slo.attainment = section.number("attainment").value_or(otherwise.attainment);
  return slo;
}

void load_workload(const LoadContext& context, Scenario& scenario) {
  scenario.slo = read_slo(context.root.section("slo"), Slo{});
  WorkloadLoader(context, scenario).load();
}

}  // namespace penstock::config
