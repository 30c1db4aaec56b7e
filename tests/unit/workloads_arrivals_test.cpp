#include <doctest/doctest.h>

#include <algorithm>
#include <boost/math/distributions/gamma.hpp>
#include <boost/math/distributions/weibull.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "tests/support/arrivals.h"
#include "tests/support/workload_text.h"
#include "workloads/clients.h"
#include "workloads/rate_clock.h"
#include "workloads/replay.h"
#include "workloads/special.h"

namespace penstock {
namespace {

using test::arrivals_until;
using test::fano;
using test::gaps_of;
using test::make_class;
using Process = ArrivalSpec::Process;

ClassSpec open_class(Process process, double rate, double cv = 1) {
  ClassSpec spec = make_class("open", rate);
  spec.arrivals.process = process;
  spec.arrivals.cv = cv;
  return spec;
}

constexpr SimTime seconds_of(double s) { return SimTime::from_seconds(s); }

double mean_of_gaps(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double cv_of_gaps(const std::vector<double>& values) {
  const double mean = mean_of_gaps(values);
  double squares = 0;
  for (const double value : values) {
    squares += (value - mean) * (value - mean);
  }
  return std::sqrt(squares / static_cast<double>(values.size())) / mean;
}

double ks_of_gaps(std::vector<double> values, const std::function<double(double)>& cdf) {
  std::sort(values.begin(), values.end());
  double distance = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double at = cdf(values[i]);
    const auto n = static_cast<double>(values.size());
    distance = std::max({distance, std::abs(at - static_cast<double>(i) / n),
                         std::abs(at - static_cast<double>(i + 1) / n)});
  }
  return distance;
}

}  // namespace

TEST_CASE("gamma gaps have their mean, their cv and the distribution itself") {
  for (const double cv : {0.2, 0.5, 1.5, 2.0}) {  // far above, many gaps are below a picosecond
    CAPTURE(cv);
    const auto gaps = gaps_of(open_class(Process::gamma, 5, cv), 40'000);
    CHECK(std::abs(mean_of_gaps(gaps) * 5 - 1) < 4 * cv / 200);
    CHECK(cv_of_gaps(gaps) == doctest::Approx(cv).epsilon(0.05));
    const double shape = 1 / (cv * cv);
    const boost::math::gamma_distribution<> gamma(shape, 0.2 / shape);
    CHECK(ks_of_gaps(gaps, [&](double x) { return boost::math::cdf(gamma, x); }) < 0.01);
  }
}

TEST_CASE("Weibull gaps have their mean, their cv and the distribution itself") {
  for (const double cv : {0.2, 0.7, 1.5, 4.0}) {
    CAPTURE(cv);
    const auto gaps = gaps_of(open_class(Process::weibull, 5, cv), 40'000);
    CHECK(std::abs(mean_of_gaps(gaps) * 5 - 1) < 4 * cv / 200);
    CHECK(cv_of_gaps(gaps) == doctest::Approx(cv).epsilon(0.1));
    const double shape = weibull_shape(cv);
    const boost::math::weibull_distribution<> weibull(shape,
                                                      0.2 / boost::math::tgamma(1 + 1 / shape));
    CHECK(boost::math::standard_deviation(weibull) / boost::math::mean(weibull) ==
          doctest::Approx(cv).epsilon(1e-9));
    CHECK(ks_of_gaps(gaps, [&](double x) { return boost::math::cdf(weibull, x); }) < 0.01);
  }
}

TEST_CASE("a gamma process with a cv of 1 is a Poisson process, to the picosecond") {
  CHECK(gaps_of(open_class(Process::gamma, 3), 1000) ==
        gaps_of(open_class(Process::poisson, 3), 1000));
}

TEST_CASE("gaps of any cv are the same on every machine") {
  const auto first = [](Process process, double cv) {
    return arrivals_until(open_class(process, 2, cv), SimTime::max(), 3);
  };
  // Computed by a script of its own: SplitMix64, FNV-1a, xoshiro256++, Marsaglia and Tsang.
  CHECK(first(Process::gamma, 3) ==
        std::vector<std::int64_t>{1'734'297'488, 137'651'910'407, 141'710'031'026});
  CHECK(first(Process::weibull, 3) ==
        std::vector<std::int64_t>{27'802'852'963, 83'331'892'188, 202'493'053'847});
}

TEST_CASE("functions of special.h agree with Boost's") {
  for (double x = 0.01; x < 300; x *= 1.3) {
    CHECK(log_gamma(x) == doctest::Approx(boost::math::lgamma(x)).epsilon(1e-12));
  }
  for (double z = -7; z <= 7; z += 0.37) {
    CHECK(normal_cdf(z) == doctest::Approx(0.5 * std::erfc(-z / std::sqrt(2.0))).epsilon(1e-9));
  }
  CHECK(normal_cdf(-40) > 0);
  CHECK(normal_cdf(40) < 1);
  CHECK(normal_correlation(1) == doctest::Approx(1));
  CHECK(normal_correlation(-0.5) == doctest::Approx(2 * std::sin(-std::acos(-1.0) / 12)));
}

TEST_CASE("counts of an on-off process have the closed form's Fano factors") {
  // MMPP-2: 1 + 2 p q (r1 - r0)² / (λ σ) (1 - (1 - e^-σT) / (σT)), σ = 1/on + 1/off.
  ClassSpec spec = open_class(Process::on_off, 4);
  spec.arrivals.on = seconds_of(3);
  spec.arrivals.off = seconds_of(9);
  for (const double off_rate : {0.0, 0.4}) {
    spec.arrivals.off_rate = off_rate;
    const double on_share = 0.25;
    const double on_per_s = 4 / (on_share + (1 - on_share) * off_rate);
    const double sigma = 1.0 / 3 + 1.0 / 9;
    const double step = on_per_s * (1 - off_rate);
    const SimTime span = seconds_of(60'000);
    const auto arrivals = arrivals_until(spec, span);
    CHECK(static_cast<double>(arrivals.size()) == doctest::Approx(4 * 60'000).epsilon(0.04));
    for (const double window : {1.0, 10.0, 60.0}) {
      CAPTURE(window);
      const double x = sigma * window;
      const double closed = 1 + 2 * on_share * (1 - on_share) * step * step / (4 * sigma) *
                                    (1 - (1 - std::exp(-x)) / x);
      CHECK(fano(arrivals, seconds_of(window), span) == doctest::Approx(closed).epsilon(0.12));
    }
  }
}

TEST_CASE("a modulated process has its factors, and its cv in the time that bends") {
  ClassSpec spec = open_class(Process::gamma, 10, 2);
  spec.arrivals.modulation = {
      .from = {SimTime{}, seconds_of(100)}, .factors = {0.5, 3}, .period = seconds_of(200)};
  const auto arrivals = arrivals_until(spec, seconds_of(40'000));
  double slow = 0;
  double fast = 0;
  for (const std::int64_t at : arrivals) {
    (at % seconds_of(200).ps < seconds_of(100).ps ? slow : fast) += 1;
  }
  CHECK(slow == doctest::Approx(20'000 * 5).epsilon(0.04));
  CHECK(fast == doctest::Approx(20'000 * 30).epsilon(0.04));
  // Back in its own time, it is the process that it was without.
  const auto plain = arrivals_until(open_class(Process::gamma, 10, 2), SimTime::max(), 5000);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const std::int64_t cycle = arrivals[i] / seconds_of(200).ps;
    const std::int64_t rest = arrivals[i] % seconds_of(200).ps;
    const std::int64_t slow_part = std::min(rest, seconds_of(100).ps);
    const std::int64_t own = cycle * seconds_of(350).ps + slow_part / 2 + 3 * (rest - slow_part);
    REQUIRE(std::abs(own - plain[i]) < 4 * static_cast<std::int64_t>(i + 2));
  }
}

TEST_CASE("nothing arrives while the factor is 0, and never again after a last one") {
  ClassSpec spec = open_class(Process::constant, 1);
  spec.arrivals.modulation = {.from = {SimTime{}, seconds_of(2.5), seconds_of(4)},
                              .factors = {1, 0, 2}};
  const auto arrivals = arrivals_until(spec, seconds_of(6));
  CHECK(arrivals == std::vector<std::int64_t>{seconds_of(1).ps, seconds_of(2).ps,
                                              seconds_of(4.25).ps, seconds_of(4.75).ps,
                                              seconds_of(5.25).ps, seconds_of(5.75).ps});
  spec.arrivals.modulation.factors = {1, 1, 0};
  CHECK(arrivals_until(spec, SimTime::max()).size() == 4);
}

TEST_CASE("rescaled arrivals end at requests / rate exactly and keep their shape") {
  for (const Process process : {Process::poisson, Process::gamma, Process::weibull}) {
    ClassSpec spec = open_class(process, 3, 2);
    constexpr std::uint64_t count = 1000;
    const auto plain = arrivals_until(spec, SimTime::max(), count);
    spec.arrivals.rescale = true;
    const auto arrivals = arrivals_until(spec, SimTime::max(), count);
    REQUIRE(arrivals.size() == count);
    CHECK(arrivals.back() == 333'333'333'333'333);
    const double factor = static_cast<double>(arrivals.back()) / static_cast<double>(plain.back());
    for (std::size_t i = 0; i < count; ++i) {
      REQUIRE(static_cast<double>(arrivals[i]) ==
              doctest::Approx(factor * static_cast<double>(plain[i])).epsilon(1e-9));
    }
  }
}

TEST_CASE("clients share the rate as their skew says, each with a process of its own") {
  ArrivalSpec spec;
  spec.clients.count = 50;
  spec.clients.skew = ClientSpec::Skew::zipf;
  spec.clients.spread = 1;
  const auto clients = draw_clients(spec, 1, "c");
  double harmonic = 0;
  for (int i = 1; i <= 50; ++i) {
    harmonic += 1.0 / i;
  }
  CHECK(clients[0].share == doctest::Approx(1 / harmonic));
  CHECK(clients[9].share == doctest::Approx(0.1 / harmonic));
  spec.clients.skew = ClientSpec::Skew::lognormal;
  spec.clients.spread = 2;
  spec.clients.cv = test::make_length(LengthSpec::Kind::uniform, 1, 5);
  double sum = 0;
  for (const Client& client : draw_clients(spec, 1, "c")) {
    sum += client.share;
    CHECK(client.cv >= 1);
    CHECK(client.cv <= 5);
  }
  CHECK(sum == doctest::Approx(1));
}

TEST_CASE("many bursty clients together are nearly a Poisson process, one alone is not") {
  ClassSpec spec = open_class(Process::gamma, 50, 1.5);
  const SimTime span = seconds_of(4000);
  const SimTime window = seconds_of(0.2);
  const double alone = fano(arrivals_until(spec, span), window, span);
  spec.arrivals.clients.count = 400;
  const auto arrivals = arrivals_until(spec, span);
  CHECK(static_cast<double>(arrivals.size()) == doctest::Approx(200'000).epsilon(0.05));
  CHECK(std::is_sorted(arrivals.begin(), arrivals.end()));
  CHECK(alone > 1.8);
  CHECK(fano(arrivals, window, span) < 1.3);
}

}  // namespace penstock
