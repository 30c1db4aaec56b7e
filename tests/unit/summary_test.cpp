#include "sim/metrics/summary.h"

#include <doctest/doctest.h>

#include "sim/core/assert.h"
#include "tests/support/sample_run.h"

namespace penstock {
namespace {

using test::ms;
using test::sample_run;
using test::SampleRun;
using test::second;

Summary summary_of(const SampleRun& run) { return summarize(run.scenario, run.result); }

}  // namespace

TEST_CASE("a summary counts every request once") {
  const Summary s = summary_of(sample_run());
  CHECK(s.requests.arrived == 7);
  CHECK(s.requests.completed == 4);
  CHECK(s.requests.rejected == 1);
  CHECK(s.requests.running == 1);
  CHECK(s.requests.queued == 1);
  CHECK(s.classes[0].requests.arrived == 4);
  CHECK(s.classes[1].requests.arrived == 3);
  CHECK(s.requests.preemptions == 1);
}

TEST_CASE("tokens and throughput are work done over the duration") {
  const Summary s = summary_of(sample_run());
  CHECK(s.tokens.input == 750);
  CHECK(s.tokens.output == 20);
  CHECK(s.tokens.recomputed == 40);
  CHECK(s.duration_s == 10);
  CHECK(s.requests_per_s == 0.4);
  CHECK(s.input_tokens_per_s == 75);
  CHECK(s.output_tokens_per_s == 2);
  CHECK(s.total_tokens_per_s == 77);
  CHECK(s.output_tokens_per_s_per_gpu == 1);
}

TEST_CASE("latencies follow their definitions over completed requests") {
  const Summary s = summary_of(sample_run());
  CHECK(s.ttft.count == 4);
  CHECK(s.ttft.mean == 1625);
  CHECK(s.ttft.p50 == 1750);
  CHECK(s.ttft.max == 2000);
  CHECK(s.e2e.mean == 3375);
  CHECK(s.queue.mean == 250);
  CHECK(s.tpot.count == 3);  // one request has a single output token
  CHECK(s.tpot.p50 == 500);
  CHECK(s.tpot.max == 1000);
  CHECK(s.itl.count == 5);
  CHECK(s.itl.mean == 600);
  CHECK(s.itl.std == doctest::Approx(200));
  CHECK(s.classes[1].ttft.mean == 2000);
  CHECK(s.classes[0].e2e.mean == 2500);
}

TEST_CASE("one class alone has the statistics of the whole") {
  SampleRun run = sample_run();
  run.scenario.workload.classes.resize(1);
  run.result.ledger.classes.resize(1);
  run.result.ledger.idle += Int128{3} * second;  // what the other class used
  for (RequestRecord& request : run.result.requests) {
    request.class_index = 0;
  }
  const Summary s = summary_of(run);
  CHECK(s.ttft.mean == 1625);
  CHECK(s.classes[0].ttft.p99 == s.ttft.p99);
  CHECK(s.slo->good == 2);
}

TEST_CASE("attainment counts refused requests and unfinished ones that are late already") {
  const Summary s = summary_of(sample_run());
  REQUIRE(s.classes[0].slo.has_value());
  CHECK(s.classes[0].slo->good == 2);
  CHECK(s.classes[0].slo->counted == 3);  // the queued one is not late yet
  CHECK(s.classes[0].slo->met);
  CHECK(s.classes[1].slo->good == 0);
  CHECK(s.classes[1].slo->counted == 3);  // completed, rejected, running and late
  CHECK_FALSE(s.classes[1].slo->met);
  REQUIRE(s.slo.has_value());
  CHECK(s.slo->attainment == doctest::Approx(1.0 / 3));
  CHECK(s.slo->goodput_requests_per_s == 0.2);
  CHECK_FALSE(s.slo->met);
  CHECK_FALSE(slo_met(s));
}

TEST_CASE("goodput is of the time after the warm-up, as the requests that it counts") {
  SampleRun run = sample_run();
  CHECK(summary_of(run).slo->goodput_requests_per_s == 0.2);  // 2 in 10 s
  run.scenario.workload.warmup = SimTime{2000 * ms};
  const Summary s = summary_of(run);
  CHECK(s.slo->good == 1);
  CHECK(s.slo->goodput_requests_per_s == 1.0 / 8);
  run.scenario.workload.warmup = SimTime{20'000 * ms};
  CHECK(summary_of(run).slo->goodput_requests_per_s == 0);
}

TEST_CASE("a class's own limits replace the workload's") {
  SampleRun run = sample_run();
  run.scenario.workload.classes[1].slo = Slo{.ttft = {1999 * ms}, .attainment = 0.1};
  CHECK(summary_of(run).classes[1].slo->good == 0);
  run.scenario.workload.classes[1].slo = Slo{.ttft = {2000 * ms}, .attainment = 0.1};
  const Summary s = summary_of(run);
  CHECK(s.classes[1].slo->good == 1);     // a limit is met when it is reached exactly
  CHECK(s.classes[1].slo->counted == 2);  // the running one is not late any more
  CHECK(slo_met(s));
}

TEST_CASE("the time per token is compared with its limit exactly") {
  SampleRun run = sample_run();
  run.scenario.slo = Slo{.tpot = {500 * ms}};
  CHECK(summary_of(run).slo->good == 3);  // 500, 1000, (one token), 500 ms
  run.scenario.slo = Slo{.tpot = {500 * ms - 1}};
  CHECK(summary_of(run).slo->good == 1);
}

TEST_CASE("without limits there is no verdict and nothing is missed") {
  SampleRun run = sample_run();
  run.scenario.slo = Slo{};
  const Summary s = summary_of(run);
  CHECK_FALSE(s.slo.has_value());
  CHECK_FALSE(s.classes[0].slo.has_value());
  CHECK(slo_met(s));
}

TEST_CASE("warm-up requests count as work but not for latencies and verdicts") {
  SampleRun run = sample_run();
  run.scenario.workload.warmup = {1500 * ms};
  const Summary s = summary_of(run);
  CHECK(s.requests.completed == 4);
  CHECK(s.ttft.count == 2);
  CHECK(s.classes[0].slo->counted == 1);
  CHECK(s.bill.total == doctest::Approx(0.02));
}

TEST_CASE("utilization is over all GPUs and all of the duration") {
  const UtilizationSummary u = summary_of(sample_run()).utilization;
  CHECK(u.busy == 0.8);
  CHECK(u.kv_mean == 0.25);
  CHECK(u.kv_peak == 0.8);
  CHECK(u.batch_mean == 2.5);
  CHECK(u.batch_peak == 4);
  CHECK(u.steps == 20);
  CHECK(u.mfu.value() == doctest::Approx(0.252));
  CHECK(u.mbu.value() == doctest::Approx(0.22));
  CHECK_FALSE(u.prefix_hit_rate.has_value());
}

TEST_CASE("a constant step model knows no utilization of hardware") {
  SampleRun run = sample_run();
  run.scenario.step_model.kind = StepModelSpec::Kind::constant;
  run.scenario.step_model.constant = SimTime::from_seconds(1);
  CHECK_FALSE(summary_of(run).utilization.mfu.has_value());
}

TEST_CASE("more work than the hardware can do is a bug") {
  SampleRun run = sample_run();
  run.result.peak.token_flop *= 10;
  CHECK_THROWS_AS(summary_of(run), InternalError);
}

TEST_CASE("the bottleneck is the largest share of busy time") {
  const Summary s = summary_of(sample_run());
  REQUIRE(s.bottleneck.has_value());
  CHECK(s.bottleneck->resource == "memory bandwidth");
  CHECK(s.bottleneck->phase == "decode");
  CHECK(s.bottleneck->share == 0.625);
  CHECK(s.mean_in_system == 3);
  CHECK(s.mean_waiting == 1);
}

TEST_CASE("a run without requests has a summary of zeros") {
  SampleRun run = sample_run();
  run.result = Result{};
  run.result.ledger.classes.resize(2);
  run.result.replicas.resize(1);
  const Summary s = summary_of(run);
  CHECK(s.requests.arrived == 0);
  CHECK(s.requests_per_s == 0);
  CHECK(s.ttft.count == 0);
  CHECK(s.utilization.busy == 0);
  CHECK_FALSE(s.bottleneck.has_value());
  CHECK(s.bill.total_nano == 0);
  CHECK_FALSE(slo_met(s));  // nothing measured shows nothing
}

}  // namespace penstock
