#include <doctest/doctest.h>

#include <string>

#include "sim/core/rng.h"
#include "sim/cost/energy.h"
#include "tests/support/config_text.h"
#include "tests/support/engine_probe.h"

/// Laws of energy, on random loads of a small model on real hardware.
namespace penstock {
namespace {

struct Case {
  std::string describe;
  Scenario scenario;
  std::vector<Request> requests;
};

Case random_case(std::uint64_t seed) {
  Rng rng(seed, "energy_laws");
  const char* gpus[] = {"h100-sxm", "l40s", "b200", "a100-80-sxm"};
  const std::string gpu = gpus[rng.below(4)];
  const std::string replicas = std::to_string(1 + rng.below(3));
  const std::string tensor_parallel = rng.below(2) == 0 ? "1" : "2";
  Case one{"seed " + std::to_string(seed) + ", " + gpu,
           test::load_small({"cluster.gpu=" + gpu, "cluster.replicas=" + replicas,
                             "cluster.tensor_parallel=" + tensor_parallel})
               .scenario,
           {}};
  const double rate = 1 + static_cast<double>(rng.below(60));
  double now = 0;
  for (int i = 0; i < 200; ++i) {
    now += rng.exponential(1 / rate);
    const auto input = static_cast<std::int64_t>(1 + rng.below(3000));
    const auto output = static_cast<std::int64_t>(1 + rng.below(200));
    one.requests.push_back(probe::request(now, input, output));
  }
  return one;
}

Result run(const Case& one, bool leaping = true) {
  SimulationOptions options;
  options.leaping = leaping;
  probe::ListSource source(one.requests);
  return simulate(one.scenario, source, options);
}

Energy energy_of(const Case& one, const Result& result) {
  return measure_energy(one.scenario, result, make_bill(one.scenario, result));
}

}  // namespace

TEST_CASE("energy lies between idle power and TDP, in every interval and in all") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const Case one = random_case(seed);
    CAPTURE(one.describe);
    const Result result = run(one);
    const Accelerator& gpu = one.scenario.cluster.gpu;
    const double gpus = one.scenario.cluster.tensor_parallel;
    double sum = 0;
    for (const ReplicaResult& replica : result.replicas) {
      SimTime start;
      for (const SeriesPoint& point : replica.series) {
        const SimTime length = std::min(result.series_interval, result.duration - start);
        const double joules = interval_energy(one.scenario, point, length.ps).total();
        REQUIRE(joules >= gpus * gpu.idle_w * length.seconds() * (1 - 1e-12));
        REQUIRE(joules <= gpus * gpu.tdp_w * length.seconds() * (1 + 1e-12));
        sum += joules;
        start = start + length;
      }
    }
    const Energy energy = energy_of(one, result);
    REQUIRE(energy.known());
    CHECK(energy.gpu_kwh * 3.6e6 == doctest::Approx(sum).epsilon(1e-12));
    CHECK(energy.idle_kwh <= energy.gpu_kwh);
    CHECK(energy.facility_kwh >= energy.gpu_kwh);
    CHECK(energy.peak_kw * result.duration.seconds() >= energy.facility_kwh * 3600 * (1 - 1e-12));
  }
}

TEST_CASE("energy does not depend on leaping, and hardly on the intervals") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Case one = random_case(seed);
    CAPTURE(one.describe);
    const Energy leaping = energy_of(one, run(one, true));
    const Energy stepping = energy_of(one, run(one, false));
    CHECK(leaping.gpu_kwh == stepping.gpu_kwh);
    CHECK(leaping.peak_kw == stepping.peak_kw);
    CHECK(leaping.joules_per_token == stepping.joules_per_token);
    one.scenario.timeseries_interval = SimTime::from_seconds(0.1);
    CHECK(energy_of(one, run(one)).gpu_kwh == doctest::Approx(leaping.gpu_kwh).epsilon(0.05));
  }
}

TEST_CASE("energy per token type and what is apart are the energy of the run") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Case one = random_case(seed);
    CAPTURE(one.describe);
    const Result result = run(one);
    const Energy energy = energy_of(one, result);
    double sum = energy.idle_kwh * 3.6e6;
    Int128 recompute = 0;
    for (const LedgerTotals::ClassAccounts& traffic : result.ledger.classes) {
      sum += energy.joules_per_token[0].value_or(0) * static_cast<double>(traffic.input_tokens);
      sum += energy.joules_per_token[2].value_or(0) * static_cast<double>(traffic.output_tokens);
      recompute += traffic.recompute;
    }
    if (recompute == 0) {
      CHECK(sum == doctest::Approx(energy.gpu_kwh * 3.6e6).epsilon(1e-9));
    }
  }
}

}  // namespace penstock
