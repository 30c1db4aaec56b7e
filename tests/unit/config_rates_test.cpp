#include <doctest/doctest.h>

#include <cmath>

#include "config/mean_length.h"
#include "tests/support/config_text.h"
#include "tests/support/shared.h"
#include "workloads/lengths.h"

namespace penstock::config {
namespace {

using test::load_small;
using test::load_text;
using test::only_error;
using test::rendered;

/// A workload of one class with these keys, its lengths included.
Loaded load_class(const std::string& keys, const std::string& more = "") {
  return load_small({"workload={requests: 10" + more + ", classes: [{name: chat, " + keys + "}]}"});
}

/// Its lengths, 100 + 100 tokens.
constexpr const char* fixed_lengths = ", lengths: {input: 100, output: 100}";

TEST_CASE("rate scales of the workload and of a class multiply its rate") {
  const auto rate = [](const std::string& keys, const std::string& more) {
    const Loaded loaded = load_class(keys + fixed_lengths, more);
    CHECK(rendered(loaded) == "");
    return loaded.scenario.workload.classes.at(0).rate;
  };
  CHECK(rate("rate: 8/s", "") == 8);
  CHECK(rate("rate: 8/s", ", rate_scale: 2") == 16);
  CHECK(rate("rate: 8/s, rate_scale: 0.5", ", rate_scale: 3") == 12);
  CHECK(rate("share: 100%", ", rate: 5/s, rate_scale: 2") == 10);
  CHECK(rate("rate_scale: 1.5", ", rate: 4/s") == 6);
  CHECK(load_small({"workload.rate_scale=2"}).scenario.workload.classes[0].rate == 16);
  CHECK(load_small({"workload.classes[0].rate_scale=2"}).scenario.workload.classes[0].rate == 16);
}

TEST_CASE("the workload's rate scale compresses the trace, on top of the trace's") {
  const std::string file = (test::source_dir() / "README.md").string();
  const Loaded loaded =
      load_small({"workload={rate_scale: 3, trace: {file: " + file + ", rate_scale: 2}}"});
  REQUIRE(loaded.ok);
  CHECK(loaded.scenario.workload.trace->rate_scale == 6);
}

TEST_CASE("a class without a rate has none to scale") {
  CHECK(only_error(load_class("rate_scale: 2, arrivals: {process: offline}" +
                              std::string(fixed_lengths))) ==
        "`rate_scale` has no meaning with `process: offline`");
  CHECK(load_class("rate_scale: 1, arrivals: {process: offline}" + std::string(fixed_lengths)).ok);
  CHECK(rendered(load_text(R"(model: llama-3.1-8b
cluster: {gpu: h100-sxm}
workload:
  requests: 10
  rate_scale: 2
  classes:
    - name: chat
      arrivals: {process: closed_loop, concurrency: 4}
      tokens_per_day: 5M
      lengths: {input: 10, output: 10}
prices: {gpu: $2/h}
)")) == R"(error: class `chat` has no rate to scale: its process is closed_loop
  --> w.yaml:5:15
5 |   rate_scale: 2
  |               ^
error: `tokens_per_day` has no meaning with `process: closed_loop`
  --> w.yaml:9:7
9 |       tokens_per_day: 5M
  |       ^^^^^^^^^^^^^^
2 errors; nothing was run
)");
}

TEST_CASE("rate scales that make no sense are refused") {
  CHECK(only_error(load_small({"workload.rate_scale=0"})) == "`rate_scale` must be at least 1e-06");
  CHECK(only_error(load_small({"workload.rate_scale=2x"})) ==
        "`rate_scale`: `2x` has a unit, but a plain number is needed");
  CHECK(only_error(load_small({"workload.classes[0].rate=2/d", "workload.rate_scale=0.1"})) ==
        "with a `rate_scale` of 0.1 this is less than one request a day");
  CHECK(only_error(load_small({"workload.classes[0].rate=1e9/s", "workload.rate_scale=2"})) ==
        "with a `rate_scale` of 2 this is more than 1,000,000,000 requests a second");
}

TEST_CASE("tokens a day are a rate, by the mean lengths") {
  const Loaded loaded = load_class("tokens_per_day: 40M" + std::string(fixed_lengths));
  CHECK(rendered(loaded) == "");
  CHECK(loaded.scenario.workload.classes.at(0).rate == doctest::Approx(40e6 / 86400 / 200));
  CHECK(loaded.notes.back() == "chat: 40M tokens/day = 2.31 requests/s of 100 + 100 tokens");
  const Loaded scaled = load_class(
      "tokens_per_day: 864k, rate_scale: 2" + std::string(fixed_lengths), ", rate_scale: 3");
  CHECK(scaled.scenario.workload.classes.at(0).rate == doctest::Approx(0.3));
  CHECK(scaled.notes.back() ==
        "chat: 864k tokens/day = 0.05 requests/s of 100 + 100 tokens, x 6 by rate_scale");
}

TEST_CASE("a class has one of rate, share and tokens_per_day") {
  const auto problem = [](const std::string& keys, const std::string& more = "") {
    return only_error(load_class(keys + fixed_lengths, more));
  };
  CHECK(problem("rate: 1/s, tokens_per_day: 1M") ==
        "`rate` and `tokens_per_day` exclude each other");
  CHECK(problem("tokens_per_day: 1M, share: 50%", ", rate: 1/s") ==
        "`share` and `tokens_per_day` exclude each other");
  CHECK(problem("tokens_per_day: 1M", ", rate: 1/s") ==
        "`workload.rate` is given: classes have a `share` of it");
  CHECK(problem("tokens_per_day: 199") == "this is less than one request a day");
  CHECK(problem("tokens_per_day: 0") == "`tokens_per_day` must be more than 0");
  CHECK(problem("tokens_per_day: 5e17") == "this is more than 1,000,000,000 requests a second");
  CHECK(problem("tokens_per_day: 40m") == "`tokens_per_day`: `40m` has the unknown unit `m`");
}

/// Mean of a length by numerical integration of its quantile function.
double integrated_mean(const LengthSpec& spec) {
  constexpr int steps = 400'000;
  double sum = 0;
  for (int i = 0; i < steps; ++i) {
    sum += static_cast<double>(length_at(spec, (i + 0.5) / steps));
  }
  return sum / steps;
}

TEST_CASE("mean lengths are those of the distributions that are drawn from") {
  const auto output = [](const std::string& text) {
    return load_small({"workload.classes[0].lengths.output=" + text})
        .scenario.workload.classes.at(0)
        .output;
  };
  CHECK(mean_length(output("8000")) == 8000);
  CHECK(mean_length(output("{uniform: [5, 50]}")) == 27.5);
  CHECK(mean_length(output("{lognormal: {mean: 2000, p95: 7300}}")) == doctest::Approx(2000));
  CHECK(mean_length(output("{quantiles: {p0: 10, p50: 20, p100: 100}}")) == doctest::Approx(37.5));
  for (const char* text : {"{uniform: [100, 500]}", "{lognormal: {mean: 2000, p95: 4000}}",
                           "{quantiles: {p5: 60, p50: 130, p75: 240, p95: 900, p99: 2510}}"}) {
    CAPTURE(text);
    const LengthSpec spec = output(text);
    CHECK(mean_length(spec) == doctest::Approx(integrated_mean(spec)).epsilon(0.002));
  }
}

}  // namespace
}  // namespace penstock::config
