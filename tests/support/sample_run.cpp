#include "tests/support/sample_run.h"

#include "tests/support/fixtures.h"

namespace penstock::test {
namespace {

struct Row {
  std::uint16_t class_index;
  std::int64_t arrival_ms, scheduled_ms, first_ms, finish_ms;  // -1: never
  std::uint32_t input, output;
  std::int64_t busy_ms;
  RequestStatus status;
};

constexpr Row rows[] = {
    {0, 0, 0, 1000, 3000, 100, 5, 3000, RequestStatus::completed},
    {0, 1000, 1000, 3000, 4000, 100, 2, 1500, RequestStatus::completed},
    {0, 2000, 3000, 3500, 3500, 50, 1, 500, RequestStatus::completed},
    {1, 2000, 2000, 4000, 8000, 400, 9, 2000, RequestStatus::completed},
    {1, 5000, -1, -1, 5000, 9000, 0, 0, RequestStatus::rejected},
    {1, 6000, 7000, 8000, -1, 100, 3, 500, RequestStatus::running},
    {0, 9000, -1, -1, -1, 100, 0, 0, RequestStatus::queued},
};

SimTime at(std::int64_t milliseconds) {
  return milliseconds < 0 ? SimTime{-1} : SimTime{milliseconds * ms};
}

void add_requests(Result& result) {
  for (const Row& row : rows) {
    RequestRecord request;
    request.class_index = row.class_index;
    request.arrival = at(row.arrival_ms);
    request.first_scheduled = at(row.scheduled_ms);
    request.first_token = at(row.first_ms);
    request.finish = at(row.finish_ms);
    request.input_tokens = row.input;
    request.output_tokens = row.output;
    request.busy_ps = row.busy_ms * ms;
    request.computed_input_tokens = row.status == RequestStatus::running ? row.input : 0;
    result.ledger.block_ps.push_back(static_cast<Int128>(row.input + row.output) * row.busy_ms);
    request.status = row.status;
    if (row.status == RequestStatus::rejected) {
      request.reject_reason = RejectReason::prompt_too_long;
      ++result.rejected[static_cast<std::size_t>(RejectReason::prompt_too_long)];
    }
    result.requests.emplace_back() = request;
  }
}

void add_ledger(Result& result) {
  const auto time = [](std::int64_t milliseconds) {
    return static_cast<Int128>(milliseconds) * ms;
  };
  LedgerTotals& ledger = result.ledger;
  ledger.classes.resize(2);
  auto& chat = ledger.classes[0];
  chat.accounts[0] = {time(500), time(1000), time(250), 0, 0, 0, time(250)};
  chat.accounts[2] = {time(1000), time(500), time(250), time(750), time(125), 0, time(375)};
  chat.input_tokens = 250;
  chat.output_tokens = 8;
  chat.input_block_ps = 400'000;
  chat.output_block_ps = 93'500;
  auto& code = ledger.classes[1];
  code.accounts[0] = {time(250), time(1000), 0, 0, 0, 0, 0};
  code.accounts[2] = {time(500), time(250), 0, time(400), time(100), 0, 0};
  code.recompute = time(500);
  code.input_tokens = 500;
  code.output_tokens = 12;
  code.input_block_ps = 800'000;
  code.output_block_ps = 69'500;
  code.recomputed_tokens = 40;
  ledger.idle = time(2000);
  ledger.wall = time(10'000);
}

void add_replica(Result& result) {
  ReplicaResult replica;
  replica.series.resize(2);
  for (SeriesPoint& half : replica.series) {
    half.running_ps = Int128{10} * second;
    half.waiting_ps = Int128{5} * second;
    half.blocks_ps = Int128{25} * 5 * second;
    half.busy_ps = 4 * second;
    half.steps = 10;
    half.sequences = 25;
    half.tokens = 375;
    half.all_tokens = 400;
    half.rows = 10;
    half.sampling_steps = 10;
    half.pairs = 1000;
    half.kv_read = 5000;
    half.flop_time = Int128{1260} * ms * 1024;  // 25.2 % of 5 s
    half.byte_time = Int128{1100} * ms * 1024;
  }
  replica.series[0].arrivals = 4;
  replica.series[0].completed = 3;
  replica.series[1].arrivals = 2;
  replica.series[1].completed = 1;
  replica.total = replica.series[0];
  replica.total.arrivals = 6;
  replica.total.completed = 4;
  replica.total.running_ps *= 2;
  replica.total.waiting_ps *= 2;
  replica.total.blocks_ps *= 2;
  replica.total.busy_ps *= 2;
  replica.total.steps *= 2;
  replica.total.sequences *= 2;
  replica.total.tokens *= 2;
  replica.total.all_tokens *= 2;
  replica.total.rows *= 2;
  replica.total.sampling_steps *= 2;
  replica.total.pairs *= 2;
  replica.total.kv_read *= 2;
  replica.blocks_peak = 80;
  replica.batch_peak = 4;
  result.replicas.push_back(std::move(replica));
}

}  // namespace

SampleRun sample_run(const std::string& class_name) {
  SampleRun run;
  Scenario& scenario = run.scenario;
  scenario.model_name = "llama-3.1-8b";
  scenario.model = fixtures::llama_8b();
  scenario.cluster.gpu = fixtures::h100();
  scenario.cluster.gpu.name = "h100-sxm";
  scenario.cluster.gpu.title = "H100 SXM";
  scenario.cluster.gpu.timing.fit = "end-to-end";
  scenario.cluster.gpu.timing.gemm.flops_efficiency[Dtype::bf16] = 0.7;
  scenario.cluster.gpu.scaleup_domain = 8;
  scenario.cluster.tensor_parallel = 2;
  scenario.engine.preset = "vllm-0.19";
  scenario.engine.num_gpu_blocks = 100;
  scenario.engine.max_model_len = 8192;
  scenario.workload.classes.resize(2);
  scenario.workload.classes[0].name = class_name;
  scenario.workload.classes[1].name = "code";
  scenario.slo.ttft = {1500 * ms};
  scenario.slo.tpot = {600 * ms};
  scenario.slo.attainment = 0.5;
  scenario.prices.gpu_per_hour = 3.60;
  scenario.prices.source = "given in the file";

  Result& result = run.result;
  add_requests(result);
  add_ledger(result);
  add_replica(result);
  result.duration = {10 * second};
  result.series_interval = {5 * second};
  result.stop = StopReason::until;
  result.preemptions = 1;
  result.steps = 20;
  result.gaps.buckets = {{500 * ms, 4}, {1000 * ms, 1}};
  result.gaps.count = 5;
  result.gaps.sum = Int128{3000} * ms;
  result.gaps.sum_squares = Int128{2} * 1'000'000'000 * 1'000'000'000;  // 2 s^2 in ns^2
  result.gaps.min = 500 * ms;
  result.gaps.max = 1000 * ms;
  result.peak.token_flop = 2.0 * ms;
  result.peak.row_flop = 1.0 * ms;
  result.peak.pair_flop = 0.5 * ms;
  result.peak.step_bytes = 50.0 * ms;
  result.peak.head_bytes = 10.0 * ms;
  result.peak.kv_bytes = 0.1 * ms;
  result.bound[0][static_cast<std::size_t>(Resource::memory)] = Int128{5} * second;
  result.bound[2][static_cast<std::size_t>(Resource::compute)] = Int128{3} * second;
  return run;
}

SampleRun sample_run() { return sample_run("chat"); }

}  // namespace penstock::test
