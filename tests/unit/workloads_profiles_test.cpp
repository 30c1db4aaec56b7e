#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "config/mean_length.h"
#include "tests/support/arrivals.h"
#include "tests/support/config_text.h"
#include "workloads/lengths.h"

namespace penstock {
namespace {

/// A class with the lengths, the rank correlation and, if it has them, the arrivals of a profile.
ClassSpec class_of_profile(const std::string& name, bool with_arrivals, const std::string& rate) {
  const std::string arrivals = with_arrivals ? ", arrivals: " + name : "";
  const config::Loaded loaded =
      test::load_small({"workload={requests: 10, classes: [{name: p, rate: " + rate +
                        ", lengths: {profile: " + name + "}" + arrivals + "}]}"});
  CHECK(test::rendered(loaded) == "");
  return loaded.scenario.workload.classes.at(0);
}

std::vector<double> ranks_of(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i;
    while (end < order.size() && values[order[end]] == values[order[i]]) {
      ++end;
    }
    for (std::size_t j = i; j < end; ++j) {  // ties: the mean rank
      ranks[order[j]] = static_cast<double>(i + end - 1) / 2;
    }
    i = end;
  }
  return ranks;
}

double spearman(const std::vector<double>& x, const std::vector<double>& y) {
  const std::vector<double> a = ranks_of(x);
  const std::vector<double> b = ranks_of(y);
  const auto n = static_cast<double>(a.size());
  const double mean = (n - 1) / 2;
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean) * (b[i] - mean);
    aa += (a[i] - mean) * (a[i] - mean);
    bb += (b[i] - mean) * (b[i] - mean);
  }
  return ab / std::sqrt(aa * bb);
}

/// Largest distance between drawn lengths and the profile's quantile function. A length n stands
/// for [n - 1/2, n + 1/2): both ends of its step are looked at.
double distance_from(const LengthSpec& profile, std::vector<double> drawn) {
  std::sort(drawn.begin(), drawn.end());
  const auto n = static_cast<double>(drawn.size());
  double distance = 0;
  for (double p = 0.005; p < 1; p += 0.005) {
    const auto value = static_cast<double>(length_at(profile, p));
    const auto below = std::lower_bound(drawn.begin(), drawn.end(), value) - drawn.begin();
    const auto up_to = std::upper_bound(drawn.begin(), drawn.end(), value) - drawn.begin();
    distance = std::max(
        {distance, static_cast<double>(below) / n - p, p - static_cast<double>(up_to) / n});
  }
  return distance;
}

}  // namespace

TEST_CASE("generated lengths match each profile: means, distributions, rank correlation") {
  for (const char* name :
       {"azure-code-2023", "azure-conv-2023", "mooncake-conversation", "mooncake-synthetic",
        "ragpulse", "sharegpt-8k", "arxiv-summarization", "agent-coding", "agent-appworld",
        "agent-tau2-retail", "aibrix-8min", "me2-mixed", "servegen-m-large", "servegen-m-mid",
        "servegen-m-small", "servegen-deepseek-r1", "servegen-mm-image", "sharegpt-llama-300",
        "sharegpt-qwen3-300"}) {
    CAPTURE(name);
    const ClassSpec spec = class_of_profile(name, false, "1/s");
    GeneratedStream stream(spec, {.seed = 1});
    std::vector<double> input;
    std::vector<double> output;
    for (int i = 0; i < 60'000; ++i) {
      const Request request = stream.pop();
      input.push_back(static_cast<double>(request.input_tokens));
      output.push_back(static_cast<double>(request.output_tokens));
    }
    const auto mean = [](const std::vector<double>& values) {
      return std::accumulate(values.begin(), values.end(), 0.0) /
             static_cast<double>(values.size());
    };
    CHECK(mean(input) == doctest::Approx(config::mean_length(spec.input)).epsilon(0.03));
    CHECK(mean(output) == doctest::Approx(config::mean_length(spec.output)).epsilon(0.03));
    CHECK(distance_from(spec.input, input) < 0.03);
    CHECK(distance_from(spec.output, output) < 0.03);
    CHECK(std::abs(spearman(input, output) - spec.rank_correlation) < 0.02);
  }
}

TEST_CASE("arrivals like a profile's have its cv and its Fano factors within a fifth") {
  struct Measured {
    const char* name;
    double rate, cv, fano_1s, fano_10s, fano_60s;
  };
  // As in the files of workloads/profiles.
  for (const Measured& m : {Measured{"azure-code-2023", 2.566, 13.15, 13.19, 71.64, 164},
                            Measured{"azure-conv-2023", 5.53, 1.094, 1.385, 3.857, 16.13},
                            Measured{"mooncake-synthetic", 3.906, 1.011, 1.089, 1.178, 1.192}}) {
    CAPTURE(m.name);
    const ClassSpec spec = class_of_profile(m.name, true, std::to_string(m.rate) + "/s");
    const SimTime span = SimTime::from_seconds(200'000);
    const auto arrivals = test::arrivals_until(spec, span);
    const double seconds = span.seconds();
    CHECK(static_cast<double>(arrivals.size()) / seconds == doctest::Approx(m.rate).epsilon(0.06));
    double squares = 0;
    for (std::size_t i = 1; i < arrivals.size(); ++i) {
      const double gap = static_cast<double>(arrivals[i] - arrivals[i - 1]) / ps_per_s;
      squares += gap * gap;
    }
    const double mean = seconds / static_cast<double>(arrivals.size());
    const double cv =
        std::sqrt(squares / static_cast<double>(arrivals.size()) - mean * mean) / mean;
    CHECK(cv == doctest::Approx(m.cv).epsilon(0.2));
    const auto fano = [&](double window) {
      return test::fano(arrivals, SimTime::from_seconds(window), span);
    };
    CHECK(fano(1) == doctest::Approx(m.fano_1s).epsilon(0.2));
    CHECK(fano(10) == doctest::Approx(m.fano_10s).epsilon(0.2));
    CHECK(fano(60) == doctest::Approx(m.fano_60s).epsilon(0.2));
  }
}

TEST_CASE("a week of RAGPulse: Fano factors of a day's rise and fall") {
  const ClassSpec spec = class_of_profile("ragpulse", true, "0.01175/s");
  const SimTime span = SimTime::from_seconds(7 * 86'400 * 8.0);
  const auto arrivals = test::arrivals_until(spec, span);
  CHECK(test::fano(arrivals, SimTime::from_seconds(1), span) ==
        doctest::Approx(1.014).epsilon(0.2));
  CHECK(test::fano(arrivals, SimTime::from_seconds(60), span) ==
        doctest::Approx(1.732).epsilon(0.2));
  std::vector<double> hours(24);
  for (const std::int64_t at : arrivals) {
    hours[static_cast<std::size_t>(at / SimTime::from_seconds(3600).ps % 24)] += 1;
  }
  const auto [low, high] = std::minmax_element(hours.begin(), hours.end());
  CHECK(*high / *low > 20);  // measured 35
  CHECK(*high / (static_cast<double>(arrivals.size()) / 24) == doctest::Approx(3).epsilon(0.1));
}

}  // namespace penstock
