#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "tests/support/config_text.h"

namespace penstock::config {
namespace {

using test::load_small;
using test::only_error;
using test::rendered;

Loaded load_one(const std::string& keys, const std::string& more = "requests: 10") {
  return load_small({"workload={" + more + ", classes: [{name: a, " + keys + "}]}"});
}

constexpr const char* size_and_rate = "rate: 2/s, lengths: {input: 10, output: 10}, ";

/// The class with this `arrivals:` or `sessions:`.
ClassSpec class_with(const std::string& keys) {
  const Loaded loaded = load_one(size_and_rate + keys);
  CHECK(rendered(loaded) == "");
  return loaded.scenario.workload.classes.at(0);
}

std::string problem_with(const std::string& keys) {
  return only_error(load_one(size_and_rate + keys));
}

TEST_CASE("arrivals: gamma, weibull and on-off") {
  const ArrivalSpec gamma = class_with("arrivals: {process: gamma, cv: 2.5}").arrivals;
  CHECK(gamma.process == ArrivalSpec::Process::gamma);
  CHECK(gamma.cv == 2.5);
  CHECK(class_with("arrivals: {process: weibull, cv: 0.5}").arrivals.process ==
        ArrivalSpec::Process::weibull);
  const ArrivalSpec on_off =
      class_with("arrivals: {process: on_off, on: 10s, off: 1min, off_rate: 20%}").arrivals;
  CHECK(on_off.on == SimTime::from_seconds(10));
  CHECK(on_off.off == SimTime::from_seconds(60));
  CHECK(on_off.off_rate == 0.2);
  CHECK(on_off.cv == 1);
  CHECK(class_with("arrivals: {rescale: true}").arrivals.rescale);
}

TEST_CASE("arrivals of a profile are those fitted to it") {
  const ArrivalSpec code = class_with("arrivals: azure-code-2023").arrivals;
  CHECK(code.process == ArrivalSpec::Process::on_off);
  CHECK(code.cv == 2);
  CHECK(class_with("arrivals: ragpulse").arrivals.modulation.from.size() == 96);
  CHECK(problem_with("arrivals: sharegpt-8k") ==
        "the profile `sharegpt-8k` has lengths, but no arrivals");
  CHECK(problem_with("arrivals: poisson") ==
        "there is no length profile `poisson` in the catalogue");
}

TEST_CASE("a smooth day has its mean and its peak") {
  const RateModulation day =
      class_with("arrivals: {modulation: {diurnal: {peak: 2.2, at: 14h}}}").arrivals.modulation;
  REQUIRE(day.factors.size() == 96);
  CHECK(day.period == SimTime::from_seconds(86'400));
  CHECK(day.from[1] == SimTime::from_seconds(900));
  CHECK(std::accumulate(day.factors.begin(), day.factors.end(), 0.0) / 96 == doctest::Approx(1));
  CHECK(day.factors[14 * 4] == doctest::Approx(2.2));
  CHECK(*std::max_element(day.factors.begin(), day.factors.end()) == day.factors[14 * 4]);
  CHECK(day.factors[2 * 4] == *std::min_element(day.factors.begin(), day.factors.end()));
  const RateModulation flat =
      class_with("arrivals: {modulation: {diurnal: {peak: 1}, period: 1h}}").arrivals.modulation;
  CHECK(flat.factors[7] == doctest::Approx(1));
  CHECK(flat.period == SimTime::from_seconds(3600));
}

TEST_CASE("steps of a modulation") {
  const RateModulation steps =
      class_with(
          "arrivals: {modulation: {piecewise: [{from: 0s, factor: 1}, {from: 1h, factor: 3}], "
          "period: 2h}}")
          .arrivals.modulation;
  CHECK(steps.from == std::vector<SimTime>{SimTime{}, SimTime::from_seconds(3600)});
  CHECK(steps.factors == std::vector<double>{1, 3});
  CHECK(steps.period == SimTime::from_seconds(7200));
}

TEST_CASE("arrivals that make no sense are refused") {
  CHECK(problem_with("arrivals: {process: gamma}") == "`process: gamma` needs `cv`");
  CHECK(problem_with("arrivals: {cv: 2}") ==
        "`cv` is for `process: gamma`, `weibull` and `on_off` only");
  CHECK(problem_with("arrivals: {process: gamma, cv: 0}") == "`cv` must be at least 0.01");
  CHECK(problem_with("arrivals: {process: on_off, on: 10s}") == "`process: on_off` needs `off`");
  CHECK(problem_with("arrivals: {off: 10s}") == "`off` is for `process: on_off` only");
  CHECK(only_error(load_one("lengths: {input: 1, output: 1}, arrivals: {process: closed_loop, "
                            "concurrency: 2, rescale: true}")) ==
        "`rescale` is for processes with a rate only");
  const auto modulation = [](const std::string& text) {
    return problem_with("arrivals: {modulation: " + text + "}");
  };
  CHECK(modulation("{}") == "`modulation` takes one of `diurnal` and `piecewise`");
  CHECK(modulation("{piecewise: []}") == "`piecewise` is empty");
  CHECK(modulation("{piecewise: [{from: 1s, factor: 1}]}") == "the first step must begin at 0s");
  CHECK(modulation("{piecewise: [{from: 0s, factor: 1}, {from: 0s, factor: 2}]}") ==
        "steps must begin one after the other");
  CHECK(modulation("{piecewise: [{from: 0s, factor: 0}]}") == "no step has a factor above 0");
  CHECK(modulation("{piecewise: [{from: 0s, factor: 1}, {from: 9s, factor: 2}], period: 9s}") ==
        "`period` must be longer than the last step's `from`");
  CHECK(modulation("{diurnal: {peak: 2, at: 25h}}") == "the peak must lie within the period");
  CHECK(modulation("{diurnal: {peak: 0.5}}") == "`peak` must be at least 1");
  CHECK(problem_with("arrivals: {rescale: true, modulation: {diurnal: {peak: 2}}}") ==
        "`rescale` does not go with `modulation`");
  CHECK(only_error(load_one(std::string(size_and_rate) + "arrivals: {rescale: true}",
                            "duration: 1min")) == "`rescale` needs `workload.requests`");
}

TEST_CASE("clients") {
  const ArrivalSpec spec =
      class_with(
          "arrivals: {process: gamma, clients: {count: 162, zipf: 1.1, cv: {lognormal: {mean: 2, "
          "p95: 6}}}}")
          .arrivals;
  CHECK(spec.clients.count == 162);
  CHECK(spec.clients.skew == ClientSpec::Skew::zipf);
  CHECK(spec.clients.cv->kind == LengthSpec::Kind::lognormal);
  CHECK(problem_with("arrivals: {clients: {count: 2, zipf: 1, lognormal: 1}}") ==
        "`zipf` and `lognormal` exclude each other");
  CHECK(problem_with("arrivals: {clients: {count: 2, cv: 2}}") ==
        "clients have a `cv` with `process: gamma`, `weibull` or `on_off`");
  CHECK(problem_with("arrivals: {process: gamma, cv: 2, clients: {count: 2, cv: 2}}") ==
        "`cv` is given twice: of the process and of clients");
}

TEST_CASE("lengths: a profile, its rank correlation, and what stands in its place") {
  const auto lengths_of = [](const std::string& text) {
    const Loaded loaded = load_one("rate: 2/s, lengths: " + text);
    CHECK(rendered(loaded) == "");
    return loaded.scenario.workload.classes.at(0);
  };
  CHECK(lengths_of("ragpulse").rank_correlation == 0);
  CHECK(lengths_of("{profile: ragpulse}").rank_correlation == 0.421);
  CHECK(lengths_of("{profile: ragpulse, rank_correlation: -0.2}").rank_correlation == -0.2);
  const ClassSpec other = lengths_of("{profile: ragpulse, output: 7}");
  CHECK(other.output.a == 7);
  CHECK(other.input.values == lengths_of("ragpulse").input.values);
  CHECK(other.rank_correlation == 0);
  CHECK(only_error(load_one("rate: 2/s, lengths: {input: 5}")) == "`output` is missing");
  CHECK(only_error(load_one("rate: 2/s, lengths: {input: 5, output: 6, rank_correlation: 0.5}")) ==
        "`rank_correlation` needs an input and an output that vary");
  CHECK(only_error(load_one("rate: 2/s, lengths: {profile: ragpulse, rank_correlation: 2}")) ==
        "`rank_correlation` must be at most 1");
}

TEST_CASE("sessions: times in seconds, tokens as given, no context beyond max_model_len") {
  const SessionSpec spec =
      *class_with(
           "sessions: {turns: {uniform: [2, 6]}, think: {lognormal: {mean: 40s, p95: 2min}}, "
           "tools: "
           "{share: 50%, delay: 300ms}, branches: {share: 20%, count: 3, input: 50}}")
           .sessions;
  CHECK(spec.turns.b == 6);
  CHECK(std::exp(spec.think.a + spec.think.b * spec.think.b / 2) == doctest::Approx(40));
  CHECK(spec.tool_delay.a == doctest::Approx(0.3));
  CHECK(spec.follow_up.a == 10);
  CHECK(spec.tool_result.a == 10);
  CHECK(spec.branch_output.a == 10);
  CHECK(spec.max_context == 131'072);
  CHECK(class_with("sessions: {turns: 3, think: 1s, max_context: 999}").sessions->max_context ==
        999);
  CHECK(class_with("sessions: {turns: 3, think: {quantiles: {p50: 40s, p95: 1024s}}}")
            .sessions->think.values == std::vector<double>{40, 40, 1024, 1024});
  CHECK(
      load_small({"engine.max_model_len=500", "workload.classes[0].sessions={turns: 3, think: 1s}"})
          .scenario.workload.classes[0]
          .sessions->max_context == 500);
}

TEST_CASE("prefixes: what is shared, by how many groups, of how many prompts") {
  const PrefixSpec spec = class_with("prefix: {shared: 600, groups: 150, prompts: 5}").prefix;
  CHECK(spec.shared == 600);
  CHECK(spec.groups == 150);
  CHECK(spec.prompts == 5);
  CHECK(class_with("prefix: {shared: 600}").prefix.prompts == 0);
  CHECK(only_error(load_one("rate: 2/s, lengths: {input: 5, output: 6}, "
                            "prefix: {shared: 2, groups: 5000000, prompts: 3}")) ==
        "5000000 groups of 3 prompts: more than 10000000 in all");
  CHECK(only_error(load_one("rate: 2/s, lengths: {input: 5, output: 6}, "
                            "prefix: {shared: 2, prompts: 3}, sessions: {turns: 3, think: 1s}")) ==
        "`prompts` do not go with `sessions`");
}

TEST_CASE("sessions that make no sense are refused") {
  CHECK(problem_with("sessions: {turns: 3}") == "`think` is missing");
  CHECK(problem_with("sessions: {turns: 0, think: 1s}") == "`turns` must be at least 1");
  CHECK(problem_with("sessions: {turns: 3, think: 5}") == "`think`: `5` needs a unit");
  CHECK(problem_with("sessions: {turns: 3, think: 1s, tools: {share: 0%, delay: 1s}}") ==
        "`share` must be more than 0");
  CHECK(problem_with("sessions: {turns: 3, think: 1s}, arrivals: {rescale: true}") ==
        "`sessions` do not go with `rescale`: the last request is not known");
  CHECK(only_error(load_one("lengths: {input: 1, output: 1}, arrivals: {process: offline}, "
                            "sessions: {turns: 3, think: 1s}")) ==
        "`sessions` do not go with `process: offline`");
  CHECK(only_error(load_one("tokens_per_day: 40M, lengths: {input: 1, output: 1}, sessions: "
                            "{turns: 3, think: 1s}")) ==
        "`tokens_per_day` does not go with `sessions`");
}

}  // namespace
}  // namespace penstock::config
